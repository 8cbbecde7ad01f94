"""Attacks on the registry's files. Each one is refused, nothing is installed, and an alert tells it."""

import contextlib
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from andon import probing
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.roles import described, sign
from andon.releases.store import ReleaseStore
from andon.store.engine import Database
from andon.testing.releases import a_release
from andon.timeline.records import Severity
from andon.timeline.store import Filter, TimelineStore

MES, FIRST, SECOND = UnitName("mes"), Version("1.0.0"), Version("1.1.0")
CONTENT = b"wheels " * 1000


@dataclass(frozen=True)
class Plant:
    """A registry with two releases; `old` holds its files as they were when there was one.

    Its client has seen the newest state before the attack.
    """

    home: Path
    old: Path
    store: ReleaseStore
    timeline: TimelineStore

    @property
    def metadata(self) -> Path:
        return self.home / "registry" / "metadata"

    @property
    def wheelhouse(self) -> Path:
        return next((self.home / "registry" / "targets" / "mes" / "1.0.0").glob("*.wheelhouse.tar"))

    def forget(self) -> None:
        """Make the client one that has seen nothing but the pinned root."""
        shutil.rmtree(self.home / "trust" / "metadata")


@pytest.fixture
async def plant(tmp_path: Path, database: Database) -> Plant:
    home = tmp_path / "home"
    keys.init_development(home, SystemClock())
    store = ReleaseStore(database, home, SystemClock())
    await store.publish(*a_release(tmp_path), "kim")
    shutil.copytree(home / "registry", tmp_path / "old")
    await store.publish(*a_release(tmp_path, "1.1.0"), "kim")
    await store.fetch(MES, SECOND, Role.WHEELHOUSE, tmp_path / "seen")
    return Plant(home, tmp_path / "old", store, TimelineStore(database))


