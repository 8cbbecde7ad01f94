"""The two slots of a unit, and the pointer to the active one.

A slot counts as holding a release only while `installed.json` is there: it is removed before anything in the
slot changes, and written last. The pointer is a link, which people and service managers can follow; where
nobody may make links, as on Windows, it is a file with the slot's name. Either is replaced in one step.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from andon_agent.engine.model import SLOTS, Held, SlotName
from andon_agent.engine.places import Place
from andon_wire import application, tree
from andon_wire.application import Application
from andon_wire.disk import Disk, write_durably
from andon_wire.errors import WireError
from andon_wire.tree import Tree

_MARK, _TREE, _APPLICATION = "installed.json", "tree.json", "application.json"


class Slots:
    """Both slots of the unit at `place`. One writer."""

    def __init__(self, place: Place, disk: Disk) -> None:
        self._place = place
        self._disk = disk

    def held(self) -> Mapping[SlotName, Held]:
        """The releases that are whole in their slots."""
        found = {each: self._held(each) for each in SLOTS}
        return {slot: held for slot, held in found.items() if held is not None}

    def contract(self, slot: SlotName) -> Application | None:
        """What is known of how its application is run; None where that cannot be read."""
        try:
            return application.decode(self._disk.read(self._place.slot(slot) / _APPLICATION))
        except (OSError, WireError):
            return None

    def tree(self, slot: SlotName) -> Tree:
        """The tree of the release in a slot.

        Raises:
            Malformed: it is damaged. OSError: it is not there.
        """
        return tree.decode(self._disk.read(self._place.slot(slot) / _TREE))

    def unseal(self, slot: SlotName) -> None:
        """From now on the slot holds nothing, durably; its files stay, to be made use of.

        Raises:
            OSError: it may still hold what it held.
        """
        folder = self._place.slot(slot)
        self._disk.make_folder(folder)
        self._disk.sync_folder(folder.parent)
        self._disk.remove(folder / _MARK)
        self._disk.sync_folder(folder)

    def seal(self, slot: SlotName, version: str, content: Tree, contract: Application) -> None:
        """From now on the slot holds this release, durably. Its files are there and durable already.

        Raises:
            OSError: it does not hold it yet.
        """
        folder = self._place.slot(slot)
        write_durably(self._disk, folder / _TREE, tree.encode(content))
        write_durably(self._disk, folder / _APPLICATION, application.encode(contract))
        mark = {"version": version, "tree": content.id}
        write_durably(self._disk, folder / _MARK, json.dumps(mark).encode() + b"\n")

    def settle(self) -> None:
        """Make durable what is seen here: a killed agent may not have come to it.

        Raises:
            OSError: the disk does not do it.
        """
        for folder in (*(self._place.slot(each) for each in SLOTS), self._place.folder):
            if self._disk.exists(folder):
                self._disk.sync_folder(folder)

    def pointer(self) -> SlotName | None:
        """The slot that is active by the disk's word; None where that is none."""
        status = self._disk.status(self._place.pointer)
        if status is None:
            return None
        named = status.target if status.kind == "link" else ""
        if status.kind == "file":
            with contextlib.suppress(OSError, UnicodeDecodeError):
                named = self._disk.read(self._place.pointer).decode().strip()
        return next((each for each in SLOTS if each == named), None)

    def point(self, slot: SlotName | None) -> None:
        """Let the pointer name a slot, or none, durably. Again and again is the same as once.

        Raises:
            OSError: it names what it named.
        """
        pointer = self._place.pointer
        if slot is None:
            self._disk.remove(pointer)
            self._disk.sync_folder(pointer.parent)
        elif self.pointer() != slot:
            self._move(pointer, slot)
        else:
            self._disk.sync_folder(pointer.parent)

    def _move(self, pointer: Path, slot: SlotName) -> None:
        new = pointer.with_name(".active.new")
        self._disk.remove(new)
        try:
            self._disk.symlink(slot, new)
        except (OSError, NotImplementedError):
            write_durably(self._disk, pointer, f"{slot}\n".encode())
            return
        self._disk.replace(new, pointer)
        self._disk.sync_folder(pointer.parent)

    def _held(self, slot: SlotName) -> Held | None:
        try:
            mark = json.loads(self._disk.read(self._place.slot(slot) / _MARK))
            return Held(slot, str(mark["version"]), str(mark["tree"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
