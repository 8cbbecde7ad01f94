"""When clusters that no route wants may go."""

from datetime import timedelta

import pytest

from andon.gateway.retirement import Retirement
from andon.kernel.clock import ManualClock

OWN, SLOT, STABLE = "shop~production~1_1_0", "shop~production~1_1_0~slot", "shop~production~1_0_0"
DRAIN = timedelta(seconds=30)


class Numbers:
    """The admin interface as far as it is needed: requests in flight on the candidate's own cluster."""

    def __init__(self, active=0):
        self.active = active

    async def numbers(self, pattern, *, used_only=False):
        return {f"cluster.{OWN}.upstream_rq_active": self.active}


def a_retirement(active=0):
    clock = ManualClock()
    return Retirement(Numbers(active), clock, DRAIN), clock


async def test_what_a_route_in_force_refers_to_stays_with_what_stands_behind_its_slot():
    retirement, clock = a_retirement()
    for _ in range(3):
        assert await retirement.still_needed({OWN, SLOT}, {STABLE, SLOT}) == {OWN, SLOT}
        clock.advance(timedelta(hours=1))


@pytest.mark.parametrize(
    ("active", "after", "kept"),
    [(0, 0.5, {OWN, SLOT}), (0, 2, set()), (3, 2, {OWN, SLOT}), (3, 29, {OWN, SLOT}), (3, 31, set())],
)
async def test_a_release_goes_when_nothing_is_in_flight_and_at_the_latest_when_its_time_is_up(
    active, after, kept
):
    retirement, clock = a_retirement(active)
    assert await retirement.still_needed({OWN, SLOT}, {STABLE}) == {OWN, SLOT}
    clock.advance(timedelta(seconds=after))
    assert await retirement.still_needed({OWN, SLOT}, {STABLE}) == kept


async def test_the_slot_of_a_promoted_release_goes_when_its_time_is_up():
    retirement, clock = a_retirement()
    for seconds, kept in ((0, {SLOT}), (10, {SLOT}), (25, set())):
        clock.advance(timedelta(seconds=seconds))
        assert await retirement.still_needed({SLOT}, {OWN}) == kept


async def test_a_cluster_that_was_used_again_starts_its_time_anew():
    retirement, clock = a_retirement(active=1)
    await retirement.still_needed({OWN}, set())
    clock.advance(timedelta(seconds=29))
    await retirement.still_needed({OWN}, {OWN})
    clock.advance(timedelta(seconds=29))
    assert await retirement.still_needed({OWN}, set()) == {OWN}
