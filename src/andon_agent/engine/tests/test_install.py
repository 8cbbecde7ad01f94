"""What is asked of the registries for an installation, and how little."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from andon.releases.deltas.make import make
from andon.testing.disks import MemoryDisk
from andon_agent.engine.install import Installer
from andon_agent.engine.model import SlotName, Target
from andon_agent.engine.places import Place
from andon_agent.engine.ports import Named, Progress
from andon_agent.engine.slots import Slots
from andon_wire import application, scan, tree
from andon_wire.application import Application
from andon_wire.delta.apply import apply
from andon_wire.disk import Disk
from andon_wire.errors import Missing, Unreachable
from andon_wire.names import bundle_of, contract_of, delta_of, tree_of
from andon_wire.tree import Tree

pytestmark = pytest.mark.unit
P, UNIT = "linux-x86_64", "screen"
PLACE = Place(Path("/station/units/screen"))


class Shelf:
    """Releases in memory that remembers what was had of them."""

    def __init__(self, disk: Disk, scratch: Path) -> None:
        self._disk, self._scratch = disk, scratch
        self.content: dict[str, dict[str, bytes]] = {}
        self.trees: dict[str, Tree] = {}
        self.asked: list[str] = []
        self.is_away = False

    def publish(self, version: str, *from_: str, has_bundle: bool = True) -> None:
        folder = self._scratch / version
        folder.mkdir()
        for index in range(20):
            (folder / f"same-{index}").write_bytes(hashlib.sha512(f"{index}".encode()).digest() * 9)
        (folder / "app").write_text(f"version {version}")
        self.trees[version] = scan.scan(folder)
        contract = Application(unit=UNIT, version=version, platform=P, command=["app"])
        made = {tree_of(P): tree.encode(self.trees[version]), contract_of(P): application.encode(contract)}
        if has_bundle:
            made[bundle_of(P)] = self._container(None, folder)
        made |= {delta_of(P, base): self._container(self._scratch / base, folder) for base in from_}
        self.content[version] = made

    def _container(self, old: Path | None, new: Path) -> bytes:
        into = io.BytesIO()
        make(old, new, into, scratch=self._scratch)
        return into.getvalue()

    def another(self) -> bytes:
        """A container of a tree that is no release's, smaller than any of them, so that it is chosen."""
        folder = self._scratch / "another"
        folder.mkdir()
        (folder / "app").write_text("another")
        return self._container(None, folder)

    def names(self, unit: str, version: str) -> Mapping[str, Named]:
        if self.is_away:
            raise Unreachable("no-network", unit)
        if version not in self.content:
            raise Missing("no-release", version)
        return {
            name: Named(name, hashlib.sha256(each).hexdigest(), len(each))
            for name, each in self.content[version].items()
        }

    def read(self, unit: str, version: str, name: str) -> bytes:
        self.names(unit, version)
        self.asked.append(f"{version}/{name}")
        return self.content[version][name]

    def fetch(self, unit: str, version: str, artifact: Named, into: Path, progress: Progress) -> None:
        content = self.read(unit, version, artifact.name)
        with self._disk.open_write(into) as stream:
            stream.write(content)
        progress(len(content), len(content))

    def had(self) -> list[str]:
        """What was had since it was asked last."""
        found, self.asked = self.asked, []
        return found


class Station:
    def __init__(self, scratch: Path) -> None:
        self.disk = MemoryDisk()
        self.disk.make_folder(PLACE.folder)
        self.shelf = Shelf(self.disk, scratch)
        self.slots = Slots(PLACE, self.disk)
        self.installer = Installer(UNIT, PLACE, self.slots, self.shelf, apply, self.disk, P)

    def put(self, version: str, slot: SlotName) -> None:
        target = Target(version, slot)
        self.installer.download(target, _nobody)
        self.shelf.is_away = True
        self.installer.install(target, _nobody)
        self.shelf.is_away = False
        scan.check(PLACE.files(slot), self.shelf.trees[version], self.disk)
        assert self.slots.tree(slot) == self.shelf.trees[version]


