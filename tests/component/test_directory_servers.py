"""Servers that die, hang, lie about who they are or are not encrypted; with real OpenLDAP processes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from andon.access.directory.ldap import LdapDirectory
from andon.access.directory.model import DirectorySettings
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import Damaged, Forbidden, Unavailable
from andon.testing.slapd import SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Authority, Slapd

ONE_SENTENCE = "the plant's directory cannot be asked at the moment"

Open = Callable[..., LdapDirectory]
Start = Callable[..., Slapd]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
def start(authority: Authority, tmp_path: Path) -> Iterator[Start]:
    """Starts servers with alice in them."""
    every: list[Slapd] = []

    def make(**changes) -> Slapd:
        server = Slapd(tmp_path / f"server{len(every)}", changes.pop("authority", authority), **changes)
        every.append(server.__enter__())
        server.add_person("alice", "word")
        return server

    yield make
    for each in every:
        each.stop()


@pytest.fixture
async def opened(authority: Authority, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens directories that trust the authority of this test, with short time limits."""
    every = []
    ca_file = authority.save(tmp_path / "ca.pem")

    async def bind_password() -> str:
        return SERVICE_PASSWORD

    def make(*servers: str, clock=None, **changes) -> LdapDirectory:
        usual = {"servers": servers, "bind_dn": SERVICE_DN, "base_dn": SUFFIX, "ca_file": str(ca_file)}
        usual |= {"connect_timeout": timedelta(seconds=1), "timeout": timedelta(seconds=1)}
        chosen = DirectorySettings(**(usual | changes))
        every.append(LdapDirectory(chosen, bind_password=bind_password, clock=clock or SystemClock()))
        return every[-1]

    yield make
    for each in every:
        await each.close()


async def refused(directory: LdapDirectory, kind: type[Damaged | Unavailable]) -> str:
    """What plant IT reads, once it is sure that the person reads one sentence."""
    with pytest.raises(kind) as seen:
        await directory.authenticate("alice", "word")
    assert seen.value.message == ONE_SENTENCE
    with pytest.raises(kind) as told:
        await directory.probe()
    return told.value.message


@contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does `answer` with each connection. Its URL without a scheme."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                held.append(connection)
                with suppress(OSError):
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"localhost:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()
        thread.join(5)


# --- encryption


@pytest.mark.parametrize("scheme", ["url", "tls_url"])
async def test_both_ways_of_encryption_sign_in(start: Start, opened: Open, scheme: str) -> None:
    directory = opened(getattr(start(), scheme))
    await directory.probe()
    assert (await directory.authenticate("alice", "word")).login == "alice"


@pytest.mark.asvs("12.3.2", "12.3.4")
@pytest.mark.parametrize("scheme", ["url", "tls_url"])
async def test_a_certificate_of_an_unknown_authority_is_refused(
    start: Start, opened: Open, scheme: str
) -> None:
    server = start(authority=Authority.make("Somebody"))
    text = await refused(opened(getattr(server, scheme)), Damaged)
    assert "has a certificate that is not trusted: unable to get local issuer certificate" in text


@pytest.mark.parametrize("scheme", ["url", "tls_url"])
async def test_an_expired_certificate_is_refused(start: Start, opened: Open, scheme: str) -> None:
    server = start(certificate_ends_in=timedelta(days=-1))
    assert "certificate has expired" in await refused(opened(getattr(server, scheme)), Damaged)


@pytest.mark.asvs("12.3.2")
@pytest.mark.parametrize("scheme", ["url", "tls_url"])
async def test_a_certificate_for_another_host_is_refused(start: Start, opened: Open, scheme: str) -> None:
    server = start(names=["other.example", "127.0.0.2"])
    text = await refused(opened(getattr(server, scheme)), Damaged)
    assert "Hostname mismatch, certificate is not valid for 'localhost'" in text
    text = await refused(opened(getattr(server, scheme).replace("localhost", "127.0.0.1")), Damaged)
    assert "IP address mismatch" in text


