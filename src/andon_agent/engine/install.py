"""Gets a release and puts it into its slot: the cheapest way first, the full package when that fails.

Everything can be called again after a crash and goes on: downloads by range, the slot by comparing what is in
it with the tree. What is not here: when (decide.py), the container's format (andon_wire.delta).
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from andon_agent.engine.model import SLOTS, Held, SlotName, Target
from andon_agent.engine.places import Place
from andon_agent.engine.ports import Apply, Artifacts, Named, Progress
from andon_agent.engine.slots import Slots
from andon_wire import application, tree
from andon_wire.application import Application
from andon_wire.delta.apply import tree_in
from andon_wire.delta.chain import Offer, offers, plan_chain
from andon_wire.disk import Disk, write_durably
from andon_wire.errors import Missing, Untrusted, WireError
from andon_wire.names import bundle_of, contract_of, tree_of
from andon_wire.tree import EMPTY, Tree

_PLAN, _CONTRACT = "plan.json", "application.json"


@dataclass(frozen=True, slots=True)
class Hop:
    """One container. version: what it makes; base: what it needs, None for the full package."""

    version: str
    base: str | None
    container: Named


@dataclass(frozen=True, slots=True)
class Installer:
    """For one unit. platform: such as linux-x86_64."""

    unit: str
    place: Place
    slots: Slots
    artifacts: Artifacts
    apply: Apply
    disk: Disk
    platform: str

    def download(self, target: Target, progress: Progress) -> str:
        """Have all on the disk that the cheapest way needs; nothing where a slot has that very tree.

        Raises:
            WireError: as `Artifacts` does. OSError: the disk does not do it.
        """
        signed = self._signed_tree(target.version)
        contract = self._contract(target.version)
        self._prepare()
        write_durably(self.disk, self.place.incoming / _CONTRACT, application.encode(contract))
        way: Sequence[Hop] = []
        if not self._has(target.slot, target.version, signed):
            way = self._way(target)
            self._fetch(way, progress)
            self._write_trees(way)
        self._write_plan(_Plan(target.version, signed, way))
        return "downloaded" if way else "it is here already"

    def install(self, target: Target, progress: Progress) -> str:
        """Make the slot hold the release, durably; needs no network where `download` was done.

        Raises:
            WireError: no way leads there. OSError: the disk does not do it.
        """
        plan = self._plan(target.version)
        if plan is not None and self._has(target.slot, target.version, plan.tree):
            return "it was here already"
        if plan is None or not plan.way:
            self.download(target, progress)
            plan = self._plan(target.version)
            if plan is None or not plan.way:
                return "it was here already"
        content = tree.decode(self.disk.read(self._tree_file(target.version)))
        contract = application.decode(self.disk.read(self.place.incoming / _CONTRACT))
        self.slots.unseal(target.slot)
        said = "installed"
        try:
            self._make(plan.way, target, content, progress)
        except WireError as error:
            said = f"installed from the full package, as the delta failed: {error.message}"
            self._instead(plan.way, target, content, progress, error)
        self.slots.seal(target.slot, target.version, content, contract)
        return said

    def _instead(
        self, way: Sequence[Hop], target: Target, content: Tree, progress: Progress, error: WireError
    ) -> None:
        """The full package, where that was not what failed."""
        name = bundle_of(self.platform)
        bundle = self._names(target.version).get(name)
        if bundle is None or [each.container.name for each in way] == [name]:
            raise error
        whole = [Hop(target.version, None, bundle)]
        self._fetch(whole, progress)
        self.disk.remove_tree(self.place.files(target.slot))
        self._make(whole, target, content, progress)

    def _make(self, way: Sequence[Hop], target: Target, content: Tree, progress: Progress) -> None:
        old = self._folder_of(way[0].base)
        for hop in way[:-1]:
            into = self.place.incoming / f"between-{hop.version}"
            self._apply(hop, old, into, tree.decode(self.disk.read(self._tree_file(hop.version))), progress)
            old = into
        self._apply(way[-1], old, self.place.files(target.slot), content, progress)

    def _apply(self, hop: Hop, old: Path | None, into: Path, content: Tree, progress: Progress) -> None:
        try:
            container = self.disk.open_read(self._file(hop))
        except OSError as error:
            raise Missing("no-container", f"{hop.container.name} is not there any more") from error
        with container:
            self.apply(container, old=old, into=into, tree=content, disk=self.disk, progress=progress)

    def _write_trees(self, way: Sequence[Hop]) -> None:
        """The trees on the way: what each container says that it makes, where that is what was signed."""
        at = EMPTY if way[0].base is None else self._tree_of(way[0].base)
        for hop in way:
            at = self._made(hop, at)
            write_durably(self.disk, self._tree_file(hop.version), tree.encode(at))

    def _made(self, hop: Hop, old: Tree) -> Tree:
        signed = self._signed_tree(hop.version)
        with contextlib.suppress(WireError, OSError), self.disk.open_read(self._file(hop)) as container:
            found = tree_in(container, old)
            if found.id == signed:
                return found
        return tree.decode(self._read(hop.version, tree_of(self.platform)))

    def _tree_of(self, version: str) -> Tree:
        """Of a version that is here; where its manifest cannot be read, one that no container is for."""
        for held in self.slots.held().values():
            if held.version == version:
                with contextlib.suppress(WireError, OSError):
                    return self.slots.tree(held.slot)
        return EMPTY

    def _write_plan(self, plan: "_Plan") -> None:
        content = json.dumps(asdict(plan)).encode()
        write_durably(self.disk, self.place.incoming / _PLAN, content)

    def _plan(self, version: str) -> "_Plan | None":
        """What was downloaded for this version; None where there is nothing that can be read."""
        try:
            document = json.loads(self.disk.read(self.place.incoming / _PLAN))
            if document["version"] != version:
                return None
            return _Plan(version, str(document["tree"]), [_hop(**each) for each in document["way"]])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _prepare(self) -> None:
        """The folder for what comes; what an earlier plan says does not hold from here on."""
        self.disk.make_folder(self.place.incoming)
        self.disk.remove(self.place.incoming / _PLAN)
        self.disk.sync_folder(self.place.incoming)
        self.disk.sync_folder(self.place.folder)

    def _way(self, target: Target) -> Sequence[Hop]:
        here = [each.version for each in self._bases(target.slot)]
        way = plan_chain(target.version, here, lambda version: self._offers(version, target.version))
        if way is None:
            raise self._no_package(target.version)
        return [Hop(each.new, each.old, self._names(each.new)[each.name]) for each in way]

    def _offers(self, version: str, wanted: str) -> Sequence[Offer]:
        """An older release that cannot be asked is no way; the wanted one is told."""
        try:
            names = self._names(version)
        except WireError:
            if version == wanted:
                raise
            return []
        return offers(version, {each.name: each.size for each in names.values()}, self.platform)

    def _no_package(self, version: str) -> Missing:
        return Missing(
            "no-package",
            f"{self.unit}@{version} has no package for {self.platform}",
            hint="build it for this platform",
        )

    def _signed_tree(self, version: str) -> str:
        """The id of its tree: the artifact is the canonical form, so its hash is the id."""
        named = self._names(version).get(tree_of(self.platform))
        if named is None:
            raise self._no_package(version)
        return named.sha256

    def _names(self, version: str) -> Mapping[str, Named]:
        return self.artifacts.names(self.unit, version)

    def _bases(self, slot: SlotName) -> Sequence[Held]:
        """What a delta may start from: not the slot that is being written."""
        held = self.slots.held()
        return [held[each] for each in SLOTS if each != slot and each in held]

    def _folder_of(self, version: str | None) -> Path | None:
        if version is None:
            return None
        for held in self.slots.held().values():
            if held.version == version:
                return self.place.files(held.slot)
        raise Missing("no-base", f"{version} is not here any more")

    def _fetch(self, way: Sequence[Hop], progress: Progress) -> None:
        total = sum(each.container.size for each in way)
        before = 0
        for hop in way:
            tell = _from(before, total, progress)
            self.artifacts.fetch(self.unit, hop.version, hop.container, self._file(hop), tell)
            before += hop.container.size

    def _file(self, hop: Hop) -> Path:
        return self.place.incoming / hop.container.sha256

    def _tree_file(self, version: str) -> Path:
        return self.place.incoming / f"tree-{version}.json"

    def _contract(self, version: str) -> Application:
        contract = application.decode(self._read(version, contract_of(self.platform)))
        if (contract.unit, contract.version) != (self.unit, version):
            raise Untrusted(
                "other-release",
                f"the contract of {self.unit}@{version} is for {contract.unit}@{contract.version}",
            )
        return contract

    def _read(self, version: str, name: str) -> bytes:
        return self.artifacts.read(self.unit, version, name)

    def _has(self, slot: SlotName, version: str, tree_id: str) -> bool:
        held = self.slots.held().get(slot)
        return held is not None and (held.version, held.tree) == (version, tree_id)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was downloaded. tree: the id of what comes out; way: empty where a slot has it."""

    version: str
    tree: str
    way: Sequence[Hop]


def _hop(version: str, base: str | None, container: Mapping[str, Any]) -> Hop:
    return Hop(version, base, Named(**container))


def _from(before: int, total: int, progress: Progress) -> Progress:
    return lambda done, _: progress(before + done, total)
