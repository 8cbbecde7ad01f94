"""The registry's files as stations read them: open, by range, cached by name, and nothing else."""

from collections.abc import AsyncIterator

import httpx
import pytest

from andon.api.guard import Protection
from andon.api.http import create
from andon.testing.services import FakePlant

SHA = "a" * 64
BUNDLE = f"targets/screen/1.1.0/{SHA}.bundle-linux-x86_64.andon"
CONTENT = b"".join(at.to_bytes(2, "big") for at in range(512))
STAMP = "metadata/timestamp.json"


@pytest.fixture
def plant() -> FakePlant:
    plant = FakePlant()
    plant.registry.files = {
        STAMP: b"{}",
        "metadata/2.root.json": b"{root}",
        BUNDLE: CONTENT,
        "metadata/.timestamp.json.tmp": b"half",
        "keys/root/1.pem": b"PRIVATE",
        f"targets/screen/1.1.0/.{SHA}.x.tmp": b"half",
    }
    return plant


@pytest.fixture
async def client(plant: FakePlant) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody known."""
    app = create(plant.services(), protection=Protection(anonymous_per_minute=3))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


async def test_a_station_reads_without_signing_in(client) -> None:
    answer = await client.get(f"/registry/{BUNDLE}")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert "immutable" in answer.headers["cache-control"]
    root = await client.get("/registry/metadata/2.root.json")
    assert root.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=1000-", 206, CONTENT[1000:]),
        ("bytes=3-11", 206, CONTENT[3:12]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("bytes=1024-", 416, b""),
    ],
)
async def test_a_download_goes_on_by_range(client, asked: str, status: int, content: bytes) -> None:
    answer = await client.get(f"/registry/{BUNDLE}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)
    if status == 206:
        begin = CONTENT.index(content)
        assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(content) - 1}/1024"
    if status == 416:
        assert answer.headers["content-range"] == "bytes */1024"


async def test_a_range_of_another_file_is_not_given(client) -> None:
    headers = {"Range": "bytes=3-", "If-Range": '"another"'}
    assert (await client.get(f"/registry/{BUNDLE}", headers=headers)).content == CONTENT


async def test_what_a_reader_has_already_is_not_sent_again(plant, client) -> None:
    for path in (STAMP, BUNDLE):
        tag = (await client.get(f"/registry/{path}")).headers["etag"]
        again = await client.get(f"/registry/{path}", headers={"If-None-Match": f'"x", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
    plant.registry.files[STAMP] = b"{new}"
    fresh = await client.get(f"/registry/{STAMP}", headers={"If-None-Match": tag})
    assert fresh.content == b"{new}"
    assert fresh.headers["cache-control"] == "no-cache"


async def test_a_look_at_the_head_says_the_size(client) -> None:
    answer = await client.head(f"/registry/{BUNDLE}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "metadata/",
        "metadata/.timestamp.json.tmp",
        "metadata/3.root.json",
        "metadata/timestamp.json/",
        "keys/root/1.pem",
        "metadata/../keys/root/1.pem",
        "metadata/%2e%2e/keys/root/1.pem",
        f"targets/screen/1.1.0/.{SHA}.x.tmp",
        "targets/screen/1.1.0/",
        "targets/screen/1.1.0/short.andon",
    ],
)
async def test_nothing_else_is_given_and_nothing_is_listed(client, path: str) -> None:
    answer = await client.get(f"/registry/{path}")
    assert answer.status_code == 404
    assert b"PRIVATE" not in answer.content
    assert b"half" not in answer.content


async def test_nobody_sends_anything_there(client) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await client.request(method, f"/registry/{BUNDLE}")).status_code in {403, 405}


async def test_stations_behind_one_address_are_not_counted(client) -> None:
    for _ in range(10):
        assert (await client.get(f"/registry/{STAMP}")).status_code == 200
