"""What a stack light says, in order of danger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.api.floor import RETURNED_STAYS_RED, Scene, light, tile
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.rollouts.model import Cord, Phase, Trigger
from andon.targets.model import Instance, InstanceState
from andon.testing.shelves import a_rollout
from andon.units.desired import Desired, DesiredRelease
from andon.units.load import parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = Version("1.0.0"), Version("2.0.0")


def an_instance(version: Version = ONE, state: InstanceState = InstanceState.READY) -> Instance:
    return Instance(
        InstanceId("i"), UnitName("mes"), EnvironmentName("production"), version, state,
        "127.0.0.1", 1, 1, 0, 0, NOW, "",
    )  # fmt: skip


def a_scene(**changes) -> Scene:
    desired = Desired(UnitName("mes"), EnvironmentName("production"), 1, ONE, (DesiredRelease(ONE, 1, 1.0),))
    base = Scene(NOW, desired, [an_instance()], None, [], None, [], NOW, {})
    return replace(base, **changes)


def returned(minutes_ago: float, trigger: Trigger = Trigger.JUDGE):
    at = NOW - timedelta(minutes=minutes_ago)
    return a_rollout(at, phase=Phase.RETURNED, trigger=trigger, finished_at=at)


TWO_OF_THEM = Desired(
    UnitName("mes"), EnvironmentName("production"), 2, ONE,
    (DesiredRelease(ONE, 1, 0.9), DesiredRelease(TWO, 1, 0.1)),
)  # fmt: skip
CORD = Cord(None, False, "jiwoo", "smoke", NOW)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("green", "running")),
        ({"desired": replace(TWO_OF_THEM, releases=())}, ("grey", "empty")),
        ({"traffic_at": None}, ("grey", "no-data")),
        ({"traffic_at": NOW - timedelta(minutes=1)}, ("grey", "stale")),
        ({"instances": []}, ("red", "down")),
        ({"instances": [an_instance(state=InstanceState.UNHEALTHY)]}, ("red", "down")),
        ({"instances": [an_instance(), an_instance(TWO, InstanceState.CRASH_LOOP)]}, ("red", "crash-loop")),
        ({"instances": [an_instance(state=InstanceState.REFUSED)]}, ("red", "refused")),
        ({"desired": TWO_OF_THEM}, ("red", "down")),
        ({"rollout": a_rollout(NOW)}, ("amber", "rolling-out")),
        ({"rollout": a_rollout(NOW, paused_at=NOW)}, ("amber", "paused")),
        ({"rollout": a_rollout(NOW, phase=Phase.RETURNING)}, ("amber", "returning")),
        ({"rollout": a_rollout(NOW, phase=Phase.HELD)}, ("red", "held")),
        ({"rollout": returned(5)}, ("red", "returned")),
        ({"rollout": returned(31)}, ("green", "running")),
        ({"rollout": returned(5, Trigger.ABORT)}, ("green", "running")),
        ({"cords": [CORD]}, ("amber", "corded")),
        ({"cords": [CORD], "rollout": returned(5)}, ("red", "returned")),
        ({"cords": [CORD], "rollout": a_rollout(NOW)}, ("amber", "corded")),
    ],
)
def test_the_light_shows_the_worst_first(changes, expected):
    shown = light(a_scene(**changes))
    assert (shown.colour, shown.word) == expected
    assert shown.reason


def test_fewer_ready_than_wanted_is_amber():
    desired = replace(TWO_OF_THEM, releases=(DesiredRelease(ONE, 2, 1.0),))
    assert light(a_scene(desired=desired)).word == "degraded"


def test_a_finished_rollout_is_the_last_not_the_present_one():
    shown = tile(a_scene(rollout=returned(RETURNED_STAYS_RED.total_seconds() / 60 + 1)))
    assert shown.rollout is None
    assert shown.last_rollout is not None


FLEET = parse(
    """
    [unit]
    name = "mes"
    kind = "application"
    [build]
    kind = "bundle"
    [bundle]
    entry = "start.py"
    requirements = "requirements-build.lock"
    [run]
    command = ["{slot}/mes"]
    [environments.production]
    target = "fleet"
    """,
    source="andon.toml",
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"traffic_at": None}, ("green", "running")),  # no gateway stands before stations
        ({"instances": []}, ("red", "down")),
        ({"instances": [], "rollout": a_rollout(NOW)}, ("amber", "rolling-out")),  # a wave begins
        ({"desired": replace(TWO_OF_THEM, releases=(DesiredRelease(ONE, 2, 1.0),))}, ("amber", "degraded")),
    ],
)
def test_of_a_fleet_the_light_counts_stations_and_waits_for_no_gateway(changes, expected):
    shown = light(a_scene(manifest=FLEET, **changes))
    assert (shown.colour, shown.word) == expected
    assert "instance" not in shown.reason
