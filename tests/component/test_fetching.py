"""The client that asks units, outside systems and Prometheus: what it is bounded by, over real sockets."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from andon.kernel.errors import Unavailable
from andon.kernel.fetching import Answer, Fetcher, Question
from andon.testing.outside import OutsideServer

LONG, SHORT = timedelta(seconds=20), timedelta(milliseconds=300)
Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def server() -> AsyncIterator[OutsideServer]:
    made = OutsideServer()
    yield made
    await made.stop()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher(code="no-answer", most_bytes=1000, headers={"Authorization": "Bearer plant"})
    yield made
    await made.close()


@asynccontextmanager
async def speaking(head: str, speak: Speak) -> AsyncIterator[str]:
    """A server that says `head`, then whatever `speak` writes, until its client is gone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head.replace("\n", "\r\n").encode())
            await speak(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


async def test_an_answer_is_given_whole_whatever_it_says_and_content_only_of_a_yes(server, fetcher):
    for status in (200, 404, 503):
        server.play.says("/page", b"words", status)
        assert await fetcher.ask(Question(f"{server.base}/page", LONG)) == Answer(status, b"words")
    with pytest.raises(Unavailable, match=r"/page answered 503") as caught:
        await fetcher.content(Question(f"{server.base}/page", LONG))
    assert caught.value.code == "no-answer"
    server.play.says("/page", b"words", 201)
    assert await fetcher.content(Question(f"{server.base}/page", LONG)) == b"words"


async def test_what_is_sent_is_what_was_asked_and_what_belongs_to_the_client(server, fetcher):
    server.play.says("/", b"")
    await fetcher.ask(Question(f"{server.base}/", LONG, method="POST", headers={"X-Own": "1"}, body=b"{}"))
    await fetcher.ask(Question(f"{server.base}/", LONG, method="POST", form={"query": "a b"}))
    first, second = server.play.posted
    assert (first.body, first.headers["x-own"], first.headers["authorization"]) == (
        b"{}",
        "1",
        "Bearer plant",
    )
    assert (second.body, second.headers["content-type"]) == (
        b"query=a+b",
        "application/x-www-form-urlencoded",
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(server, fetcher, status):
    server.play.says("/gate", b"", status)
    server.play.says("/elsewhere", b"yes")
    assert (await fetcher.ask(Question(f"{server.base}/gate", LONG))).status == status
    with pytest.raises(Unavailable, match=f"answered {status}"):
        await fetcher.content(Question(f"{server.base}/gate", LONG))
    assert "/elsewhere" not in server.play.asked


async def test_no_proxy_of_the_machine_is_used(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.play.says("/", b"here")
    fetcher = Fetcher(code="no-answer", most_bytes=10)
    assert await fetcher.content(Question(f"{server.base}/", LONG)) == b"here"
    await fetcher.close()


async def test_who_is_silent_is_not_waited_for_and_is_named_as_asked(server, fetcher):
    server.play.hangs.add("/gate")
    with pytest.raises(Unavailable, match=r"^the gate did not answer within 0\.3 s$"):
        await fetcher.ask(Question(f"{server.base}/gate", SHORT, named="the gate"))


async def test_an_answer_that_trickles_for_ever_is_not_waited_for(fetcher):
    async def trickle(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"1\r\n.\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with speaking("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", trickle) as url:
        big = Fetcher(code="no-answer", most_bytes=1 << 30)
        with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
            await big.ask(Question(url, SHORT))
        await big.close()


async def test_a_no_is_told_before_its_endless_page_is_read(fetcher):
    async def nothing(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with speaking("HTTP/1.1 503 Busy\nContent-Length: 100\n\n", nothing) as url:
        with pytest.raises(Unavailable, match="answered 503"):
            await fetcher.content(Question(url, LONG))


async def test_an_answer_may_be_as_large_as_it_may_and_no_byte_larger(server, fetcher):
    server.play.says("/page", b" " * 1000)
    assert len(await fetcher.content(Question(f"{server.base}/page", LONG))) == 1000
    server.play.says("/page", b" " * 1001)
    with pytest.raises(Unavailable, match="answered more than 1,000 bytes"):
        await fetcher.ask(Question(f"{server.base}/page", LONG))


async def test_a_packed_answer_counts_unpacked(fetcher):
    packed = gzip.compress(b" " * 1_000_000)
    assert len(packed) < 2000

    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(packed)
        await writer.drain()

    head = f"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {len(packed)}\n\n"
    async with speaking(head, pour) as url:
        with pytest.raises(Unavailable, match="more than 1,000 bytes"):
            await fetcher.ask(Question(url, LONG))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://127.0.0.1:99999/", "ftp://127.0.0.1/", "http://[/", "nothing"]
)
async def test_nobody_there_and_no_address_are_no_answer(fetcher, url):
    with pytest.raises(Unavailable, match="did not answer"):
        await fetcher.ask(Question(url, LONG))


async def test_without_anybody_to_trust_no_secure_address_is_asked(server, fetcher):
    with pytest.raises(Unavailable, match="did not answer"):
        await fetcher.ask(Question(server.base.replace("http:", "https:"), LONG))
    assert server.play.asked == []


async def test_a_client_that_was_closed_may_be_asked_again(server, fetcher):
    server.play.says("/", b"")
    for _ in range(2):
        assert (await fetcher.ask(Question(f"{server.base}/", LONG))).status == 200
        await fetcher.close()
