"""Where a listener's certificate is found, and what is said of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from andon.access.ca import authority
from andon.gateway.certificates import Certificates, Places
from andon.gateway.folder import Folder
from andon.gateway.model import Route, Tls
from andon.kernel.clock import ManualClock
from andon.kernel.ids import EnvironmentName, UnitName

SHOP = Route(UnitName("shop"), EnvironmentName("production"), 1, "127.0.0.1", 8443, (), tls=Tls())


class Bench:
    """An authority, a gateway's folder and a clock that is moved."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock, self.folder = root, ManualClock(), Folder(root / "gateway")
        self.folder.prepare()
        authority.create_authority(root / "ca", self.clock)
        self.server = root / "ca" / "server.pem"
        self.certificates = Certificates(self.folder, Places(root / "own", self.server), self.clock)

    def issue(self, *names: str) -> None:
        authority.issue_server(self.root / "ca", self.clock, names)

    async def said(self) -> list[str]:
        return [each.code for each in (await self.certificates.bring([SHOP])).problems]

    def taken(self) -> bytes:
        return (self.folder.sds_folder / "shop~production.json").read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_units_own_certificate_comes_before_the_common_one(tmp_path):
    places, common = Places(tmp_path, tmp_path / "common.pem"), tmp_path / "common.pem"
    found = []
    for name in ("common.pem", "shop.pem", "shop.production.pem"):
        (tmp_path / name).touch()
        found.append(places.of(SHOP))
    assert found == [common, tmp_path / "shop.pem", tmp_path / "shop.production.pem"]
    assert Places().of(SHOP) is None


async def test_a_certificate_that_ends_soon_is_said_and_kept_when_it_has(bench):
    bench.issue("localhost")
    assert await bench.said() == []
    taken = bench.taken()
    bench.clock.advance(timedelta(days=80))
    (problem,) = (await bench.certificates.bring([SHOP])).problems
    assert problem.message == "the certificate of shop in production expires in 10 days"
    bench.clock.advance(timedelta(days=11))
    (problem,) = (await bench.certificates.bring([SHOP])).problems
    assert problem.message == "the certificate of shop in production has expired"
    again = Certificates(bench.folder, Places(None, bench.server), bench.clock)
    brought = await again.bring([SHOP])
    assert [each.code for each in brought.problems] == ["gateway-certificate-out-of-life"]
    assert brought.without == frozenset()
    assert bench.taken() == taken


async def test_a_key_may_stand_beside_its_certificate_and_nobody_else_may_read_it(bench):
    bench.issue("localhost")
    text = bench.server.read_text()
    at = text.index("-----BEGIN PRIVATE KEY")
    own, key = bench.root / "own" / "shop.pem", bench.root / "own" / "shop.key"
    own.parent.mkdir()
    own.write_text(text[:at])
    key.write_text(text[at:])
    assert await bench.said() == ["gateway-certificate-key-readable-by-others"]
    key.chmod(0o600)
    assert await bench.said() == []
    assert (bench.folder.sds_folder / "shop~production.json").stat().st_mode & 0o077 == 0


async def test_what_did_not_change_is_not_written_again(bench):
    bench.issue("localhost")
    await bench.said()
    written = (bench.folder.sds_folder / "shop~production.json").stat().st_ino
    await bench.said()
    bench.server.touch()
    await bench.said()
    assert (bench.folder.sds_folder / "shop~production.json").stat().st_ino == written
    bench.issue("localhost")
    await bench.said()
    assert (bench.folder.sds_folder / "shop~production.json").stat().st_ino != written


async def test_a_disk_that_cannot_be_written_is_said(bench):
    bench.issue("localhost")
    bench.folder.sds_folder.rmdir()
    bench.folder.sds_folder.write_text("in the way")
    assert await bench.said() == ["gateway-certificate-unreadable"]
