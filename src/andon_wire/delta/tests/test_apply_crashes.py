"""However a disk dies under `apply`: the old version stays whole, and calling it again makes the new one.

ANDON_DELTA_CUTS is how many draws of what was lost follow each cut (the campaign takes more).
"""

import io
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from andon.releases.deltas.make import make
from andon.testing.disks import MemoryDisk, PowerCut
from andon_wire import scan
from andon_wire.delta.apply import apply
from andon_wire.errors import Unreachable
from andon_wire.tree import File, Folder, Link, Tree

pytestmark = pytest.mark.unit
CUTS = int(os.environ.get("ANDON_DELTA_CUTS", "2"))
OLD, INTO = Path("/station/a"), Path("/station/b")


class Case:
    """A delta and the two trees, with every kind of entry and form."""

    def __init__(self, at: Path) -> None:
        draw = random.Random(2)
        self.old_folder, self.new_folder, self.other_folder = at / "old", at / "new", at / "other"
        for folder in (self.old_folder, self.new_folder, self.other_folder):
            (folder / "lib/empty").mkdir(parents=True)
        big = draw.randbytes(9_000)
        (self.old_folder / "lib/big").write_bytes(big)
        (self.new_folder / "lib/big").write_bytes(big[:700] + b"between" + big[900:])
        for folder in (self.old_folder, self.new_folder):
            (folder / "same").write_bytes(b"the same in both" * 9)
            (folder / "lib/same.exe").write_bytes(b"a program" * 9)
            (folder / "lib/same.exe").chmod(0o755)
        (self.old_folder / "from").write_bytes(b"moved" * 20)
        (self.new_folder / "lib/to").write_bytes(b"moved" * 20)
        (self.new_folder / "mode").write_bytes(b"moved" * 20)
        (self.new_folder / "mode").chmod(0o755)
        (self.new_folder / "fresh").write_bytes(draw.randbytes(3_000))
        (self.new_folder / "twin").write_bytes((self.new_folder / "fresh").read_bytes())
        (self.new_folder / "nothing").touch()
        (self.new_folder / "link").symlink_to("lib/to")
        (self.other_folder / "fresh").mkdir()
        (self.other_folder / "fresh/er").write_bytes(b"a file where the other has none")
        (self.other_folder / "lib/big").write_bytes(b"torn" * 100)
        (self.other_folder / "lib/link").symlink_to("empty")
        container = io.BytesIO()
        made = make(self.old_folder, self.new_folder, container, scratch=at)
        self.old, self.new, self.container = made.old, made.new, container.getvalue()

    def station(self, **kind: object) -> MemoryDisk:
        """A disk with the old version, and leavings of a third in the standby folder."""
        disk = MemoryDisk(**kind)
        for folder, to in ((self.old_folder, OLD), (self.other_folder, INTO)):
            put(disk, folder, to)
        disk.settle()
        return disk

    def apply(self, disk: MemoryDisk) -> None:
        apply(io.BytesIO(self.container), old=OLD, into=INTO, tree=self.new, disk=disk)

    def is_whole(self, disk: MemoryDisk) -> None:
        scan.check(OLD, self.old, disk)
        scan.check(INTO, self.new, disk)


def put(disk: MemoryDisk, folder: Path, to: Path) -> Tree:
    """Lay a real folder's tree down."""
    tree = scan.scan(folder)
    disk.make_folder(to)
    for each in tree.entries:
        disk.make_folder((to / each.path).parent)
        match each:
            case File(path, _, _, executable):
                with disk.open_write(to / path, mode=0o755 if executable else 0o644) as stream:
                    stream.write((folder / path).read_bytes())
            case Link(path, target):
                disk.symlink(target, to / path)
            case Folder(path):
                disk.make_folder(to / path)
    return tree


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("case"))


def test_what_apply_made_survives_a_cut_that_follows_at_once(case: Case) -> None:
    for seed in range(20):
        disk = case.station()
        case.apply(disk)
        disk.die()
        case.is_whole(disk.after_cut(seed))