def _nobody(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def station(tmp_path: Path) -> Station:
    made = Station(tmp_path)
    made.shelf.publish("1")
    made.shelf.publish("2", "1")
    made.shelf.publish("3", "2")
    return made


def test_an_update_costs_its_containers_and_the_contract_alone(station: Station) -> None:
    station.put("1", "a")
    assert station.shelf.had() == [f"1/{contract_of(P)}", f"1/{bundle_of(P)}"]
    station.put("2", "b")
    assert station.shelf.had() == [f"2/{contract_of(P)}", f"2/{delta_of(P, '1')}"]


def test_on_a_chain_the_trees_between_come_out_of_their_containers_too(station: Station) -> None:
    del station.shelf.content["3"][bundle_of(P)]
    station.put("1", "a")
    station.shelf.had()
    station.put("3", "b")
    assert station.shelf.had() == [f"3/{contract_of(P)}", f"2/{delta_of(P, '1')}", f"3/{delta_of(P, '2')}"]


def test_a_container_that_says_another_tree_than_was_signed_is_not_believed(station: Station) -> None:
    station.put("1", "a")
    station.shelf.had()
    station.shelf.content["2"][delta_of(P, "1")] = station.shelf.another()
    target = Target("2", "b")
    station.installer.download(target, _nobody)
    assert station.shelf.had() == [f"2/{contract_of(P)}", f"2/{delta_of(P, '1')}", f"2/{tree_of(P)}"]
    said = station.installer.install(target, _nobody)
    assert said.startswith("installed from the full package")
    assert station.slots.tree("b") == station.shelf.trees["2"]


def test_a_container_of_another_release_is_not_believed_either(station: Station, tmp_path: Path) -> None:
    """It is for the right base, so nothing but the signed id tells."""
    station.put("1", "a")
    station.shelf.publish("other", "1")
    station.shelf.had()
    station.shelf.content["2"][delta_of(P, "1")] = station.shelf.content["other"][delta_of(P, "1")]
    station.installer.download(Target("2", "b"), _nobody)
    assert station.shelf.had()[-1] == f"2/{tree_of(P)}"


def test_where_the_manifest_in_the_slot_is_lost_the_signed_one_is_had(station: Station) -> None:
    station.put("1", "a")
    station.disk.remove(PLACE.slot("a") / "tree.json")
    station.shelf.had()
    station.put("2", "b")
    assert station.shelf.had() == [f"2/{contract_of(P)}", f"2/{delta_of(P, '1')}", f"2/{tree_of(P)}"]


def test_what_a_slot_has_is_not_had_again(station: Station) -> None:
    station.put("1", "a")
    station.shelf.had()
    station.put("1", "a")
    assert station.shelf.had() == [f"1/{contract_of(P)}"]


def test_what_was_in_the_slot_and_is_gone_is_planned_anew(station: Station) -> None:
    station.put("1", "a")
    target = Target("1", "a")
    assert station.installer.download(target, _nobody) == "it is here already"
    station.slots.unseal("a")
    assert station.installer.install(target, _nobody) == "installed"
    assert station.slots.held()["a"].version == "1"


def test_an_older_release_that_cannot_be_asked_is_no_way_and_the_wanted_one_is_told(station: Station) -> None:
    station.put("1", "a")
    del station.shelf.content["2"]
    station.put("3", "b")
    assert station.shelf.had()[-1] == f"3/{bundle_of(P)}"
    with pytest.raises(Missing) as caught:
        station.installer.download(Target("2", "b"), _nobody)
    assert caught.value.code == "no-release"


def test_without_a_package_for_this_platform_nothing_is_had(station: Station) -> None:
    station.shelf.content["1"] = {
        name.replace(P, "windows-amd64"): each for name, each in station.shelf.content["1"].items()
    }
    with pytest.raises(Missing) as caught:
        station.installer.download(Target("1", "a"), _nobody)
    assert caught.value.code == "no-package"
    assert station.shelf.had() == []
