"""The first agent of a station: a copy of the bundle that was installed by hand, in a slot of its own unit.

From then on the agent updates itself by its slots; what was installed by hand is only the launcher.
"""

import logging
from pathlib import Path

from andon_agent.engine.places import place_of
from andon_agent.engine.slots import Slots
from andon_wire import platforms, scan, tree
from andon_wire.application import AGENT_UNIT, Application, Health, SafePoint
from andon_wire.disk import Disk
from andon_wire.tree import File, Folder, Link, Tree

_log = logging.getLogger(__name__)
_PIECE_BYTES = 1 << 20
PROGRAM = "agent"


def seed(home: Path, bundle: Path, version: str, disk: Disk) -> bool:
    """Where no slot holds an agent, copy the one in `bundle` there, durably; gives whether it did.

    A crash in between leaves a slot that holds nothing; it is begun anew.

    Raises:
        Malformed: the folder is no bundle. OSError: it cannot be read, or the disk does not take it.
    """
    place = place_of(home, AGENT_UNIT)
    slots = Slots(place, disk)
    if slots.held():
        return False
    content = scan.scan(bundle, disk)
    slots.unseal("a")
    disk.remove_tree(place.files("a"))
    _copy(bundle, place.files("a"), content, disk)
    slots.seal("a", version, content, contract(version))
    slots.point("a")
    _log.info("this agent, %s, is the first in %s", version, place.folder)
    return True


def contract(version: str) -> Application:
    """How the first agent is run; those that follow bring their own."""
    return Application(
        unit=AGENT_UNIT,
        version=version,
        platform=platforms.own(),
        command=[PROGRAM, "run"],
        env={"ANDON_AGENT_VERSION": "{version}"},
        stop_s=20.0,
        health=Health(kind="reported", deadline_s=120.0),
        safe_point=SafePoint(kind="always"),
        is_agent=True,
    )


def _copy(source: Path, into: Path, content: Tree, disk: Disk) -> None:
    folders = {into}
    disk.make_folder(into)
    for entry in content.entries:
        path = into / entry.path
        disk.make_folder(path if isinstance(entry, Folder) else path.parent)
        folders |= {each for each in path.parents if each.is_relative_to(into)}
        match entry:
            case File(executable=executable):
                _copy_file(source / entry.path, path, 0o755 if executable else 0o644, disk)
            case Link(target=target):
                disk.symlink(target, path)
            case Folder():
                folders.add(path)
    for each in sorted(folders, reverse=True):
        disk.sync_folder(each)
    disk.sync_folder(into.parent)
    scan.check(into, tree.tree(content.entries), disk)


def _copy_file(source: Path, into: Path, mode: int, disk: Disk) -> None:
    with disk.open_read(source) as old, disk.open_write(into, mode=mode) as new:
        while piece := old.read(_PIECE_BYTES):
            new.write(piece)
        disk.sync(new)
    disk.chmod(into, mode)