async def test_an_address_in_the_certificate_is_as_good_as_a_name(start: Start, opened: Open) -> None:
    url = start(names=["127.0.0.1"]).tls_url.replace("localhost", "127.0.0.1")
    assert (await opened(url).authenticate("alice", "word")).login == "alice"


async def test_without_a_ca_file_the_systems_authorities_decide(start: Start, opened: Open) -> None:
    assert "not trusted" in await refused(opened(start().tls_url, ca_file=""), Damaged)


async def test_a_missing_ca_file_is_named(start: Start, opened: Open, tmp_path: Path) -> None:
    text = await refused(opened(start().tls_url, ca_file=str(tmp_path / "gone.pem")), Damaged)
    assert "gone.pem cannot be read" in text


async def test_a_ca_file_that_is_no_certificate_is_refused(
    start: Start, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "odd.pem").write_text("no certificate")
    await refused(opened(start().tls_url, ca_file=str(tmp_path / "odd.pem")), Damaged)


@pytest.mark.asvs("12.2.1", "12.3.1")
async def test_a_server_without_starttls_gets_no_password(start: Start, opened: Open) -> None:
    text = await refused(opened(start(has_tls=False).url), Damaged)
    assert "does not offer StartTLS, or somebody on the way takes it out; nothing was sent to it" in text


async def test_a_man_in_between_who_takes_starttls_out_reads_no_password(opened: Open) -> None:
    heard = bytearray()

    def strip(connection: socket.socket) -> None:
        connection.settimeout(5)
        heard.extend(connection.recv(4096))
        # extendedResponse to message 1: protocolError.
        connection.sendall(bytes.fromhex("300c02010178070a010204000400"))
        while more := connection.recv(4096):
            heard.extend(more)

    with listener(strip) as address:
        await refused(opened(f"ldap://{address}"), Damaged)
    assert b"1.3.6.1.4.1.1466.20037" in heard
    assert SERVICE_PASSWORD.encode() not in heard
    assert b"word" not in heard


async def test_plain_is_for_this_machine_and_on_purpose_only(start: Start, opened: Open) -> None:
    server = start(has_tls=False)
    directory = opened(server.url, start_tls=False, allow_plain=True)
    assert (await directory.authenticate("alice", "word")).login == "alice"


