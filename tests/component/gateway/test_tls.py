"""Listeners that speak TLS: what they offer, and certificates that change while requests come."""

import asyncio
import shutil
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from andon.access.ca import authority
from andon.gateway.certificates import Places
from andon.gateway.envoy import Envoy
from andon.gateway.model import Backend, Route, Tls
from andon.kernel.clock import SystemClock
from andon.kernel.ids import UnitName
from andon.testing.ports import free_port
from tests.component.gateway.world import (
    OLD,
    PATIENCE_SECONDS,
    PRODUCTION,
    Client,
    Load,
    Plant,
    Upstream,
    envoy_in,
)


class Authority:
    """A plant's authority in a folder, which issues and renews one server certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority.create_authority(folder, SystemClock())

    @property
    def server(self) -> Path:
        return self.folder / "server.pem"

    def issue(self, *names: str) -> None:
        authority.issue_server(self.folder, SystemClock(), ["localhost", *names])

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "trust.crt")


@pytest.fixture
def plants_authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
async def secured(tmp_path: Path, plants_authority: Authority) -> AsyncIterator[Plant]:
    old, new = await Upstream("old").start(), await Upstream("new").start()
    places = Places(tmp_path / "certificates", plants_authority.server)
    envoy = envoy_in(tmp_path / "gateway", certificates=places)
    try:
        await envoy.ensure()
        yield Plant(envoy, tmp_path / "gateway", old, new)
    finally:
        await envoy.stop()
        old.kill()
        new.kill()


def names_of(client: Client) -> set[str]:
    return {name for _, name in client.certificate()["subjectAltName"]}


async def test_a_listener_speaks_tls_1_2_and_later_and_sends_others_to_it(secured, plants_authority):
    plants_authority.issue()
    plain = free_port()
    await secured.share(0, tls=Tls(plain), sticky=True)
    for version, is_spoken in (
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ):
        context = plants_authority.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # Python warns of what must not work
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
        client = Client(secured.port, context)
        if is_spoken:
            answer = await client.answer()
            assert answer.status == 200
            assert answer.headers["strict-transport-security"] == "max-age=63072000"
            assert answer.headers["set-cookie"].endswith("; Secure")
        else:
            with pytest.raises(ssl.SSLError):
                await client.answer()
    context = plants_authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(
        "127.0.0.1", secured.port, ssl=context, server_hostname="localhost"
    )
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.transport.abort()
    redirect = await Client(plain).answer("POST", "/orders?id=7", "Content-Length: 0")
    assert (redirect.status, redirect.headers["location"]) == (
        308,
        f"https://shop:{secured.port}/orders?id=7",
    )
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await Client(secured.port).answer()


async def test_a_new_certificate_is_taken_up_and_costs_no_request(secured, plants_authority):
    plants_authority.issue("first.plant")
    route = await _serve(secured)
    open_before, context = Client(secured.port, plants_authority.context()), plants_authority.context()
    assert await open_before.ask() == (200, "old")
    async with Load(secured.port, context=context) as load:
        for name in ("second.plant", "third.plant"):
            plants_authority.issue(name)
            await secured.envoy.apply([route])
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    client = Client(secured.port, context)
                    assert await client.ask() == (200, "old")
                    found = names_of(client)
                    client.close()
                    if found == {"localhost", name}:
                        break
    assert load.failed == []
    assert await open_before.ask() == (200, "old"), "open connections go on"
    assert "first.plant" in names_of(open_before)


async def test_a_mismatched_pair_is_refused_and_the_old_one_serves(secured, plants_authority, tmp_path):
    plants_authority.issue("good.plant")
    route = await _serve(secured)
    good = plants_authority.server.read_text()
    other = Authority(tmp_path / "other")
    other.issue("other.plant")
    key = other.server.read_text()[other.server.read_text().index("-----BEGIN PRIVATE KEY") :]
    for bad in (good[: good.index("-----BEGIN PRIVATE KEY")] + key, good[:200], ""):
        plants_authority.server.write_text(bad)
        for _ in range(2):
            (problem,) = (await secured.envoy.apply([route])).problems
            assert problem.code.startswith("gateway-certificate-bad")
            assert "shop in production gets no new certificate" in problem.message
        client = Client(secured.port, plants_authority.context())
        assert await client.ask() == (200, "old")
        assert "good.plant" in names_of(client)
    plants_authority.server.write_text(good)
    assert (await secured.envoy.apply([route])).problems == ()


async def test_without_a_certificate_a_route_stays_as_it_is_and_the_others_go_on(secured, plants_authority):
    other = Route(UnitName("mes"), PRODUCTION, 1, "127.0.0.1", free_port(), (Backend(OLD, 0, ()),))
    await secured.share(0)
    applied = await secured.envoy.apply([secured.route(500, tls=Tls()), other])
    assert [each.code for each in applied.problems] == ["gateway-certificate-missing"]
    assert [each.weights for each in applied.acknowledged if each.unit != other.unit] == [
        {OLD: 1000, "1.1.0": 0}
    ]
    assert await Client(secured.port).ask() == (200, "old"), (
        "never without TLS what was asked with it, but what was"
    )
    assert (await Client(other.port).ask())[0] == 503
    plants_authority.issue()
    await secured.share(0, tls=Tls())
    assert await Client(secured.port, plants_authority.context()).ask() == (200, "old")


async def test_a_unit_may_have_a_certificate_of_its_own(secured, plants_authority, tmp_path):
    plants_authority.issue("andon.plant")
    other = Authority(tmp_path / "other")
    other.issue("shop.plant")
    (tmp_path / "certificates").mkdir()
    shutil.copy2(other.server, tmp_path / "certificates" / "shop.production.pem")
    await secured.share(0, tls=Tls())
    client = Client(secured.port, other.context())
    assert await client.ask() == (200, "old")
    assert "shop.plant" in names_of(client)


async def test_an_envoy_that_starts_again_has_its_certificates(secured, plants_authority):
    plants_authority.issue()
    await _serve(secured)
    plants_authority.server.unlink()
    await secured.envoy.stop()
    again: Envoy = envoy_in(secured.folder)
    try:
        await again.ensure()
        assert await Client(secured.port, plants_authority.context()).ask() == (200, "old")
    finally:
        await again.close()


async def _serve(plant: Plant) -> Route:
    await plant.share(0, tls=Tls())
    plant.revision -= 1
    return plant.route(0, tls=Tls())
