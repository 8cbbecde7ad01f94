"""A station survives its agent and its power: a bounded sample of `python -m bench.agent crashes`.

ANDON_AGENT_DEATHS makes it longer.
"""

import os
import random
from dataclasses import replace

import pytest

from andon.testing.disks import MemoryDisk, PowerCut
from andon_wire.errors import Untrusted
from bench.agent.crashes import Campaign, Case, Death
from bench.agent.station import HOME, Machine, Registry
from bench.agent.stories import STORIES, UNIT, Story, Stuck, play, prepare

pytestmark = pytest.mark.simulation
DEATHS = int(os.environ.get("ANDON_AGENT_DEATHS", "320"))


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return Campaign()


def test_wherever_a_station_dies_a_version_that_runs_is_left_and_the_story_ends_as_it_should(
    campaign: Campaign,
) -> None:
    draw = random.Random(20261129)
    came = sum(campaign.run(case) for case in campaign.sample(DEATHS, draw))
    assert came > DEATHS // 2  # the deaths did happen


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.name)
def test_a_story_has_enough_operations_to_die_in(campaign: Campaign, story: Story) -> None:
    assert campaign.operations[story.name] > 20


def test_a_promise_that_is_broken_is_seen() -> None:
    story = next(each for each in STORIES if each.name == "update by delta")
    machine = prepare(story)
    with machine.disk.open_write(HOME / f"units/{UNIT}/a/files/app") as stream:
        stream.write(b"damaged")
    with pytest.raises(Untrusted, match="app"):
        machine.check(UNIT)


def test_a_case_says_how_it_dies() -> None:
    case = Case(STORIES[0], [Death(3, None), Death(9, 7)])
    assert str(case) == "first install, dies in operation 3 (agent), then 9 (power, 7)"


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.name)
def test_on_a_disk_as_windows_has_it_every_story_ends_as_it_should(story: Story) -> None:
    machine = _as_windows(story)
    play(story, machine)
    machine.check(UNIT)


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.name)
def test_on_windows_too_a_station_survives_its_power(campaign: Campaign, story: Story) -> None:
    draw, base = random.Random(story.name), _as_windows(story)
    for _ in range(DEATHS // 80):
        machine = base.copied()
        machine.disk.dies_at = machine.disk.operations + draw.randint(1, campaign.operations[story.name] // 2)
        with pytest.raises(PowerCut):
            play(story, machine)
        machine.lose_power(draw.randrange(1 << 30))
        machine.check(UNIT)
        play(story, machine)
        machine.check(UNIT)


def _as_windows(story: Story) -> Machine:
    return prepare(
        story, Machine(Registry(story.releases), disk=MemoryDisk(is_windows=True, has_links=False))
    )


@pytest.mark.parametrize("room", [0, 500, 1000, 2000, 4000])
def test_on_a_full_disk_the_running_version_stays_and_with_room_the_update_comes(room: int) -> None:
    story = next(each for each in STORIES if each.name == "update by delta")
    machine = prepare(story)
    machine.disk.capacity -= machine.disk.free_bytes(HOME) - room
    try:
        play(story, machine)
    except Stuck:
        machine.check(UNIT)
        assert [each.release.version for each in machine.running(UNIT)] == ["1.0"]
        machine.disk.capacity = 1 << 30
        play(replace(story, stages=story.stages[-1:]), machine)  # nobody asks for another try
