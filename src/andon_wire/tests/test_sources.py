"""Sources: what is there is given, and none of them can hold a reader up."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from andon_wire.errors import Missing, Unreachable
from andon_wire.sources import Bounds, FolderSource, HttpSource

Serve = Callable[[Callable[[socket.socket], None]], str]
_PATIENCE_S = 60


class Clock:
    """Goes on by a second at each look."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 1.0
        return self.at


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server of one connection that answers as the test's function does; gives its address."""
    threads: list[threading.Thread] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def start(answer: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            connection, _ = listening.accept()
            connection.settimeout(_PATIENCE_S)
            with connection, contextlib.suppress(OSError):
                received = b""
                while b"\r\n\r\n" not in received:
                    received += connection.recv(4096)
                answer(connection)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/registry"

    yield start
    for each in threads:
        each.join(_PATIENCE_S)
    listening.close()


def test_a_folder_gives_its_files(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "x.json").write_bytes(b"x" * 600_000)
    assert b"".join(FolderSource(tmp_path).pieces("metadata/x.json")) == b"x" * 600_000


@pytest.mark.parametrize("path", ["none", "../outside", "folder", "link", "/etc/passwd"])
def test_what_is_no_plain_file_of_the_folder_is_not_there(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Missing):
        list(FolderSource(root).pieces(path))


def test_a_server_gives_its_files(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    assert b"".join(HttpSource(serve(answer)).pieces("metadata/1.root.json")) == b"hello"


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (404, Missing, "file-missing"),
        (403, Missing, "file-missing"),
        (500, Unreachable, "source-unreadable"),
        (302, Unreachable, "source-unreadable"),
    ],
)
def test_a_server_that_refuses_is_told_apart(
    serve: Serve, status: int, expected: type[Exception], code: str
) -> None:
    def answer(connection: socket.socket) -> None:
        there = b"Location: http://127.0.0.1:1/\r\n"
        connection.sendall(b"HTTP/1.1 %d X\r\n%bContent-Length: 0\r\n\r\n" % (status, there))

    with pytest.raises(expected) as refused:
        list(HttpSource(serve(answer)).pieces("x"))
    assert refused.value.code == code


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "ftp://127.0.0.1", "no address", "https://"):
        with pytest.raises(Unreachable) as refused:
            list(HttpSource(url).pieces("x"))
        assert refused.value.hint


@pytest.mark.parametrize("said", [b"hello", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b""])
def test_an_answer_that_ends_early_is_no_file(serve: Serve, said: bytes) -> None:
    with pytest.raises(Unreachable):
        list(HttpSource(serve(lambda connection: connection.sendall(said))).pieces("x"))


def _drip(*first: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for piece in first:
            connection.sendall(piece)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:  # until the reader has had enough
            connection.sendall(b"x")

    return answer


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"]
)
def test_a_server_that_drips_is_given_up_in_headers_and_in_the_file(serve: Serve, first: bytes) -> None:
    """By the reader's clock: bytes keep coming, but each look at them takes a second."""
    bounds = Bounds(grace_s=5, slowest=1e9, gap_s=_PATIENCE_S)
    source = HttpSource(serve(_drip(first)), bounds=bounds, monotonic=Clock())
    with pytest.raises(Unreachable) as refused:
        for _ in source.pieces("x"):
            pass
    assert refused.value.code == "source-too-slow"


def test_a_server_that_is_fast_enough_is_read_to_the_end(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n")
        connection.sendall(b"x" * 3_000_000)

    bounds = Bounds(grace_s=3, slowest=1, gap_s=_PATIENCE_S)  # each look takes a second, and earns thousands
    assert sum(map(len, HttpSource(serve(answer), bounds=bounds, monotonic=Clock()).pieces("x"))) == 3_000_000


def test_a_server_that_says_nothing_is_given_up(serve: Serve) -> None:
    done = threading.Event()
    source = HttpSource(serve(lambda _: done.wait(_PATIENCE_S) and None), bounds=Bounds(gap_s=0.2))
    try:
        with pytest.raises(Unreachable) as refused:
            list(source.pieces("x"))
    finally:
        done.set()
    assert refused.value.code == "source-too-slow"
