"""A real uvicorn serves TLS with the internal authority's certificates, and changes them while it serves."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from andon.access.ca import authority, certificates
from andon.access.ca.authority import Layout
from andon.access.ca.certificates import Issuer
from andon.kernel import tls
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import Forbidden, InvalidInput
from andon.kernel.tls import Reloading

NAMES = ["localhost", "127.0.0.1", "andon.plant.local"]
PATIENCE = 60.0  # seconds; generous: the machine may be busy with other tests
CLOCK = SystemClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority.create_authority(tmp_path / "ca", CLOCK)
    authority.issue_server(tmp_path / "ca", CLOCK, NAMES)
    return tmp_path / "ca"


class App:
    """Answers at once, or piece by piece as long as the test lets it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"begun\n", "more_body": True})
            await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"done"})


@dataclass
class Served:
    port: int
    app: App
    reloading: Reloading


@asynccontextmanager
async def serving(reloading: Reloading) -> AsyncIterator[Served]:
    app = App()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    config.load()
    config.ssl = reloading.context
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:
                await asyncio.sleep(0.01)
        yield Served(server.servers[0].sockets[0].getsockname()[1], app, reloading)
    finally:
        app.go_on.set()
        server.should_exit = True
        await running


def client(served: Served, trust: Path, *, host: str = "localhost") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"https://{host}:{served.port}", verify=tls.client_context(trust), timeout=PATIENCE
    )


