"""A witness cannot be kept from its work by whoever reaches its port: connections, bodies, slowness."""

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from andon_wire import merkle
from andon_wire.cosigning import Signer
from andon_wire.note import COSIGNER_KEY, LOG_KEY, Checkpoint, Note
from andon_wire.witness import Request, Witness
from andon_wire.witness_http import Bounds, Server

ORIGIN = "andon/plant"
LOG = Signer.generate(ORIGIN, LOG_KEY)
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(10)]
BOUNDS = Bounds(head=30.0, whole=30.0, at_once=12, of_one_address=5)
DEADLINE = 60.0


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness(tmp_path, Signer.generate("line-1", COSIGNER_KEY), {ORIGIN: [LOG.key]}, lambda: 1e9)
    yield made
    made.close()


class Serving:
    """A server while a test runs; bounds: what one asker may hold."""

    def __init__(self, witness: Witness, bounds: Bounds) -> None:
        self.server = Server(witness, "127.0.0.1", 0, bounds=bounds)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Serving":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(DEADLINE)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        port = self.server.server_address[1]
        return socket.create_connection(("127.0.0.1", port), DEADLINE, (address, 0))


def request(path: str, length: int, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode() + body


def status(connection: socket.socket) -> str:
    return connection.makefile("rb").readline().split(b" ")[1].decode()


def checkpoint(origin: str = ORIGIN) -> bytes:
    body = Checkpoint(origin, len(LEAVES), merkle.root(LEAVES)).text
    return str(Request(0, (), Note(body, (LOG.sign(body),)))).encode()


def test_idle_connections_of_one_address_keep_no_other_from_the_witness(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving, ExitStack() as held:
        for _ in range(33):
            held.enter_context(closing(serving.connect("127.0.0.2")))
        with closing(serving.connect("127.0.0.1")) as honest:
            honest.sendall(request("/add-checkpoint", len(checkpoint()), checkpoint()))
            assert status(honest) == "200"


def test_a_connection_too_many_is_closed_at_once(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving, ExitStack() as held:
        for _ in range(BOUNDS.of_one_address):
            held.enter_context(closing(serving.connect()))
        with closing(serving.connect()) as another:
            assert another.recv(1) == b""
        for n in range(2, 2 + BOUNDS.at_once - BOUNDS.of_one_address):
            held.enter_context(closing(serving.connect(f"127.0.0.{n}")))
        with closing(serving.connect("127.0.0.99")) as another:
            assert another.recv(1) == b""


def test_a_place_that_was_given_back_is_taken_again(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving:
        for _ in range(3 * BOUNDS.of_one_address):
            with closing(serving.connect()) as connection:
                connection.sendall(b"GET /checkpoint HTTP/1.0\r\n\r\n")
                answer = connection.makefile("rb").read()  # to its end, before the next one begins
                assert answer.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("path", ["/add-entries?origin=none&from=0", "/nothing"])
def test_no_body_is_read_for_a_log_that_is_not_known(witness: Witness, path: str) -> None:
    with Serving(witness, BOUNDS) as serving, closing(serving.connect()) as connection:
        connection.sendall(request(path, 100 << 20))
        assert status(connection) == "404"


def test_of_a_checkpoint_no_more_is_read_than_the_lines_that_name_its_log(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving, closing(serving.connect()) as connection:
        connection.sendall(request("/add-checkpoint", 60_000, b"old 0\n\nandon/other\n"))
        assert status(connection) == "404"


def test_a_checkpoint_has_a_length_that_one_can_have(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving, closing(serving.connect()) as connection:
        connection.sendall(request("/add-checkpoint", 100_000))
        assert status(connection) == "413"


@pytest.mark.parametrize("begun", [b"", b"GET /chec", request("/add-checkpoint", 500, b"old 0\n")])
def test_a_request_has_a_deadline_however_it_trickles(witness: Witness, begun: bytes) -> None:
    with (
        Serving(witness, Bounds(head=0.3, whole=0.3)) as serving,
        closing(serving.connect()) as connection,
    ):
        connection.sendall(begun)
        connection.settimeout(0.05)
        for _ in range(int(DEADLINE / 0.05)):  # a byte each time, so that no single wait is long
            try:
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                connection.sendall(b"x")
            except ConnectionError:
                return
    pytest.fail("the connection was never closed")


def test_hashes_that_can_be_of_no_use_are_read_and_not_kept(witness: Witness) -> None:
    with Serving(witness, BOUNDS) as serving, closing(serving.connect()) as connection:
        body = b"".join(LEAVES)
        connection.sendall(request(f"/add-entries?origin={ORIGIN}&from=0", len(body), body))
        assert status(connection) == "409"


def test_hashes_are_taken_in_pieces(witness: Witness) -> None:
    assert witness.add_checkpoint(checkpoint().decode()).status == 200
    read: list[int] = []

    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size or 0)
            return super().read(size)

    assert witness.add_entries(ORIGIN, 0, Pieces(b"".join(LEAVES))).status == 200
    assert read
    assert all(0 < each <= 1 << 20 for each in read)
