"""Pages as HTML: both languages, who sees what, errors for people, fragments, and short-lived caching."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from fastapi import Request
from structlog.testing import capture_logs

from andon.api import callers
from andon.api.declared import check_declared
from andon.api.http import create
from andon.api.model import StageView
from andon.board import assets, pages
from andon.board.frame import Frame, Page
from andon.kernel.clock import ManualClock
from andon.kernel.errors import NotFound
from andon.kernel.ids import UnitName, Version
from andon.releases.notes import Notes
from andon.testing import scenes
from andon.testing.access import PASSWORD, caller_as, client_as, headers_as
from andon.testing.board import board, person
from andon.testing.services import FakePlant
from andon.timeline.records import Event, Severity


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@pytest.fixture
async def client(plant: FakePlant) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(plant, "admin", app=board(plant)) as opened:
        opened.headers["Accept"] = "text/html"
        yield opened


PAGES = [
    "/",
    *(f"/rollouts/{each}" for each in (scenes.UNDER_WAY, scenes.TAKEN_BACK, scenes.PROMOTED)),
    "/units/mes/production",
    "/units/unknown/nowhere",
    f"/runs/{scenes.SHIPPING}",
    f"/runs/{scenes.SHIPPED}",
    "/me",
    "/device",
    "/users",
    "/users/engineer",
    "/roles",
    "/tokens",
    "/policies",
    "/timeline",
    "/timeline?kind=rollout.created&severity=info&since=2020-01-01",
    "/timeline/1",
    "/signatures",
]


async def test_a_page_is_whole_in_both_languages(client):
    for path in PAGES:
        for language in ("en", "ko"):
            joiner = "&" if "?" in path else "?"
            answer = await client.get(f"{path}{joiner}lang={language}")
            assert answer.status_code == 200, path
            assert f'<html lang="{language}"' in answer.text
            assert answer.text.rstrip().endswith("</html>")
            assert answer.cookies["andon_lang"] == language


@pytest.mark.asvs("1.2.3", "3.7.1")
async def test_a_page_has_no_inline_script_or_style_and_names_no_other_host(client):
    for path in PAGES:
        text = (await client.get(path)).text
        for forbidden in (" style=", "<style", " onclick=", " onsubmit="):
            assert forbidden not in text, (path, forbidden)
        assert text.count("<script") == text.count('<script src="/static/')
        addresses = text.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")
        assert "http://" not in addresses, path
        assert "https://" not in addresses, path


async def test_a_fragment_is_the_living_part_alone(client):
    text = (await client.get("/?fragment=true")).text
    assert text.lstrip().startswith("<title>")
    assert '<div id="live"' in text
    assert "<dialog" not in text


@pytest.mark.asvs("1.1.2", "1.2.1", "1.2.3")
async def test_what_people_write_is_escaped(client, plant):
    plant.cords.append(scenes.a_cord("<script>alert(1)</script>", plant.clock.now()))
    text = (await client.get("/")).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize(("language", "heading"), [("en", "Release notes"), ("ko", "릴리스 노트")])
async def test_a_rollout_shows_the_notes_of_its_candidate_as_text(client, plant, language, heading):
    path = f"/rollouts/{scenes.UNDER_WAY}?lang={language}"
    key = (UnitName("mes"), Version("1.3.0"))
    plant.notes[key] = Notes("# New\n<img src=x onerror=alert(1)>\n</pre><script>alert(2)</script>")
    text = (await client.get(path)).text
    assert f'<h2 id="h-notes">{heading} ' in text
    assert "# New\n&lt;img src=x onerror=alert(1)&gt;\n&lt;/pre&gt;&lt;script&gt;" in text
    assert not any(each in text for each in ("<img src=x", "<script>alert"))


async def test_notes_that_cannot_be_shown_say_why(client, plant):
    plant.notes[UnitName("mes"), Version("1.3.0")] = Notes(
        fault="mes/1.3.0/notes.md is <not> what was signed"
    )
    text = (await client.get(f"/rollouts/{scenes.UNDER_WAY}?lang=en")).text
    assert "The notes cannot be shown: mes/1.3.0/notes.md is &lt;not&gt; what was signed" in text


async def test_a_candidate_without_notes_says_nothing_of_them(client, plant):
    del plant.notes[UnitName("mes"), Version("1.3.0")]
    assert "h-notes" not in (await client.get(f"/rollouts/{scenes.UNDER_WAY}?lang=en")).text


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


async def test_the_same_page_is_made_once_for_all_with_the_same_rights():
    plant = scenes.a_busy_morning(FakePlant(clock=ManualClock()))
    plant.access.add("second", *plant.access.users["us-viewer"].grants)
    made = []
    services = plant.services()
    observe = services.instances

    async def counting(*place):
        made.append(place)
        return await observe(*place)

    services = replace(services, instances=counting)
    app = create(services)
    pages.install(app, services)
    async with client_as(plant, None, app=app) as client:
        for who in ("viewer", "second") * 10:
            assert (await client.get("/?fragment=true", headers=headers_as(plant, who))).status_code == 200
        assert len(made) == len(plant.desired)
        await client.get("/?fragment=true", headers=headers_as(plant, "engineer"))
    assert len(made) == 2 * len(plant.desired)


@pytest.mark.asvs("14.2.2", "8.2.3")
async def test_a_page_made_for_an_admin_is_never_given_to_a_viewer():
    plant = scenes.a_busy_morning(FakePlant(clock=ManualClock()))
    async with client_as(plant, None, app=board(plant)) as client:
        path = "/units/mes/staging?fragment=true"
        shown = {
            who: (await client.get(path, headers=headers_as(plant, who))).text for who in ("admin", "viewer")
        }
        whole = {
            who: (await client.get("/", headers=headers_as(plant, who))).text for who in ("admin", "viewer")
        }
    assert 'data-act="/api/v1/units/mes' in shown["admin"]
    assert "data-act" not in shown["viewer"]
    assert "You lack the right “Roll back” for mes · staging" in shown["viewer"]
    assert 'href="/users"' in whole["admin"]
    assert 'href="/users"' not in whole["viewer"]
    assert "Admin" in whole["admin"]
    assert "Admin" not in whole["viewer"]


@pytest.mark.asvs("8.2.1")
@pytest.mark.part11("11.10(d)")
async def test_every_page_declares_who_may_see_it(plant):
    check_declared(board(plant))


@pytest.mark.asvs("4.1.2")
async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(plant):
    async with person(plant, None) as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 303, path
            address = httpx.URL(answer.headers["location"])
            assert address.path == "/login"
            assert address.params.get("next", "/") == path
            joiner = "&" if "?" in path else "?"
            assert (await client.get(f"{path}{joiner}fragment=true")).status_code == 401


@pytest.mark.asvs("3.7.2", "1.2.2")
async def test_the_page_of_signing_in_leads_back_to_a_page_of_ours_only(plant):
    async with person(plant, None) as client:
        for wanted, shown in (
            ("//evil.example", "/"),
            ("/timeline?kind=x", "/timeline?kind=x"),
            ("https://evil", "/"),
        ):
            text = (await client.get("/login", params={"next": wanted})).text
            assert f'data-next="{shown}"' in text
    async with person(plant, "viewer") as client:
        for wanted, to in (("//evil.example", "/"), ("/timeline", "/timeline")):
            answer = await client.get("/login", params={"next": wanted})
            assert (answer.status_code, answer.headers["location"]) == (303, to)


async def test_signing_in_shows_no_name_no_menu_and_no_cord(plant):
    async with person(plant, None) as client:
        text = (await client.get("/login")).text
    assert text.count("<script") == text.count('<script src="/static/')
    assert " style=" not in text
    assert "cord-dialog" not in text
    assert 'id="person"' not in text
    assert 'autocomplete="current-password"' in text
    assert 'autocomplete="new-password"' in text


async def test_who_may_not_see_people_reads_which_right_is_missing_and_who_gives_it(plant):
    async with person(plant, None) as client:
        for who in ("viewer", "operator", "engineer", "approver", "scoped"):
            for path in ("/users", "/users/admin"):
                answer = await client.get(path, headers=headers_as(plant, who))
                assert answer.status_code == 403, (who, path)
                for said in ("users.view", "See people and roles", "administrator", ">auditor<"):
                    assert said in answer.text, (who, path, said)
            tokens = await client.get("/tokens", headers=headers_as(plant, who))
            assert (tokens.status_code, "users.manage" in tokens.text) == (403, True)


async def test_an_auditor_sees_everything_and_is_offered_no_change(plant):
    async with person(plant, "auditor") as client:
        for path in PAGES:
            if path.startswith(("/me", "/device", "/tokens")):
                continue
            text = (await client.get(path, params={"fragment": "true"} if "?" not in path else None)).text
            assert "data-act" not in text, path
            assert "data-api" not in text, path


@pytest.mark.asvs("8.2.2", "8.4.1")
async def test_a_person_with_one_scope_sees_nothing_of_the_rest(plant):
    async with person(plant, "scoped") as client:
        floor = (await client.get("/")).text
        assert "tile-mes-staging" in floor
        assert "tile-mes-production" not in floor
        assert "roastery" not in floor
        assert (await client.get("/units/mes/production")).status_code == 403
        assert (await client.get(f"/rollouts/{scenes.UNDER_WAY}")).status_code == 404
        number = next(each.number for each in plant.records if each.event.environment == "production")
        assert (await client.get(f"/timeline/{number}")).status_code == 404
        policies = (await client.get("/policies")).text
        assert "policy-production" not in policies


@pytest.mark.asvs("3.5.1")
async def test_every_page_has_the_proof_of_its_own_session(plant):
    app = board(plant)
    async with client_as(plant, None, app=app) as client:
        for who in ("viewer", "viewer"):
            headers = headers_as(plant, who)
            text = (await client.get("/", headers=headers)).text
            assert f'<meta name="andon-csrf" content="{headers["X-Andon-CSRF"]}">' in text
            fragment = (await client.get("/?fragment=true", headers=headers)).text
            assert headers["X-Andon-CSRF"] not in fragment


async def test_asking_for_pages_that_are_not_there_leaves_nothing_behind(plant):
    app = board(plant)
    frame = Frame(plant.services(), app.state.gather, app.state.feed)
    caller = caller_as(plant, "viewer")

    async def missing(_seen):
        raise NotFound("no-such-rollout", "there is no such rollout")

    for number in range(3):
        scope = {"type": "http", "path": f"/rollouts/ro-{number}", "query_string": b"", "headers": []}
        callers.keep(scope, callers.Identity(caller.origin, caller.principal))
        with pytest.raises(NotFound):
            await frame.show(Request(scope), Page("rollout.html"), missing)
    assert frame._locks == {}


async def test_a_record_shows_what_changed_by_sign_and_word_with_its_hash(client, plant):
    event = Event(
        "access.grants-changed", "user/minseo", "admin", "line 2", severity=Severity.WARNING,
        before={"grants": ["viewer"], "old": 1}, after={"grants": ["engineer"], "new": {"deep": True}},
        role="admin", source="10.1.2.3", correlation="abcdef12",
    )  # fmt: skip
    number = plant.tell(event).number
    text = (await client.get(f"/timeline/{number}")).text
    for said in (
        "± changed",
        "− removed",
        "+ added",
        "new.deep",
        "10.1.2.3",
        "abcdef12",
        "Roles of a person changed",
    ):
        assert said.replace("±", "").replace("−", "").replace("+", "").strip() in text
    assert text.count("<del>") == 2
    assert text.count("<ins>") == 2


async def test_the_timeline_pages_back_and_keeps_its_filter(client, plant):
    for number in range(120):
        plant.tell(
            Event("rollout.paused", f"rollout/ro-{number}", "jiwoo", f"note {number}", "mes", "production")
        )
    first = (await client.get("/timeline", params={"actor": "jiwoo", "kind": "rollout.paused"})).text
    assert first.count('<li id="r') == 50
    before = plant.records[-50].number
    assert f"actor=jiwoo&amp;kind=rollout.paused&amp;before={before}" in first
    older = await client.get(f"/timeline?actor=jiwoo&kind=rollout.paused&before={before}")
    assert f'id="r{before - 1}"' in older.text
    assert f'id="r{before}"' not in older.text
    assert 'data-topics=""' in older.text


async def test_a_filter_that_matches_nothing_says_so(client):
    text = (await client.get("/timeline?actor=nobody")).text
    assert "No record matches" in text


@pytest.mark.asvs("10.7.1")
async def test_a_code_of_a_terminal_is_shown_with_where_it_comes_from(client, plant):
    services = plant.services()
    begun = await services.devices.begin(source="10.0.0.7", agent="andon/0.1 on line-pc")
    app = create(services)
    pages.install(app, services)
    async with client_as(plant, "engineer", app=app) as own:
        text = (await own.get(f"/device?code={begun.user_code.lower()}")).text
        assert "10.0.0.7" in text
        assert "andon/0.1 on line-pc" in text
        assert f"/api/v1/login/device/{begun.user_code}/approve" in text
        assert "nothing waits for this code" in (await own.get("/device?code=XXXX-XXXX")).text
        led = await own.get("/login/device", params={"code": begun.user_code})
        assert led.headers["location"] == f"/device?code={begun.user_code}"


async def test_a_password_is_on_no_page(plant):
    plant.access.add("fresh", must_change_password=True)
    async with person(plant, "admin") as client:
        for path in PAGES:
            assert PASSWORD not in (await client.get(path)).text


async def test_static_files_are_small_and_kept(client):
    files = {name: await client.get(f"/static/{name}") for name in (*assets.SCRIPTS, *assets.SHEETS)}
    assert all("immutable" in each.headers["cache-control"] for each in files.values())
    assert sum(len(files[name].content) for name in assets.SCRIPTS) <= 36_000
    assert sum(len(files[name].content) for name in assets.SHEETS) <= 44_000
    assert (await client.get("/static/secret")).status_code == 404


async def test_an_empty_floor_says_how_to_begin():
    async with person(FakePlant(), "viewer") as client:
        assert "andon ship" in (await client.get("/")).text


def test_stages_side_by_side_stand_in_one_column():
    def stage(name: str, *needs: str) -> StageView:
        return StageView(
            name=name, needs=list(needs), state="waiting", attempt=0, started_at=None,
            finished_at=None, duration_s=None, summary="",
        )  # fmt: skip

    stages = [stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "a", "b", "c")]
    assert [[each.name for each in column] for column in pages.columns(stages)] == [["a"], ["b", "c"], ["d"]]


async def test_an_account_that_was_reset_is_confirmed_by_a_second_person_only(plant):
    plant.access.add("minseo", signing_suspended_by="admin")
    plant.access.add("second", *plant.access.users["us-admin"].grants)
    confirm = 'data-act="/api/v1/users/minseo/confirm"'
    app = board(plant)
    async with client_as(plant, None, app=app) as client:
        shown = {
            who: (await client.get("/users/minseo", headers=headers_as(plant, who))).text
            for who in ("second", "admin", "auditor")
        }
        assert "may not sign yet" in (await client.get("/users", headers=headers_as(plant, "admin"))).text
        korean = await client.get("/users/minseo?lang=ko", headers=headers_as(plant, "second"))
        calm = (await client.get("/users/engineer", headers=headers_as(plant, "second"))).text
    assert [confirm in each for each in shown.values()] == [True, False, False]
    assert "Somebody else confirms" in shown["admin"]
    assert all("admin has set a new password" in each for each in shown.values())
    assert "본인 확인" in korean.text
    assert "/confirm" not in calm


async def test_pulling_with_a_return_is_offered_to_who_may_abort(plant):
    async with person(plant, None) as client:
        offered = {
            who: 'name="return"' in (await client.get("/", headers=headers_as(plant, who))).text
            for who in ("operator", "engineer", "approver")
        }
    assert offered == {"operator": False, "engineer": True, "approver": True}
