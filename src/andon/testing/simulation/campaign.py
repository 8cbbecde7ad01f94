"""Many stories, one after the other: how they ended by fault and by release, and what was broken.

One process runs one stretch of seeds; `bench/simulation` runs several at once.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from andon.rollouts.model import Trigger
from andon.testing.simulation.faults import AtPoint
from andon.testing.simulation.story import INCOMPARABLE, Played, Story, play

_CALM = {Trigger.NO_EVIDENCE, Trigger.TIMEOUT, Trigger.GATE, Trigger.INVALID}
_PEOPLE = {Trigger.ABORT, Trigger.CORD}
ENDS = ("promoted", "back for harm", "back calmly", "back by people", "held")


@dataclass(slots=True)
class Tally:
    """What came of stories. by_fault, by_release: how often each ended how; broken: seeds by promise.

    rollouts: told, those that were told again with a crash included. seconds: of processor time.
    """

    rollouts: int = 0
    crashes: int = 0
    compared: int = 0
    transactions: int = 0
    seconds: float = 0.0
    by_fault: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_release: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: dict[str, list[int]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Take in what another stretch came to."""
        self.rollouts += other.rollouts
        self.crashes += other.crashes
        self.compared += other.compared
        self.transactions += other.transactions
        self.seconds += other.seconds
        self.by_fault += other.by_fault
        self.by_release += other.by_release
        for promise, seeds in other.broken.items():
            self.broken.setdefault(promise, []).extend(seeds)

    def count(self, played: Played) -> None:
        """Take in one story."""
        story, end = played.story, _end(played)
        self.rollouts += 1
        self.crashes += played.world.crashes
        self.transactions += len(played.world.memory.tables.timeline)
        for fault in story.faults or ("none",):
            self.by_fault[fault, end] += 1
        self.by_release[story.release, end] += 1
        for promise in played.broken:
            self.broken.setdefault(promise, []).append(story.seed)


def run(seeds: Iterable[int], *, crash_every: int = 4) -> Tally:
    """Tell the stories of `seeds`; of each `crash_every`-th also one with a crash, which must not differ."""
    tally, began = Tally(), time.process_time()
    for seed in seeds:
        asyncio.run(_tell(seed, tally, is_crashed=seed % crash_every == 0))
    tally.seconds = time.process_time() - began
    return tally


async def _tell(seed: int, tally: Tally, *, is_crashed: bool) -> None:
    story = Story.of(seed)
    if not is_crashed or INCOMPARABLE & set(story.faults):
        tally.count(await play(story))
        return
    counter = AtPoint()
    undisturbed = await play(story, fault=counter)
    tally.count(undisturbed)
    point = random.Random(seed).randint(1, max(1, counter.seen))  # noqa: S311  a simulation, not a secret
    crashed = await play(story, fault=AtPoint(point))
    tally.rollouts += 1
    tally.compared += 1
    tally.crashes += crashed.world.crashes
    if crashed.trace != undisturbed.trace:
        tally.broken.setdefault("a crash changed what happened", []).append(seed)


def _end(played: Played) -> str:
    end = played.end
    if not end.phase.is_over:
        return "held"
    if end.trigger is None:
        return "promoted"
    if end.trigger in _PEOPLE:
        return "back by people"
    return "back calmly" if end.trigger in _CALM else "back for harm"
