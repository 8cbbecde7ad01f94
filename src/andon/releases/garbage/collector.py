"""Takes out of the registry what nobody needs: asks, plans, signs, then removes files past their grace.

Each step may be cut: what left the signed metadata left it in one step, and everything else is found again by
the next run. Nothing is taken while anything does not verify, or while one of those who know what is needed
does not answer. Who begins to use a release in the very moment in which it goes gets it back: its files are
there for the grace.
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged
from andon.kernel.ids import UnitName, Version
from andon.releases import codec, keys
from andon.releases.garbage.model import COLLECTED_FILE, Candidate, Collected, InUse, Plan, Rules, Use
from andon.releases.garbage.plan import plan
from andon.releases.garbage.sweep import Swept, sweep
from andon.releases.layout import Layout
from andon.releases.locking import exclusive
from andon.releases.mirroring import state as states
from andon.releases.mirroring.model import TargetFile, base_of, total_bytes
from andon.releases.mirroring.state import State
from andon.releases.publish import Change, Publisher
from andon.releases.storage import protocol
from andon.releases.storage.protocol import TARGETS, Storage
from andon.releases.store import ReleaseStore
from andon_wire.verify import RELEASE_FILE, REVOKED_FILE

_WAITS = "targets-wait"  # the holders of offline keys were asked


@dataclass(frozen=True, slots=True)
class Parts:
    """What it works on: one home's registry, and those who know what is needed."""

    layout: Layout
    storage: Storage
    releases: ReleaseStore
    publisher: Publisher
    uses: Sequence[InUse]


@dataclass(frozen=True, slots=True)
class Again:
    """What is needed again: files to sign again, and notices that must go."""

    files: tuple[TargetFile, ...] = ()
    tombs: frozenset[str] = frozenset()