def flip(path: Path, offset: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[offset % len(content)] ^= bit
    path.write_bytes(bytes(content))


def flip_in_the_middle(path: Path) -> None:
    flip(path, path.stat().st_size // 2)


def flip_an_artifact(plant: Plant) -> None:
    flip_in_the_middle(plant.wheelhouse)


def truncate_an_artifact(plant: Plant) -> None:
    plant.wheelhouse.write_bytes(plant.wheelhouse.read_bytes()[:-1])


def empty_an_artifact(plant: Plant) -> None:
    plant.wheelhouse.write_bytes(b"")


def lengthen_an_artifact(plant: Plant) -> None:
    plant.wheelhouse.write_bytes(plant.wheelhouse.read_bytes() + b"x" * 10_000_000)


def exchange_artifacts(plant: Plant) -> None:
    other = next((plant.home / "registry" / "targets" / "mes" / "1.0.0").glob("*.sbom.json"))
    plant.wheelhouse.write_bytes(other.read_bytes())


def delete_an_artifact(plant: Plant) -> None:
    plant.wheelhouse.unlink()


def link_an_artifact_to_a_secret(plant: Plant) -> None:
    secret = next((plant.home / "keys" / "root").glob("*.pem"))
    path = plant.wheelhouse
    path.unlink()
    path.symlink_to(secret)


def flip_the_timestamp(plant: Plant) -> None:
    flip_in_the_middle(plant.metadata / "timestamp.json")


def flip_the_snapshot(plant: Plant) -> None:
    plant.forget()
    flip_in_the_middle(plant.metadata / "3.snapshot.json")


def flip_the_targets(plant: Plant) -> None:
    plant.forget()
    flip_in_the_middle(plant.metadata / "3.targets.json")


def flip_a_new_root(plant: Plant) -> None:
    later = ManualClock(SystemClock().now() + timedelta(days=200))
    assert "root" in Publisher(Layout(plant.home), later).refresh()
    flip_in_the_middle(plant.metadata / "2.root.json")


def delete_the_timestamp(plant: Plant) -> None:
    (plant.metadata / "timestamp.json").unlink()


def delete_the_snapshot(plant: Plant) -> None:
    plant.forget()
    (plant.metadata / "3.snapshot.json").unlink()


def delete_the_targets(plant: Plant) -> None:
    plant.forget()
    (plant.metadata / "3.targets.json").unlink()


def roll_the_timestamp_back(plant: Plant) -> None:
    shutil.copy(plant.old / "metadata" / "timestamp.json", plant.metadata)


def roll_everything_back(plant: Plant) -> None:
    shutil.rmtree(plant.home / "registry")
    shutil.copytree(plant.old, plant.home / "registry")


def mix_an_old_snapshot_in(plant: Plant) -> None:
    plant.forget()
    shutil.copy(plant.metadata / "2.snapshot.json", plant.metadata / "3.snapshot.json")


def mix_old_targets_in(plant: Plant) -> None:
    plant.forget()
    shutil.copy(plant.metadata / "2.targets.json", plant.metadata / "3.targets.json")


def sign_with_other_keys(plant: Plant) -> None:
    """A whole registry that is right in itself, made by a stranger."""
    stranger = plant.home.parent / "stranger"
    keys.init_development(stranger, SystemClock())
    publisher = Publisher(Layout(stranger), SystemClock())
    for version in ("1.0.0", "1.0.1", "1.0.2", "1.0.3"):
        publisher.publish(*a_release(stranger / "files", version, content=b"evil"))
    shutil.rmtree(plant.home / "registry")
    shutil.copytree(stranger / "registry", plant.home / "registry")


def let_a_stranger_be_root(plant: Plant) -> None:
    stranger = plant.home.parent / "stranger"
    clock = ManualClock(SystemClock().now() - timedelta(days=200))
    keys.init_development(stranger, clock)
    assert "root" in Publisher(Layout(stranger), SystemClock()).refresh()
    shutil.copy(stranger / "registry" / "metadata" / "2.root.json", plant.metadata)


def sign_targets_with_the_online_keys(plant: Plant) -> None:
    """Who steals the keys that are online (snapshot, timestamp) must not be able to make a release."""
    home = Layout(plant.home)
    root = Metadata[Root].from_file(str(plant.metadata / "1.root.json")).signed
    online = {role: keys.load(home, role) for role in ("snapshot", "timestamp")}
    targets = Metadata[Targets].from_file(str(plant.metadata / "3.targets.json"))
    targets.signed.version = 4
    targets.sign(online["snapshot"][0])
    targets.sign(online["timestamp"][0], append=True)
    content = targets.to_bytes()
    snapshot = Metadata[Snapshot].from_file(str(plant.metadata / "3.snapshot.json")).signed
    snapshot.version = 4
    snapshot.meta["targets.json"] = described(targets.signed, content)
    signed_snapshot = sign(snapshot, root, online["snapshot"])
    timestamp = Metadata[Timestamp].from_file(str(plant.metadata / "timestamp.json")).signed
    timestamp.version = 4
    timestamp.snapshot_meta = described(snapshot, signed_snapshot)
    (plant.metadata / "4.targets.json").write_bytes(content)
    (plant.metadata / "4.snapshot.json").write_bytes(signed_snapshot)
    (plant.metadata / "timestamp.json").write_bytes(sign(timestamp, root, online["timestamp"]))


def make_the_timestamp_endless(plant: Plant) -> None:
    path = plant.metadata / "timestamp.json"
    path.write_bytes(path.read_bytes() + b" " * 50_000_000)


def fill_the_timestamp_with_garbage(plant: Plant) -> None:
    (plant.metadata / "timestamp.json").write_bytes(random.Random(1).randbytes(1000))


def nest_the_timestamp_deeply(plant: Plant) -> None:
    (plant.metadata / "timestamp.json").write_bytes(b"[" * 16000)


def empty_the_timestamp(plant: Plant) -> None:
    (plant.metadata / "timestamp.json").write_bytes(b"")


ATTACKS: dict[Callable[[Plant], None], set[str]] = {
    flip_an_artifact: {"hash-mismatch"},
    truncate_an_artifact: {"hash-mismatch"},
    empty_an_artifact: {"hash-mismatch"},
    lengthen_an_artifact: {"too-long"},
    exchange_artifacts: {"hash-mismatch"},
    delete_an_artifact: {"artifact-missing"},
    link_an_artifact_to_a_secret: {"artifact-missing"},
    flip_the_timestamp: {"bad-signature", "bad-metadata"},
    flip_the_snapshot: {"hash-mismatch"},
    flip_the_targets: {"hash-mismatch"},
    flip_a_new_root: {"bad-signature", "bad-metadata"},
    delete_the_timestamp: {"metadata-missing"},
    delete_the_snapshot: {"metadata-missing"},
    delete_the_targets: {"metadata-missing"},
    roll_the_timestamp_back: {"version-rolled-back"},
    roll_everything_back: {"version-rolled-back"},
    mix_an_old_snapshot_in: {"hash-mismatch"},
    mix_old_targets_in: {"hash-mismatch"},
    sign_with_other_keys: {"bad-signature"},
    let_a_stranger_be_root: {"bad-signature"},
    sign_targets_with_the_online_keys: {"bad-signature"},
    make_the_timestamp_endless: {"too-long"},
    fill_the_timestamp_with_garbage: {"bad-metadata"},
    nest_the_timestamp_deeply: {"bad-metadata"},
    empty_the_timestamp: {"bad-metadata"},
}


@pytest.mark.asvs("11.4.3", "11.6.1")
@pytest.mark.part11("11.30")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
async def test_an_attack_is_refused_with_an_alert_and_installs_nothing(
    plant: Plant, tmp_path: Path, attack: Callable[[Plant], None]
) -> None:
    attack(plant)
    with pytest.raises((Untrusted, NotFound)) as refused:
        await plant.store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
    assert refused.value.code in ATTACKS[attack]
    assert isinstance(refused.value, Untrusted) or refused.value.code == "artifact-missing"
    assert refused.value.hint
    assert not list((tmp_path / "slot").glob("**/*"))
    (alert,) = await plant.timeline.list(Filter(severity=Severity.ALERT))
    assert (alert.event.kind, alert.event.subject) == ("release.refused", "release/mes@1.0.0")
    assert alert.event.after["code"] == refused.value.code


async def test_a_look_at_an_altered_registry_names_the_code_and_alerts_nobody(plant: Plant) -> None:
    assert (await probing.probed("registry", plant.store.verify, "")).problem == ""
    roll_everything_back(plant)
    seen = await probing.probed("registry", plant.store.verify, "")
    assert seen.problem.endswith("(version-rolled-back)")
    assert seen.hint
    assert await plant.timeline.list(Filter(severity=Severity.ALERT)) == []


async def test_a_registry_that_is_never_renewed_is_refused(tmp_path: Path, database: Database) -> None:
    home = tmp_path / "home"
    past = ManualClock(SystemClock().now() - timedelta(days=31))
    keys.init_development(home, past)
    store = ReleaseStore(database, home, past)
    await store.publish(*a_release(tmp_path), "kim")
    with pytest.raises(Untrusted) as refused:
        await store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
    assert refused.value.code == "metadata-expired"
    assert len(await plant_alerts(database)) == 1


async def test_an_untouched_release_can_be_fetched_beside_a_tampered_one(
    plant: Plant, tmp_path: Path
) -> None:
    flip_an_artifact(plant)
    got = await plant.store.fetch(MES, SECOND, Role.WHEELHOUSE, tmp_path / "slot")
    assert got.read_bytes() == CONTENT


async def test_when_the_attack_is_undone_the_release_can_be_fetched(plant: Plant, tmp_path: Path) -> None:
    whole = plant.home.parent / "whole"
    shutil.copytree(plant.home / "registry", whole)
    roll_everything_back(plant)
    with pytest.raises(Untrusted):
        await plant.store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
    shutil.rmtree(plant.home / "registry")
    shutil.copytree(whole, plant.home / "registry")
    await plant.store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")


async def test_publishing_into_a_tampered_registry_is_refused_with_an_alert(
    plant: Plant, tmp_path: Path
) -> None:
    flip_the_targets(plant)
    with pytest.raises(Untrusted):
        await plant.store.publish(*a_release(tmp_path, "1.2.0"), "kim")
    with pytest.raises(Untrusted):
        await plant.store.refresh()
    alerts = await plant.timeline.list(Filter(severity=Severity.ALERT))
    assert {each.event.subject for each in alerts} == {"release/mes@1.2.0", "registry"}


async def plant_alerts(database: Database) -> list[object]:
    return list(await TimelineStore(database).list(Filter(severity=Severity.ALERT)))


@pytest.fixture(scope="module")
def flippable(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A registry with a second root, so that every kind of file is read by a client that knows nothing."""
    folder = tmp_path_factory.mktemp("flippable")
    clock = ManualClock(SystemClock().now() - timedelta(days=200))
    keys.init_development(folder / "home", clock)
    publisher = Publisher(Layout(folder / "home"), SystemClock())
    publisher.publish(*a_release(folder))
    assert "root" in publisher.refresh()
    return Layout(folder / "home")


@pytest.mark.asvs("11.4.3")
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(which=st.integers(0, 1000), offset=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_any_flipped_bit_gives_the_right_bytes_or_a_refusal(
    flippable: Layout, tmp_path_factory: pytest.TempPathFactory, which: int, offset: int, bit: int
) -> None:
    into = tmp_path_factory.mktemp("into")
    every = sorted(each for each in flippable.registry.rglob("*") if each.is_file())
    path = every[which % len(every)]
    flip(path, offset, 1 << bit)
    shutil.rmtree(flippable.trust / "metadata", ignore_errors=True)
    try:
        with contextlib.suppress(Untrusted):
            got = Client(flippable).fetch(MES, FIRST, Role.WHEELHOUSE, into)
            assert got.read_bytes() == CONTENT
    finally:
        flip(path, offset, 1 << bit)
    assert {each.read_bytes() for each in into.glob("*")} <= {CONTENT}
