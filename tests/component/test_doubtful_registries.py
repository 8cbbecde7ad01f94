"""A station gives no release up for the state of a registry: it tells it once, asks others, tries again."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel.clock import ManualClock, SystemClock
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.testing.releases import a_release
from andon_agent.artifacts import RegistryArtifacts
from andon_agent.buffer import Buffer
from andon_agent.doubts import PAUSE_S, Doubts
from andon_agent.engine.jobs import outcome
from andon_agent.engine.model import Now, Rules, WorkState
from andon_agent.flow import Flow
from andon_wire.disk import RealDisk
from andon_wire.errors import Doubtful, WireError
from andon_wire.protocol import EventKind
from andon_wire.sources import FolderSource

pytestmark = pytest.mark.component

NAME = "wheelhouse.tar"


class Plant:
    """A registry and its copies, and a station that reads them, ten minutes after one another."""

    def __init__(self, folder: Path, clock: ManualClock | SystemClock) -> None:
        self.folder, self.uptime = folder, 0.0
        self.layout = Layout(folder / "home")
        keys.init_development(self.layout.home, clock)
        Publisher(self.layout, clock).publish(*a_release(folder))
        self.root = (self.layout.metadata / "1.root.json").read_bytes()
        self.buffer = Buffer(folder / "buffer", RealDisk())
        self.reported = 0
        doubts = Doubts(self.buffer, self, self._report)
        self.artifacts = RegistryArtifacts(
            folder / "trust",
            self.root,
            disk=RealDisk(),
            flow=Flow(lambda: self.now().at, lambda: self.uptime),
            monotonic=lambda: self.uptime,
            looked=doubts.looked,
        )

    def now(self) -> Now:
        return Now(SystemClock().now(), self.uptime, "boot")

    def _report(self) -> None:
        self.reported += 1

    def copied(self, name: str) -> Path:
        return Path(shutil.copytree(self.layout.registry, self.folder / name))

    def use(self, *registries: Path) -> None:
        self.artifacts.use([FolderSource(each) for each in registries])

    def tried(self, version: str = "1.0.0", what: Callable[[], object] | None = None) -> WorkState:
        """What becomes of a job that asks for a release now."""
        self.uptime += 600.0
        try:
            self.artifacts.names("mes", version) if what is None else what()
        except WireError as error:
            return outcome(error, None, 1, self.uptime, Rules()).state
        return WorkState.DONE

    @property
    def told(self) -> list[tuple[EventKind, str]]:
        return [(each.kind, str(each.facts["code"])) for each in self.buffer.take().events]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path, SystemClock())


def _half_copied(registry: Path) -> None:
    (registry / "metadata" / "timestamp.json").unlink()


def _hostile(registry: Path) -> None:
    place = registry / "metadata" / "timestamp.json"
    content = json.loads(place.read_bytes())
    content["signatures"][0]["sig"] = "00" * 64
    place.write_bytes(json.dumps(content).encode())


def _garbage(registry: Path) -> None:
    (registry / "metadata" / "timestamp.json").write_bytes(b"{}")


HARMS = [
    (_half_copied, "metadata-missing"),
    (_hostile, "bad-signature"),
    (_garbage, "bad-metadata"),
]


@pytest.mark.parametrize(("harm", "code"), HARMS)
def test_a_release_is_not_given_up_for_a_registry_that_cannot_be_believed_and_comes_when_it_can(
    plant: Plant, harm: Callable[[Path], None], code: str
) -> None:
    mirror = plant.copied("mirror")
    harm(mirror)
    plant.use(mirror)
    assert [plant.tried() for _ in range(10)] == [WorkState.FAILED] * 10
    assert plant.told == [(EventKind.ALERT, code)]
    assert plant.reported == 1
    shutil.copytree(plant.layout.registry, mirror, dirs_exist_ok=True)
    assert plant.tried() is WorkState.DONE
    assert plant.told == [(EventKind.ALERT, code), (EventKind.ALERT_OVER, code)]


def test_after_a_long_stop_of_andon_what_ran_out_is_waited_for(tmp_path: Path) -> None:
    plant = Plant(tmp_path, ManualClock(SystemClock().now() - timedelta(days=35)))
    plant.use(plant.layout.registry)
    assert [plant.tried() for _ in range(3)] == [WorkState.FAILED] * 3
    assert plant.told == [(EventKind.ALERT, "metadata-expired")]
    Publisher(plant.layout, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    assert plant.tried("1.1.0") is WorkState.DONE


def test_a_registry_that_was_put_back_is_waited_for(plant: Plant) -> None:
    old = plant.copied("old")
    Publisher(plant.layout, SystemClock()).publish(*a_release(plant.folder, "1.1.0"))
    plant.use(plant.layout.registry)
    assert plant.tried("1.1.0") is WorkState.DONE
    plant.use(old)
    assert [plant.tried("1.1.0") for _ in range(3)] == [WorkState.FAILED] * 3
    assert plant.told == [(EventKind.ALERT, "version-rolled-back")]


def test_metadata_of_mixed_versions_is_waited_out(plant: Plant) -> None:
    mirror = plant.copied("mirror")
    Publisher(plant.layout, SystemClock()).publish(*a_release(plant.folder, "1.1.0"))
    shutil.copy(plant.layout.metadata / "timestamp.json", mirror / "metadata" / "timestamp.json")
    plant.use(mirror)
    assert [plant.tried() for _ in range(2)] == [WorkState.FAILED] * 2
    shutil.copytree(plant.layout.registry, mirror, dirs_exist_ok=True)
    assert plant.tried("1.1.0") is WorkState.DONE


def test_a_hostile_mirror_costs_nothing_but_one_alert_while_another_registry_serves(plant: Plant) -> None:
    mirror = plant.copied("mirror")
    _hostile(mirror)
    plant.use(mirror, plant.layout.registry)
    assert [plant.tried() for _ in range(3)] == [WorkState.DONE] * 3
    assert plant.told == [(EventKind.ALERT, "bad-signature")]


def test_a_mirror_that_lags_is_no_alert_and_the_next_registry_is_asked(plant: Plant) -> None:
    lagging, half = plant.copied("lagging"), plant.copied("half")
    _half_copied(half)
    Publisher(plant.layout, SystemClock()).publish(*a_release(plant.folder, "1.1.0"))
    plant.use(half, lagging, plant.layout.registry)
    assert [plant.tried("1.1.0") for _ in range(3)] == [WorkState.DONE] * 3
    assert plant.told == []


def test_a_mirror_that_comes_and_goes_is_told_once_an_hour(plant: Plant) -> None:
    good, bad = plant.copied("good"), plant.copied("mirror")
    _garbage(bad)
    plant.use(bad)
    for _ in range(int(2 * PAUSE_S / 1200)):
        plant.tried()
        shutil.copytree(good, bad, dirs_exist_ok=True)
        plant.tried()
        _garbage(bad)
    assert plant.told == [(EventKind.ALERT, "bad-metadata"), (EventKind.ALERT_OVER, "bad-metadata")] * 2


@pytest.mark.parametrize("how", ["read", "fetch"])
def test_a_release_whose_files_are_wrong_everywhere_is_final_and_not_while_one_place_may_still_have_them(
    plant: Plant, how: str
) -> None:
    evil, empty = plant.copied("evil"), plant.copied("empty")
    (file,) = (evil / "targets" / "mes").rglob(f"*.{NAME}")
    file.write_bytes(bytes(reversed(file.read_bytes())))
    (empty / file.relative_to(evil)).unlink()
    plant.use(evil)

    def get() -> object:
        if how == "read":
            return plant.artifacts.read("mes", "1.0.0", NAME)
        named = plant.artifacts.names("mes", "1.0.0")[NAME]
        into = plant.folder / "into"
        return plant.artifacts.fetch("mes", "1.0.0", named, into, lambda done, size: None)

    assert plant.tried(what=get) is WorkState.REFUSED
    plant.use(evil, empty)
    assert plant.tried(what=get) is WorkState.FAILED
    plant.use(evil, empty, plant.layout.registry)
    assert plant.tried(what=get) is WorkState.DONE


def test_what_does_not_hold_of_a_place_is_told_apart_from_what_does_not_hold_of_a_release(
    plant: Plant,
) -> None:
    mirror = plant.copied("mirror")
    _garbage(mirror)
    plant.use(mirror)
    with pytest.raises(Doubtful):
        plant.artifacts.names("mes", "1.0.0")
