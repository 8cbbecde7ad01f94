"""Slots and pointer on disks of both kinds, and what a power cut leaves of them."""

from pathlib import Path

import pytest

from andon.testing.disks import MemoryDisk, PowerCut
from andon_agent.engine.model import Held, SlotName
from andon_agent.engine.places import Place
from andon_agent.engine.slots import Slots
from andon_wire.application import Application
from andon_wire.tree import EMPTY

pytestmark = pytest.mark.unit
PLACE = Place(Path("/station/units/screen"))
CONTRACT = Application(unit="screen", version="1.0", platform="linux-x86_64", command=["app"])


def a_station(**kind: bool) -> tuple[MemoryDisk, Slots]:
    disk = MemoryDisk(**kind)
    disk.make_folder(PLACE.folder)
    disk.settle()
    return disk, Slots(PLACE, disk)


def fill(slots: Slots, slot: SlotName) -> None:
    slots.unseal(slot)
    slots.seal(slot, "1.0", EMPTY, CONTRACT)


@pytest.mark.parametrize("is_windows", [False, True])
def test_a_sealed_slot_holds_its_release_until_it_is_unsealed(is_windows: bool) -> None:
    disk, slots = a_station(is_windows=is_windows)
    fill(slots, "a")
    assert slots.held() == {"a": Held("a", "1.0", EMPTY.id)}
    assert slots.contract("a") == CONTRACT
    assert slots.tree("a") == EMPTY
    slots.unseal("a")
    disk.die()
    assert Slots(PLACE, disk.after_cut(1)).held() == {}


@pytest.mark.parametrize("is_windows", [False, True])
@pytest.mark.parametrize("slot", ["a", "b"])
def test_the_pointer_names_the_old_slot_or_the_new_wherever_the_power_goes(
    is_windows: bool, slot: SlotName
) -> None:
    for operation in range(1, 8):
        for seed in range(6):
            disk, slots = a_station(is_windows=is_windows)
            slots.point("a")
            disk.settle()
            disk.dies_at = disk.operations + operation
            try:
                slots.point(slot)
            except PowerCut:
                disk = disk.after_cut(seed)
                assert Slots(PLACE, disk).pointer() in {"a", slot}
            else:
                disk.die()
                assert Slots(PLACE, disk.after_cut(seed)).pointer() == slot


def test_the_pointer_is_a_link_where_there_are_links_and_a_file_where_there_are_none() -> None:
    disk, slots = a_station()
    slots.point("b")
    status = disk.status(PLACE.pointer)
    assert status is not None
    assert (status.kind, status.target) == ("link", "b")
    disk, slots = a_station(is_windows=True)
    slots.point("b")
    assert disk.read(PLACE.pointer) == b"b\n"


def test_a_pointer_that_is_taken_away_stays_away() -> None:
    disk, slots = a_station()
    slots.point("a")
    slots.point(None)
    disk.die()
    assert Slots(PLACE, disk.after_cut(3)).pointer() is None


@pytest.mark.parametrize("content", [b"", b"c\n", b"../b\n", b"\xff\xfe", b"a\nb\n"])
def test_a_pointer_that_names_no_slot_names_nothing(content: bytes) -> None:
    disk, slots = a_station(is_windows=True)
    with disk.open_write(PLACE.pointer) as stream:
        stream.write(content)
    assert slots.pointer() is None


def test_what_a_killed_agent_did_is_durable_once_it_was_settled() -> None:
    is_seen = False
    for operation in range(1, 20):
        for seed in range(6):
            disk, slots = a_station()
            disk.dies_at = disk.operations + operation
            try:
                fill(slots, "b")
            except PowerCut:
                disk.revive()
            again = Slots(PLACE, disk)
            seen = again.held()
            is_seen = is_seen or bool(seen)
            again.settle()
            disk.die()
            assert Slots(PLACE, disk.after_cut(seed)).held() == seen
    assert is_seen
