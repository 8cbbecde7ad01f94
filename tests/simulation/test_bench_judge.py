"""The traffic that the judge's figures are measured on is what it says, and the same for every judge."""

import numpy as np
import pytest

from bench.judge.traffic import (
    QUIET,
    SHARED,
    SICK,
    Drift,
    Situation,
    World,
    drift,
    requests,
    streams,
    streams_by_instance,
)

TENTH = Situation(ratio=2.0, share=0.1)
SEVERAL = World(instances=3, instance=0.3, instance_own=Drift(sd=0.4))


@pytest.mark.parametrize("world", [QUIET, SICK, SHARED, SEVERAL])
def test_every_world_has_the_rates_and_the_share_of_its_situation(world):
    traffic = streams(np.random.default_rng(1), TENTH, 4000, 20, world)
    assert traffic.candidate.mean() / TENTH.per_minute == pytest.approx(0.1, rel=0.05)
    # Where load and rate swing together with the hour, more requests meet the high rate.
    base = 0.01 * (1 + world.rate_by_day * world.load_by_day / 2)
    assert traffic.bad_stable.sum() / traffic.stable.sum() == pytest.approx(base, rel=0.06)
    assert traffic.bad_candidate.sum() / traffic.candidate.sum() == pytest.approx(2 * base, rel=0.08)


def test_a_drift_forgets_at_its_pace_and_keeps_its_mean():
    factors = drift(np.random.default_rng(2), Drift(sd=0.5, phi=0.9), (4000, 40))
    logs = np.log(factors)
    assert factors.mean() == pytest.approx(1.0, rel=0.03)
    assert logs.std() == pytest.approx(0.5, rel=0.03)
    for apart in (1, 5):
        seen = np.corrcoef(logs[:, 10], logs[:, 10 + apart])[0, 1]
        assert seen == pytest.approx(0.9**apart, abs=0.04)


def test_a_drift_of_one_arm_is_its_own_and_a_common_one_is_not():
    busy = Situation(ratio=1.0, base=0.3, per_minute=20_000)
    for world, together in ((World(own=Drift(sd=0.4)), 0.0), (World(common=Drift(sd=0.4)), 1.0)):
        traffic = streams(np.random.default_rng(3), busy, 2000, 5, world)
        mine, other = (
            traffic.bad_candidate[:, 4] / traffic.candidate[:, 4],
            traffic.bad_stable[:, 4] / traffic.stable[:, 4],
        )
        assert np.corrcoef(mine, other)[0, 1] == pytest.approx(together, abs=0.08)


def test_instances_share_what_their_arm_gets():
    blocks = streams_by_instance(np.random.default_rng(4), TENTH, 50, 30, SEVERAL)
    assert blocks.stable.shape == (50, 30, 3)
    assert np.array_equal(
        blocks.together().stable + blocks.together().candidate, np.full((50, 30), TENTH.per_minute)
    )
    assert (blocks.bad_candidate <= blocks.candidate).all()


def test_judges_that_look_at_different_times_read_the_same_requests():
    drawn = requests(np.random.default_rng(5), Situation(ratio=3.0, share=0.3), 40, 25)
    minutes, events = drawn.by_minute(), drawn.by_event()
    assert np.array_equal(minutes.bad_stable.sum(axis=1), events.bad_stable.sum(axis=1))
    assert np.array_equal(minutes.bad_candidate.sum(axis=1), events.bad_candidate.sum(axis=1))
    assert set(np.unique(events.bad_stable + events.bad_candidate)) <= {0, 1}
    for run in range(40):
        places = np.nonzero(drawn.is_bad[run])[0]
        seen = np.cumsum(events.candidate[run])[: len(places)]
        assert np.array_equal(seen, np.cumsum(drawn.is_candidate[run])[places])
        assert (events.stable + events.candidate)[run].sum() == places[-1] + 1


def test_the_same_seed_draws_the_same_traffic():
    one, other = (streams(np.random.default_rng(6), TENTH, 5, 9, SICK) for _ in range(2))
    assert np.array_equal(one.bad_candidate, other.bad_candidate)
