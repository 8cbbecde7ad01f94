"""Each promise is seen to be broken by a bug that was planted for it."""

import random

import pytest

from andon.testing.simulation.faults import AtPoint
from andon.testing.simulation.story import INCOMPARABLE, Story, play
from tests.simulation.planted import PLANTED, Planted


def stories(planted: Planted) -> list[Story]:
    """The stories in which the bug must show."""
    found: list[Story] = []
    seed = 0
    while len(found) < planted.within:
        story = Story.of(seed)
        if planted.where(story):
            found.append(story)
        seed += 1
    return found


async def is_found_by_a_crash(planted: Planted, story: Story) -> bool:
    """Whether a crash changes how the story goes."""
    if INCOMPARABLE & set(story.faults):
        return False
    counter = AtPoint()
    undisturbed = await play(story, planted.engine, counter)
    number = random.Random(story.seed).randint(1, max(1, counter.seen))
    return (await play(story, planted.engine, AtPoint(number))).trace != undisturbed.trace


@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each.name)
async def test_a_planted_bug_is_found(planted: Planted) -> None:
    for story in stories(planted):
        if planted.by_crash:
            if await is_found_by_a_crash(planted, story):
                return
        elif any(planted.said in each for each in (await play(story, planted.engine)).broken):
            return
    pytest.fail(f"not found within {planted.within} stories")


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    assert len({each.name for each in PLANTED}) == len(PLANTED) >= 40
