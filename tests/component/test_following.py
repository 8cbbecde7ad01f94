"""A home in a closed network follows a registry that is signed elsewhere: bundles bring all of it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from andon.cli.main import app
from andon.doctor import machine
from andon.kernel.clock import SystemClock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.store import ReleaseStore
from andon.settings import Settings
from andon.store.engine import Database
from andon.testing.releases import a_release
from andon.timeline.store import Filter, TimelineStore

pytestmark = pytest.mark.component

MES, FIRST = UnitName("mes"), Version("1.0.0")


def run(home: Path, *words: object) -> Result:
    result = CliRunner().invoke(app, ["--home", str(home), *map(str, words)])
    if isinstance(result.exception, AndonError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    home = tmp_path / "outside"
    keys.init_development(home, SystemClock())
    publisher = Publisher(Layout(home), SystemClock())
    publisher.publish(*a_release(tmp_path))
    publisher.publish(*a_release(tmp_path, unit="coffee"))
    run(home, "bundle", "export", tmp_path / "first", "--unit", "mes")
    return home


@pytest.fixture
def inside(tmp_path: Path, outside: Path) -> Path:
    run(tmp_path / "inside", "init", "--root", Layout(outside).pinned_root)
    return tmp_path / "inside"


def opened(home: Path) -> tuple[Database, ReleaseStore]:
    database = Database.open(Settings(home=home).database())
    return database, ReleaseStore(database, home, SystemClock())


def test_what_a_bundle_brings_can_be_deployed_there(inside: Path, tmp_path: Path) -> None:
    run(inside, "bundle", "import", tmp_path / "first")

    async def seen() -> None:
        database, store = opened(inside)
        try:
            assert [each.id for each in await store.list()] == ["mes@1.0.0"]
            assert (await store.manifest(MES, FIRST)).unit.name == "mes"
            got = await store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
            assert got.read_bytes() == b"wheels " * 1000
            await store.refresh()  # the loop of a running Andon: nothing to sign, and no alert
            assert await TimelineStore(database).list(Filter(kind="release.refused")) == []
        finally:
            await database.close()

    asyncio.run(seen())


def test_before_the_first_bundle_it_has_nothing_and_complains_of_nothing(inside: Path) -> None:
    async def seen() -> None:
        database, store = opened(inside)
        try:
            await store.refresh()
            assert await store.list() == []
            assert await TimelineStore(database).list(Filter(kind="release.refused")) == []
        finally:
            await database.close()

    asyncio.run(seen())


def test_it_holds_no_key_of_the_registry_and_signs_nothing(inside: Path, tmp_path: Path) -> None:
    run(inside, "bundle", "import", tmp_path / "first")
    assert {each.name for each in Layout(inside).keys.rglob("*.pem")} == {
        each.name for each in (Layout(inside).keys / "provenance").glob("*.pem")
    }
    with pytest.raises(Conflict) as refused:
        run(inside, "bundle", "export", tmp_path / "again")
    assert refused.value.code == "keys-missing"
    for attempt in (
        lambda: Publisher(Layout(inside), SystemClock()).publish(*a_release(tmp_path, "2.0.0")),
        lambda: run(inside, "registry", "gc", "--reason", "small disk"),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "not-signed-here"


def test_another_registrys_bundle_is_refused_there(inside: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    keys.init_development(stranger, SystemClock())
    Publisher(Layout(stranger), SystemClock()).publish(*a_release(tmp_path / "s"))
    run(stranger, "bundle", "export", tmp_path / "forged")
    with pytest.raises(Untrusted):
        run(inside, "bundle", "import", tmp_path / "forged")


def test_a_root_that_is_none_makes_no_home(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}")
    with pytest.raises(InvalidInput):
        run(tmp_path / "inside", "init", "--root", tmp_path / "root.json")
    assert not (tmp_path / "inside" / "andon.env").exists()


def test_a_file_that_holds_no_root_is_told_from_a_bundle_that_does_not_verify(
    outside: Path, tmp_path: Path
) -> None:
    (tmp_path / "root.json").write_text("{}")
    for words in (
        ("bundle", "verify", tmp_path / "first"),
        ("bundle", "import", tmp_path / "first", "--into", tmp_path / "copy"),
        ("registry", "mirror", Layout(outside).registry, tmp_path / "copy"),
    ):
        with pytest.raises(InvalidInput) as refused:
            run(tmp_path / "nowhere", *words, "--root", tmp_path / "root.json")
        assert refused.value.code == "bad-root-file"
    assert not (tmp_path / "copy").exists()


def test_the_doctor_knows_that_it_follows(inside: Path, tmp_path: Path) -> None:
    def keys_check() -> tuple[bool, str]:
        checks = {each.name: each for each in machine(Settings(home=inside))}
        return checks["keys"].is_good, checks["keys"].detail

    assert keys_check() == (False, "signed elsewhere; nothing was brought yet")
    run(inside, "bundle", "import", tmp_path / "first")
    is_good, detail = keys_check()
    assert is_good
    assert detail.startswith("signed elsewhere; snapshot holds until ")
