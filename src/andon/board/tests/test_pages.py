"""Pages as HTML: both languages, errors for people, fragments, and short-lived caching."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Request
from structlog.testing import capture_logs

from andon.api.http import create
from andon.api.model import StageView
from andon.board import pages
from andon.board.frame import Frame
from andon.kernel.clock import ManualClock
from andon.kernel.errors import NotFound
from andon.testing import scenes
from andon.testing.services import FakePlant


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@pytest.fixture
async def client(plant: FakePlant) -> AsyncIterator[httpx.AsyncClient]:
    services = plant.services()
    app = create(services)
    pages.install(app, services)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Accept": "text/html"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8460", headers=headers
    ) as opened:
        yield opened


PAGES = [
    "/",
    *(f"/rollouts/{each}" for each in (scenes.UNDER_WAY, scenes.TAKEN_BACK, scenes.PROMOTED)),
    "/units/mes/production",
    "/units/unknown/nowhere",
    f"/runs/{scenes.SHIPPING}",
    f"/runs/{scenes.SHIPPED}",
]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_whole_in_both_languages(client, path):
    for language in ("en", "ko"):
        answer = await client.get(path, params={"lang": language})
        assert answer.status_code == 200
        assert f'<html lang="{language}"' in answer.text
        assert answer.text.rstrip().endswith("</html>")
        assert answer.cookies["andon_lang"] == language


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_inline_script_or_style_and_names_no_other_host(client, path):
    text = (await client.get(path)).text
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick=" not in text
    assert text.count("<script") == 1
    addresses = text.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")
    assert "http://" not in addresses
    assert "https://" not in addresses


async def test_a_fragment_is_the_living_part_alone(client):
    text = (await client.get("/?fragment=true")).text
    assert text.lstrip().startswith('<div id="live"')
    assert "<dialog" not in text


async def test_what_people_write_is_escaped(client, plant):
    plant.cords.append(scenes.a_cord("<script>alert(1)</script>", plant.clock.now()))
    text = (await client.get("/")).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text


async def test_an_error_is_a_page_for_people_and_a_problem_for_programs(client):
    page = await client.get("/rollouts/ro-none?lang=ko")
    assert page.status_code == 404
    assert "이 페이지를 표시할 수 없습니다" in page.text
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    program = await client.get("/api/v1/rollouts/ro-none")
    assert program.headers["content-type"] == "application/problem+json"


async def test_the_board_shows_an_error_when_everything_is_away(client, plant):
    plant.desired = None  # type: ignore[assignment]
    with capture_logs():
        page = await client.get("/")
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "unexpected" in page.text


async def test_the_same_page_is_made_once_for_many_viewers():
    plant = scenes.a_busy_morning(FakePlant(clock=ManualClock()))
    made = []
    observe = plant.services().instances

    async def counting(*place):
        made.append(place)
        return await observe(*place)

    from dataclasses import replace

    services = replace(plant.services(), instances=counting)
    app = create(services)
    pages.install(app, services)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as viewer:
        for _ in range(20):
            await viewer.get("/?fragment=true")
    assert len(made) == len(plant.desired)


async def test_asking_for_pages_that_are_not_there_leaves_nothing_behind(plant):
    services = plant.services()
    app = create(services)
    frame = Frame(services, app.state.feed)

    async def missing(_seen):
        raise NotFound("no-such-rollout", "there is no such rollout")

    for number in range(3):
        asked = Request(
            {"type": "http", "path": f"/rollouts/ro-{number}", "query_string": b"", "headers": []}
        )
        with pytest.raises(NotFound):
            await frame.show(asked, "rollout.html", "", missing, only_live=False)
    assert frame._locks == {}


async def test_static_files_are_small_and_kept(client):
    script, sheet = await client.get("/static/board.js"), await client.get("/static/board.css")
    assert "immutable" in script.headers["cache-control"]
    assert len(script.content) <= 20_000
    assert len(sheet.content) <= 40_000
    assert (await client.get("/static/secret")).status_code == 404


async def test_an_empty_floor_says_how_to_begin():
    services = FakePlant().services()
    app = create(services)
    pages.install(app, services)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as viewer:
        text = (await viewer.get("/")).text
    assert "andon ship" in text


def test_stages_side_by_side_stand_in_one_column():
    def stage(name: str, *needs: str) -> StageView:
        return StageView(
            name=name, needs=list(needs), state="waiting", attempt=0, started_at=None,
            finished_at=None, duration_s=None, summary="",
        )  # fmt: skip

    stages = [stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "a", "b", "c")]
    assert [[each.name for each in column] for column in pages.columns(stages)] == [["a"], ["b", "c"], ["d"]]