class Collector:
    """The garbage collection of one home."""

    def __init__(self, parts: Parts, clock: Clock, rules: Rules) -> None:
        self._parts = parts
        self._clock = clock
        self._rules = rules

    async def tick(self) -> None:
        """A loop's tick. Raises as `run`."""
        await self.run(actor="andon", reason="nobody needs it any more")

    async def run(self, *, actor: str, reason: str, is_trial: bool = False) -> Collected:
        """Collect; is_trial: only say what would go.

        Raises:
            Untrusted, Damaged: the registry does not verify, or lacks what it must have; nothing was taken.
            Unavailable: a place or the database did not answer; done again, it goes on.
            Conflict: this home follows a registry that is signed elsewhere; its files go as that one's do.
        """
        if keys.is_following(self._parts.layout):
            raise Conflict(
                "not-signed-here",
                "this home follows a registry that is signed elsewhere",
                hint="collect there; what it names no more goes here with the bundles that follow",
            )
        async with self._parts.releases.alerting("registry", ""):
            candidates = await asyncio.to_thread(self._look)
        made = plan(candidates, await self._uses(), self._rules, self._clock.now())
        is_pending = False
        again = Again() if is_trial else await asyncio.to_thread(self._again, candidates, made)
        if not (is_trial or (made.is_empty and again == Again())):
            is_pending = not await asyncio.to_thread(self._withdraw, made, again)
            if not is_pending:
                await self._give_back(made)
        swept = Swept()
        if not is_trial:
            gone = await asyncio.to_thread(self._gone)
            await self._parts.releases.unlist(gone, actor, reason)
            swept = await asyncio.to_thread(self._sweep)
        return _collected(made, swept, is_pending=is_pending)

    async def _uses(self) -> list[Use]:
        return [use for each in self._parts.uses for use in await each.in_use()]

    def _look(self) -> list[Candidate]:
        """The registry as it is signed, seen to be whole."""
        parts = self._parts
        state = states.own(parts.layout, parts.storage)
        there = {each.path: each.size_bytes for each in parts.storage.list(TARGETS)}
        missing = [each for each in state.files if there.get(each.path) != each.size_bytes]
        if missing:
            raise Damaged(
                "artifact-missing",
                f"{missing[0].path} is signed and is not there as it was signed, as {len(missing)} files",
                hint="andon registry mirror FROM-A-COPY brings it back; nothing is collected until then",
            )
        return [self._candidate(files) for files in _by_release(state).values()]

    def _candidate(self, files: Sequence[TargetFile]) -> Candidate:
        document = next(each for each in files if each.name == RELEASE_FILE)
        content = protocol.read(self._parts.storage, document.path)
        if not protocol.is_whole(
            self._parts.storage, document.path, size_bytes=document.size_bytes, sha256=document.sha256
        ):
            raise Damaged("hash-mismatch", f"{document.path} is not what was signed")
        release = codec.decode(content)
        return Candidate(document.unit, document.version, release.created_at, tuple(files))

    def _again(self, candidates: Sequence[Candidate], made: Plan) -> Again:
        """What the holders of offline keys were asked to let go, and what is needed again before they did."""
        asked = self._parts.publisher.asked()
        if asked is None:
            return Again()
        staying = [each for each in candidates if each.id in made.kept]
        files = [
            file
            for each in staying
            if f"{each.unit}/{each.version}/{REVOKED_FILE}" not in asked  # that one was taken out on purpose
            for file in each.files
            if file.target not in asked and file not in made.deltas
        ]
        return Again(tuple(files), frozenset(map(_tomb, staying)) & asked)

    def _withdraw(self, made: Plan, again: Again) -> bool:
        """Sign the metadata without them; False where the holders of offline keys must do so."""
        files = [file for each in made.releases for file in each.files if file.name != REVOKED_FILE]
        change = Change(
            f"collect {len(made.releases)} releases and {len(made.deltas)} deltas",
            gone=frozenset(each.target for each in [*files, *made.deltas]) | again.tombs,
            back=again.files,
            notices={_tomb(each): self._notice(each) for each in made.releases},
        )
        try:
            self._parts.publisher.exchange(change)
        except Conflict as error:
            if error.code != _WAITS:
                raise
            return False
        return True

    def _notice(self, release: Candidate) -> bytes:
        signed = next(each.sha256 for each in release.files if each.name == RELEASE_FILE)
        said = {"release": release.id, "sha256": signed, "at": self._clock.now().isoformat()}
        return json.dumps(said, sort_keys=True).encode()

    async def _give_back(self, made: Plan) -> None:
        """What somebody began to use while it was being taken."""
        used = {each.release for each in await self._uses()}
        back = [each for each in made.releases if each.id in used]
        deltas = [each for each in made.deltas if f"{each.unit}@{base_of(each.name)}" in used]
        if back or deltas:
            files = tuple([file for each in back for file in each.files] + deltas)
            tombs = frozenset(_tomb(each) for each in back)
            change = Change("give back what is used again", gone=tombs, back=files)
            await asyncio.to_thread(self._parts.publisher.exchange, change)

    def _gone(self) -> frozenset[tuple[UnitName, Version]]:
        """Every release that was collected, by the signed metadata."""
        state = states.own(self._parts.layout, self._parts.storage)
        files = [each for each in state.files if each.name == COLLECTED_FILE]
        return frozenset((UnitName(each.unit), Version(each.version)) for each in files)

    def _sweep(self) -> Swept:
        parts = self._parts
        with exclusive(parts.layout.keys / ".lock"):
            state = states.own(parts.layout, parts.storage)
            named = {each.path for each in state.files} | parts.publisher.waiting()
            return sweep(parts.storage, named, parts.layout.leftovers, self._rules.grace, self._clock.now())


def _tomb(release: Candidate) -> str:
    return f"{release.unit}/{release.version}/{COLLECTED_FILE}"


def _by_release(state: State) -> Mapping[str, list[TargetFile]]:
    found: dict[str, list[TargetFile]] = {}
    for each in state.files:
        if each.release in state.releases:
            found.setdefault(each.release, []).append(each)
    return found


def _collected(made: Plan, swept: Swept, *, is_pending: bool) -> Collected:
    going: Collection[TargetFile] = [*(file for each in made.releases for file in each.files), *made.deltas]
    return Collected(
        kept=made.kept,
        releases=tuple(each.id for each in made.releases),
        deltas=tuple(f"{each.release}/{each.name}" for each in made.deltas),
        freed_bytes=total_bytes(going),
        removed=swept.removed,
        removed_bytes=swept.removed_bytes,
        waiting=swept.waiting,
        is_pending=is_pending,
    )