@pytest.mark.parametrize("has_links", [True, False])
def test_a_cut_in_any_operation_leaves_the_old_version_and_the_next_call_makes_the_new(
    case: Case, has_links: bool
) -> None:
    whole = case.station(has_links=has_links)
    before = whole.operations
    case.apply(whole)
    for operation in range(before + 1, whole.operations + 1):
        for seed in range(CUTS):
            disk = case.station(has_links=has_links)
            disk.dies_at = operation
            with pytest.raises(PowerCut):
                case.apply(disk)
            disk = disk.after_cut(seed)
            scan.check(OLD, case.old, disk)
            disk.dies_at = disk.operations + 1 + seed * 7  # and again, soon after or at its end
            with suppress(PowerCut):
                case.apply(disk)
            disk.die()
            disk = disk.after_cut(seed)
            case.apply(disk)
            disk.die()
            case.is_whole(disk.after_cut(seed + 1))


def test_what_a_killed_process_left_is_durable_once_the_next_call_returns(case: Case) -> None:
    whole = case.station()
    before = whole.operations
    case.apply(whole)
    for operation in range(before + 1, whole.operations + 1):
        disk = case.station()
        disk.remove_tree(INTO)
        disk.settle()
        disk.dies_at = disk.operations + operation - before
        try:
            case.apply(disk)
        except PowerCut:
            disk.revive()
            case.apply(disk)
        disk.die()
        case.is_whole(disk.after_cut(operation))


def test_a_failure_of_any_operation_is_told_and_the_next_call_makes_the_new(case: Case) -> None:
    whole = case.station()
    before = whole.operations
    case.apply(whole)
    for operation in range(before + 1, whole.operations + 1):
        disk = case.station()
        disk.fails_at = operation
        try:
            case.apply(disk)
        except Unreachable:
            case.apply(disk)
        case.is_whole(disk)


def test_a_disk_that_is_too_full_is_told_and_takes_the_rest_when_there_is_room(case: Case) -> None:
    disk = case.station()
    needed = sum(each.size for each in case.new.files)
    used = disk.capacity - disk.free_bytes(OLD)
    for room in range(0, needed, 97):
        disk.capacity = used + room
        try:
            case.apply(disk)
        except Unreachable:
            scan.check(OLD, case.old, disk)
        else:
            break
    else:
        pytest.fail("the new version never fits")
    case.is_whole(disk)


def test_what_cannot_fit_is_not_begun(case: Case) -> None:
    disk = case.station()
    disk.remove_tree(INTO)
    disk.capacity -= disk.free_bytes(OLD) - 3_000
    with pytest.raises(Unreachable, match="are free") as told:
        case.apply(disk)
    assert told.value.code == "disk-full"
    assert not list(scan.walk(INTO / "fresh", disk))
    assert disk.free_bytes(OLD) == 3_000


def test_on_windows_a_version_is_made_beside_one_that_runs(tmp_path: Path) -> None:
    for folder in (tmp_path / "old", tmp_path / "new"):
        (folder / "lib").mkdir(parents=True)
        (folder / "Station.exe").write_bytes(b"program" * 99)
        (folder / "lib/a.dll").write_bytes(b"library" * 99)
    (tmp_path / "new/lib/a.dll").write_bytes(b"library" * 98 + b"changed")
    container = io.BytesIO()
    made = make(tmp_path / "old", tmp_path / "new", container, scratch=tmp_path)
    for dies_at in (None, *range(1, 40)):
        disk = MemoryDisk(is_windows=True)
        put(disk, tmp_path / "old", OLD)
        disk.make_folder(INTO)
        disk.settle()
        for path in ("Station.exe", "lib/a.dll"):
            disk.lock(OLD / path)
        disk.dies_at = disk.operations + dies_at if dies_at else None
        try:
            apply(io.BytesIO(container.getvalue()), old=OLD, into=INTO, tree=made.new, disk=disk)
        except PowerCut:
            disk = disk.after_cut(dies_at or 0)
            apply(io.BytesIO(container.getvalue()), old=OLD, into=INTO, tree=made.new, disk=disk)
        scan.check(INTO, made.new, disk)


def test_a_tree_with_links_is_told_where_nobody_may_make_them(case: Case) -> None:
    disk = MemoryDisk(is_windows=True)
    disk.make_folder(INTO.parent)
    container = io.BytesIO()
    made = make(None, case.new_folder, container)
    container.seek(0)
    with pytest.raises(Unreachable, match="privilege"):
        apply(container, old=None, into=INTO, tree=made.new, disk=disk)


def test_nothing_of_the_old_version_is_written_to_though_its_files_are_linked(case: Case) -> None:
    disk = case.station()
    disk.link(OLD / "lib/big", INTO / "lib/same.exe")
    disk.link(OLD / "same", INTO / "twin")
    case.apply(disk)
    case.is_whole(disk)