@pytest.mark.asvs("12.1.1")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_old_tls_is_refused(authority: Authority, opened: Open, tmp_path: Path) -> None:
    authority.issue(tmp_path, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    def old(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).close()

    with listener(old) as address:
        assert "TLS 1.2" in await refused(opened(f"ldaps://{address}"), Damaged)


# --- what does not answer


async def test_the_second_server_answers_when_the_first_is_killed(start: Start, opened: Open) -> None:
    clock = SystemClock()
    first, second = start(), start()
    limit = timedelta(seconds=30)
    directory = opened(first.tls_url, second.tls_url, connect_timeout=limit, timeout=limit)
    await directory.authenticate("alice", "word")
    first.stop()
    began = clock.monotonic()
    assert (await directory.authenticate("alice", "word")).login == "alice"
    assert clock.monotonic() - began < 20  # its limit is not waited for; measured: 0.1 s
    with pytest.raises(Unavailable) as caught:
        await directory.probe()
    assert first.tls_url in caught.value.message
    assert second.tls_url not in caught.value.message


async def test_a_dead_server_is_asked_last_until_its_time_is_over(start: Start, opened: Open) -> None:
    asked = []

    def hang_up(connection: socket.socket) -> None:
        asked.append(1)
        connection.close()

    clock = ManualClock(SystemClock().now())
    with listener(hang_up) as address:
        directory = opened(f"ldaps://{address}", start().tls_url, clock=clock)
        for _ in range(3):
            await directory.authenticate("alice", "word")
        assert len(asked) == 1
        clock.advance(timedelta(seconds=31))
        await directory.authenticate("alice", "word")
        assert len(asked) == 2


async def test_servers_remembered_as_dead_are_asked_when_no_other_is_left(start: Start, opened: Open) -> None:
    server = start()
    directory = opened(server.tls_url)
    server.stop()
    await refused(directory, Unavailable)
    server.start()
    assert (await directory.authenticate("alice", "word")).login == "alice"


async def test_an_untrusted_server_is_passed_over_for_a_good_one(start: Start, opened: Open) -> None:
    bad = start(authority=Authority.make("Somebody"))
    directory = opened(bad.tls_url, start().tls_url)
    assert (await directory.authenticate("alice", "word")).login == "alice"
    with pytest.raises(Damaged, match="not trusted"):
        await directory.probe()


async def test_a_wrong_password_is_not_tried_on_the_next_server(start: Start, opened: Open) -> None:
    first, second = start(), start()
    second.set("uid=alice,ou=people," + SUFFIX, "userPassword", "other")
    with pytest.raises(Forbidden):
        await opened(first.tls_url, second.tls_url).authenticate("alice", "other")


@pytest.mark.parametrize("scheme", ["url", "tls_url"])
async def test_a_server_that_hangs_costs_its_time_limit_and_no_more(
    start: Start, opened: Open, scheme: str
) -> None:
    clock = SystemClock()
    server = start()
    directory = opened(getattr(server, scheme))
    await directory.authenticate("alice", "word")
    with server.paused():
        began = clock.monotonic()
        with pytest.raises(Unavailable):
            await directory.authenticate("alice", "word")
        took = clock.monotonic() - began
    assert 0.9 < took < 20  # measured: 1.0 s; the rest is for a busy machine
    assert (await directory.authenticate("alice", "word")).login == "alice"


async def test_a_hanging_server_is_passed_over_for_the_next(start: Start, opened: Open) -> None:
    first, second = start(), start()
    directory = opened(first.url, second.url)
    with first.paused():
        assert (await directory.authenticate("alice", "word")).login == "alice"


async def test_a_server_that_drips_does_not_outlast_the_total(opened: Open) -> None:
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x30\x84\x00\x00\xff\xff")
        while not done.wait(0.1):
            connection.sendall(b"\0")

    clock = SystemClock()
    with listener(drip) as address:
        directory = opened(f"ldap://{address}", total_timeout=timedelta(seconds=2))
        began = clock.monotonic()
        with pytest.raises(Unavailable):
            await directory.authenticate("alice", "word")
        assert clock.monotonic() - began < 30
        done.set()


async def test_hanging_logins_leave_no_threads_behind(start: Start, opened: Open) -> None:
    server = start()
    directory = opened(server.url, total_timeout=timedelta(seconds=2))
    with server.paused():
        ends = await asyncio.gather(
            *(directory.authenticate("alice", "word") for _ in range(12)), return_exceptions=True
        )
    assert {type(each) for each in ends} == {Unavailable}
    assert (await directory.authenticate("alice", "word")).login == "alice"
    assert sum(each.name.startswith("directory") for each in threading.enumerate()) <= 4


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01\x01", b"\0" * 64, b""]
)
async def test_a_server_that_speaks_something_else_is_unavailable(opened: Open, garbage: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(garbage)
        connection.close()

    with listener(answer) as address:
        directory = opened(f"ldap://{address}")
        with pytest.raises((Unavailable, Damaged)):
            await directory.authenticate("alice", "word")


async def test_ldaps_to_a_plain_port_is_named(start: Start, opened: Open) -> None:
    plain = start().url.replace("ldap://", "ldaps://")
    with pytest.raises((Unavailable, Damaged)):
        await opened(plain).authenticate("alice", "word")


async def test_a_host_that_has_no_address_is_unavailable(opened: Open) -> None:
    assert "no-such-host.invalid" in await refused(opened("ldaps://no-such-host.invalid"), Unavailable)
