"""Kills a station in every durable operation of every story, and again while it recovers.

A case is one run: the story, the operation in which it dies, how (the power of the machine, or the agent
alone), what the platter lost, and, for some, in which operation of the recovery it dies again.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from andon.testing.disks import PowerCut
from bench.agent.station import Machine
from bench.agent.stories import STORIES, Story, play, prepare


@dataclass(frozen=True, slots=True)
class Death:
    """operation: from where it goes on, from 1. seed: of what is lost; None: the agent alone is killed."""

    operation: int
    seed: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a story."""

    story: Story
    deaths: Sequence[Death]

    def __str__(self) -> str:
        how = [
            f"{each.operation} ({'agent' if each.seed is None else f'power, {each.seed}'})"
            for each in self.deaths
        ]
        return f"{self.story.name}, dies in operation {', then '.join(how)}"


class Broken(AssertionError):
    """A promise was broken."""


class Campaign:
    """Stories, prepared once. has_links, is_windows: of the disk."""

    def __init__(self, stories: Sequence[Story] = STORIES) -> None:
        self._prepared = {each.name: prepare(each) for each in stories}
        self.operations = {each.name: self._count(each) for each in stories}

    def run(self, case: Case) -> bool:
        """Live the story with its deaths to the end; False where the last death never came.

        Raises:
            Broken: what must hold did not, or the end was not reached.
        """
        machine = self._prepared[case.story.name].copied()
        is_complete = True
        try:
            for death in case.deaths:
                is_complete = _die(case.story, machine, death) and is_complete
            machine.disk.dies_at = None
            play(case.story, machine)
            for unit in case.story.units:
                machine.check(unit)
        except AssertionError as error:
            raise Broken(f"{case}: {error}") from error
        return is_complete

    def every(self, story: Story, seeds: int, draw: random.Random) -> Iterator[Case]:
        """Each operation: the agent killed, the power lost with `seeds` draws, and one that dies twice."""
        for operation in range(1, self.operations[story.name] + 1):
            yield Case(story, [Death(operation, None)])
            for _ in range(seeds):
                yield Case(story, [Death(operation, draw.randrange(1 << 30))])
            yield self.twice(story, operation, draw)

    def twice(self, story: Story, operation: int, draw: random.Random) -> Case:
        """Dies in an operation, and soon again."""
        how = [None if draw.random() < 0.4 else draw.randrange(1 << 30) for _ in range(2)]
        again = min(1 + int(draw.expovariate(1 / 12)), self.operations[story.name])
        return Case(story, [Death(operation, how[0]), Death(again, how[1])])

    def sample(self, count: int, draw: random.Random) -> Iterator[Case]:
        """Some of them, of all stories in turn."""
        for number in range(count):
            story = STORIES[number % len(STORIES)]
            operation = draw.randint(1, self.operations[story.name])
            if number % 3 == 0:
                yield self.twice(story, operation, draw)
            else:
                yield Case(
                    story, [Death(operation, None if draw.random() < 0.3 else draw.randrange(1 << 30))]
                )

    def _count(self, story: Story) -> int:
        machine = self._prepared[story.name].copied()
        before = machine.disk.operations
        play(story, machine)
        return machine.disk.operations - before


def _die(story: Story, machine: Machine, death: Death) -> bool:
    machine.disk.dies_at = machine.disk.operations + death.operation
    try:
        play(story, machine)
    except PowerCut:
        if death.seed is None:
            machine.lose_agent()
        else:
            machine.lose_power(death.seed)
        for unit in story.units:
            machine.check(unit)
        return True
    machine.disk.dies_at = None
    return False