async def shown(served: Served, context: ssl.SSLContext, name: str = "localhost") -> x509.Certificate:
    """The certificate that a new connection gets."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context, server_hostname=name)
    with closing(writer):
        return x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(True))


def reloading(folder: Path) -> Reloading:
    return Reloading(Layout(folder).server, clock=CLOCK)


@pytest.mark.asvs("12.3.2", "12.3.4")
async def test_clients_verify_by_the_authoritys_file_and_by_name(folder: Path) -> None:
    async with serving(reloading(folder)) as served:
        for host in ("localhost", "127.0.0.1"):
            async with client(served, Layout(folder).trust, host=host) as http:
                assert (await http.get("/")).text == "done"
        trusts = tls.client_context(Layout(folder).trust)
        assert (await shown(served, trusts, "andon.plant.local")).subject
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await shown(served, trusts, "other.plant.local")
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown(served, ssl.create_default_context())


@pytest.mark.asvs("12.3.2")
async def test_a_stranger_with_the_same_name_is_refused(folder: Path, tmp_path: Path) -> None:
    authority.create_authority(tmp_path / "other", CLOCK)
    async with serving(reloading(folder)) as served:
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown(served, tls.client_context(Layout(tmp_path / "other").trust))


@pytest.mark.asvs("12.1.1")
@pytest.mark.part11("11.30")
async def test_nothing_older_than_tls_1_2_gets_through(folder: Path) -> None:
    async with serving(reloading(folder)) as served:
        for version, is_allowed in (
            (ssl.TLSVersion.TLSv1_1, False),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_3, True),
        ):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.load_verify_locations(Layout(folder).trust)
            with pytest.warns(DeprecationWarning, match="TLSv1_1") if not is_allowed else nullcontext():
                context.minimum_version = version
                context.maximum_version = version
            if is_allowed:
                await shown(served, context)
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await shown(served, context)


async def test_an_open_response_survives_and_the_next_connection_gets_the_new_certificate(
    folder: Path,
) -> None:
    live = reloading(folder)
    async with serving(live) as served:
        trusts = tls.client_context(Layout(folder).trust)
        before = await shown(served, trusts)
        async with client(served, Layout(folder).trust) as http, http.stream("GET", "/stream") as response:
            pieces = response.aiter_text()
            assert await anext(pieces) == "begun\n"
            authority.issue_server(folder, CLOCK, NAMES)
            await live.tick()
            after = await shown(served, trusts)
            assert after.serial_number != before.serial_number
            served.app.go_on.set()
            assert "".join([each async for each in pieces]) == "done"
            # The connection that was open before is still good for another request.
            assert (await http.get("/")).text == "done"


async def test_no_request_fails_while_the_certificate_changes_twenty_times(folder: Path) -> None:
    live = reloading(folder)
    serials: set[int] = set()
    async with serving(live) as served:
        trusts = tls.client_context(Layout(folder).trust)

        async def asks() -> None:
            for _ in range(50):
                async with httpx.AsyncClient(verify=trusts, timeout=PATIENCE) as http:
                    assert (await http.get(f"https://localhost:{served.port}/")).text == "done"

        async def changes() -> None:
            for _ in range(20):
                await asyncio.to_thread(authority.issue_server, folder, CLOCK, NAMES)
                await live.tick()
                serials.add((await shown(served, trusts)).serial_number)

        await asyncio.gather(changes(), *(asks() for _ in range(4)))
    assert len(serials) == 20


async def test_a_key_of_another_kind_replaces_the_old_one_wholly(folder: Path) -> None:
    live = reloading(folder)
    layout = Layout(folder)
    async with serving(live) as served:
        (root,) = x509.load_pem_x509_certificates(layout.certificate.read_bytes())
        issuer = Issuer(root, authority.reading.own_key(layout.key))
        key = rsa.generate_private_key(65537, 2048)
        made = certificates.server(issuer, key, NAMES, CLOCK.now(), timedelta(days=10))
        layout.server.write_bytes(
            made.public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        await live.tick()
        for name in ("localhost", "127.0.0.1"):  # with a server name in the handshake, and without
            assert (await shown(served, tls.client_context(layout.trust), name)) == made


@pytest.mark.parametrize(
    "content", ["empty", "half", "mismatch", "shared", "missing", "expired", "encrypted"]
)
async def test_files_that_do_not_work_leave_the_old_certificate_in_use(folder: Path, content: str) -> None:
    live, layout = reloading(folder), Layout(folder)
    async with serving(live) as served:
        trusts = tls.client_context(layout.trust)
        before = await shown(served, trusts)
        good = layout.server.read_bytes()
        _spoil(folder, content)
        for _ in range(2):  # it says so until it is right
            with pytest.raises((InvalidInput, Forbidden)):
                await live.tick()
            assert live.problem().startswith("the new certificate is not used: ")
            assert (await shown(served, trusts)) == before
        layout.server.unlink(missing_ok=True)
        layout.server.touch(mode=0o600)
        layout.server.write_bytes(good)
        await live.tick()
        assert live.problem() == ""
        authority.issue_server(folder, CLOCK, NAMES)
        await live.tick()
        assert (await shown(served, trusts)) != before


def _spoil(folder: Path, content: str) -> None:
    layout = Layout(folder)
    good = layout.server.read_bytes()
    if content == "missing":
        layout.server.unlink()
    elif content == "shared":
        authority.issue_server(folder, CLOCK, NAMES)
        layout.server.chmod(0o644)
    elif content == "expired":
        past = ManualClock(CLOCK.now() - timedelta(days=200))
        authority.create_authority(folder.parent / "past", past)
        authority.issue_server(folder.parent / "past", past, NAMES)
        layout.server.write_bytes(Layout(folder.parent / "past").server.read_bytes())
    else:
        own = good[: good.index(b"-----BEGIN PRIVATE")]
        key = certificates.new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        encrypted = key.replace(b"BEGIN PRIVATE", b"BEGIN ENCRYPTED PRIVATE")
        layout.server.write_bytes(
            {
                "empty": b"",
                "half": good[: len(good) // 2],
                "mismatch": own + key,
                "encrypted": own + encrypted,
            }[content]
        )


async def test_with_a_clients_authority_only_its_clients_get_through(folder: Path, tmp_path: Path) -> None:
    authority.issue_client(folder, CLOCK, "station-1")
    authority.create_authority(tmp_path / "other", CLOCK)
    authority.issue_client(tmp_path / "other", CLOCK, "station-1")
    live = Reloading(Layout(folder).server, clock=CLOCK, client_ca=Layout(folder).certificate)
    async with serving(live) as served:
        for own, is_allowed in ((folder, True), (tmp_path / "other", False), (None, False)):
            context = tls.client_context(Layout(folder).trust)
            if own is not None:
                context.load_cert_chain(Layout(own).client("station-1"))
            async with httpx.AsyncClient(verify=context, timeout=PATIENCE) as http:
                asked = http.get(f"https://localhost:{served.port}/")
                if is_allowed:
                    assert (await asked).text == "done"
                else:
                    with pytest.raises(httpx.TransportError):
                        await asked


async def test_who_may_be_a_client_is_taken_up_as_well(folder: Path, tmp_path: Path) -> None:
    authority.create_authority(tmp_path / "other", CLOCK)
    authority.issue_client(tmp_path / "other", CLOCK, "station-1")
    trusted = tmp_path / "clients.crt"
    shutil.copy(Layout(folder).certificate, trusted)
    live = Reloading(Layout(folder).server, clock=CLOCK, client_ca=trusted)
    context = tls.client_context(Layout(folder).trust)
    context.load_cert_chain(Layout(tmp_path / "other").client("station-1"))
    async with serving(live) as served, httpx.AsyncClient(verify=context, timeout=PATIENCE) as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"https://localhost:{served.port}/")
        shutil.copy(Layout(tmp_path / "other").certificate, trusted)
        await live.tick()
        assert (await http.get(f"https://localhost:{served.port}/")).text == "done"


def test_the_end_of_a_certificate_is_told_two_weeks_before(tmp_path: Path) -> None:
    clock = ManualClock(CLOCK.now())
    authority.create_authority(tmp_path, clock)
    authority.issue_server(tmp_path, clock, NAMES, days=60)
    live = Reloading(Layout(tmp_path).server, clock=clock)
    assert live.problem() == ""
    clock.advance(timedelta(days=46, hours=1))
    assert "in 13 days" in live.problem()
    clock.advance(timedelta(days=14))
    assert "expired on" in live.problem()


def test_a_server_does_not_start_with_files_that_do_not_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        Reloading(tmp_path / "none.pem", clock=CLOCK)
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(certificates.new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = Layout(folder).certificate
    with pytest.raises(InvalidInput, match="do not work together"):
        tls.server_context(public, other)


@pytest.mark.asvs("12.1.2")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="apt-get install openssl")
def test_the_openssl_program_agrees(folder: Path) -> None:
    layout = Layout(folder)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"]
    done = subprocess.run(
        [*command, "-CAfile", str(layout.trust), str(layout.server)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
