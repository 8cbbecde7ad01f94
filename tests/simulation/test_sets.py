"""Sets: all of it or nothing of it, whatever becomes of a member and wherever Andon dies."""

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.access.policies.model import Policy
from andon.access.signatures.model import Action
from andon.judge.model import Outcome
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import RolloutId, UnitName, Version
from andon.rollouts.model import Phase, RequestKind, Rollout
from andon.rollouts.sets.decide import is_ready
from andon.rollouts.sets.model import Member, SetPhase, SetRollout
from andon.store.engine import Database
from andon.targets.stations import FleetSeen, Heads
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION
from tests.simulation.set_site import BY, ONE, UNITS, AtPoint, Crash, Site, no_fault


def fails_at(share: float) -> Callable[[Rollout], Outcome]:
    return lambda rollout: Outcome.FAIL if rollout.share >= share else Outcome.PASS


def fails_when_ready(rollout: Rollout) -> Outcome:
    return Outcome.FAIL if is_ready(rollout) else Outcome.PASS


def fails_when_warm(rollout: Rollout) -> Outcome:
    return Outcome.FAIL if rollout.phase is Phase.FINISHING else Outcome.PASS


async def test_members_begin_in_order_each_when_the_one_before_is_ready_and_are_promoted_together(
    site: Site,
) -> None:
    set_ = await site.begun()
    began: list[int] = []
    for _ in range(40):
        await site.turn()
        now = await site.sets.get(set_.id)
        began.append(sum(bool(each.rollout) for each in now.parts))
        rollouts = [await site.store.get(RolloutId(each.rollout)) for each in now.parts if each.rollout]
        if not now.is_open:
            assert not any(each.phase in {Phase.FINISHING, Phase.PROMOTED} for each in rollouts)
            assert all(is_ready(each) for each in rollouts[:-1])
        if now.phase.is_over:
            break
    assert sorted(set(began)) == [1, 2, 3]
    assert (now.phase, await site.stable()) == (SetPhase.PROMOTED, [NEW] * 3)
    assert now.reason == "all 3 units are promoted"


FATES = {
    "first step": fails_at(0.5),
    "last step": fails_at(1.0),
    "ready": fails_when_ready,
    "warm": fails_when_warm,
}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("unit", UNITS)
async def test_one_that_comes_back_takes_all_others_back(site: Site, unit: str, fate: str) -> None:
    site.fates = {unit: FATES[fate]}
    set_ = await site.begun()
    now = await site.run(set_)
    assert (now.phase, await site.stable()) == (SetPhase.RETURNED, [OLD] * 3)
    assert await site.store.hold.list() == [], "nobody took it back by hand"


async def test_what_was_promoted_already_goes_back_in_reverse_order(site: Site) -> None:
    set_ = await site.begun()
    assert (await site.run(set_)).phase is SetPhase.PROMOTED
    await site.people.rollback("line", PRODUCTION, actor="kim", reason="parts are bad")
    now = await site.run(set_)
    assert (now.phase, await site.stable()) == (SetPhase.RETURNED, [OLD] * 3)
    backs = [(await site.store.get(RolloutId(each.back))).created_at for each in now.parts]
    assert backs == sorted(backs, reverse=True)
    held = {each.unit: each.version for each in await site.store.hold.list()}
    assert held == dict.fromkeys(UNITS, NEW), "a person took it back, so automation keeps away"
    with pytest.raises(Conflict, match="is returned already"):
        await site.people.rollback("line", PRODUCTION, actor="kim", reason="again")


async def test_an_abort_of_one_member_is_an_abort_of_all(site: Site) -> None:
    set_ = await site.begun()
    for _ in range(2):
        await site.turn()
    first = (await site.sets.get(set_.id)).parts[0]
    await site.commands.request(RolloutId(first.rollout), RequestKind.ABORT, "kim", "no")
    assert (await site.run(set_)).phase is SetPhase.RETURNED
    assert await site.stable() == [OLD] * 3


async def test_the_cord_freezes_a_set(site: Site) -> None:
    set_ = await site.begun()
    await site.turn()
    await site.commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
    for _ in range(20):
        await site.turn()
    now = await site.sets.get(set_.id)
    assert [bool(each.rollout) for each in now.parts] == [True, False, False]
    assert await site.waits(set_) == "frozen by the cord"
    await site.commands.release_cord(None, "kim", "it was toast")
    assert (await site.run(set_)).phase is SetPhase.PROMOTED


async def test_a_unit_of_a_set_belongs_to_it_until_it_is_over(site: Site) -> None:
    set_ = await site.begun()
    await site.publish(Version("1.1.0"), Version("1.2.0"))
    with pytest.raises(Conflict, match=f"station in production is on its way with set {set_.id}"):
        await site.commands.deploy(UNITS[2], PRODUCTION, NEW, **BY)
    with pytest.raises(Conflict, match="is on its way with set"):
        await site.people.deploy("line", PRODUCTION, **BY)
    await site.run(set_)
    await site.people.deploy("line", PRODUCTION, **BY)


async def test_a_set_is_what_was_signed_or_nothing(site: Site) -> None:
    await site.settle()
    with pytest.raises(NotFound, match="there is no set line"):
        await site.people.deploy("line", PRODUCTION, **BY)
    for members in ([], [Member(UNITS[0], NEW)], [Member(UNITS[0], NEW), Member(UNITS[0], OLD)]):
        with pytest.raises(InvalidInput, match="2 to 20 different units"):
            await site.people.publish("line", ONE, members, "kim")
    await site.publish()
    await site.publish()
    with pytest.raises(Conflict, match="exists with other members"):
        await site.publish(release=OLD)
    site.bytes_of = "b"
    with pytest.raises(Untrusted, match="has other bytes than were signed"):
        await site.people.deploy("line", PRODUCTION, **BY)


async def test_what_is_stable_already_stays_and_a_set_of_only_that_is_refused(site: Site) -> None:
    await site.settle()
    await site.publish(release=OLD)
    with pytest.raises(Conflict, match=r"all of set line@1\.0\.0 is stable in production already"):
        await site.people.deploy("line", PRODUCTION, **BY)


async def test_automation_deploys_no_set_past_a_hold(site: Site) -> None:
    await site.settle()
    await site.publish()
    await site.commands.hold(UNITS[1], PRODUCTION, "kim", "audit")
    with pytest.raises(Conflict, match="kim holds mes in production"):
        await site.people.deploy("line", PRODUCTION, actor="token:ci", reason="nightly")
    await site.people.deploy("line", PRODUCTION, **BY)


async def test_the_return_of_a_set_is_signed_where_the_policy_says_so(site: Site) -> None:
    set_ = await site.begun()
    site.policies = (Policy("production", signed=frozenset({Action.ROLLBACK})),)
    with pytest.raises(Forbidden, match="has to be signed"):
        await site.people.rollback("line", PRODUCTION, actor="kim", reason="no")
    wanted = await site.people.document_of_rollback("line", PRODUCTION)
    signed = site.hand.sign(wanted, "kim", AT)
    after = await site.people.rollback("line", PRODUCTION, actor="kim", reason="no", signature=signed)
    assert (after.id, after.phase, after.returned_by) == (set_.id, SetPhase.RETURNING, "kim")


async def test_first_releases_have_nothing_to_go_back_to_and_the_set_says_so(site: Site) -> None:
    await site.publish()
    set_ = await site.people.deploy("line", PRODUCTION, **BY)
    assert (await site.run(set_)).phase is SetPhase.PROMOTED
    await site.people.rollback("line", PRODUCTION, actor="kim", reason="no")
    now = await site.run(set_, turns=5)
    assert now.phase is SetPhase.RETURNING
    assert "is the first release there: nothing to go back to" in await site.waits(set_)


def _consistent(stable: list[str]) -> bool:
    return stable in ([OLD] * 3, [NEW] * 3)


@pytest.mark.parametrize("fate", [None, *FATES])
async def test_a_crash_at_any_written_point_changes_no_outcome(
    fresh: Callable[[], Awaitable[Database]], fate: str | None
) -> None:
    """Every nineteenth point, others for each fate, so that the suite stays fast."""
    fates = {} if fate is None else {UNITS[1]: FATES[fate]}
    offset = 0 if fate is None else 1 + list(FATES).index(fate)
    calm = Site(await fresh(), fates)
    expected = ((await calm.run(await calm.begun())).phase, await calm.stable())
    assert _consistent(expected[1])
    for number in itertools.count(1 + 3 * offset, 19):
        point = AtPoint(number)
        shaky = Site(await fresh(), fates)
        set_ = await shaky.begun()
        shaky.fault = point
        now = await shaky.run(set_)
        assert (now.phase, await shaky.stable()) == expected, number
        if point.seen < number:
            return


@pytest.mark.parametrize("seed", range(6))
async def test_random_fates_never_leave_some_promoted_and_others_back(
    fresh: Callable[[], Awaitable[Database]], seed: int
) -> None:
    dice = random.Random(seed)
    unlucky = {each: dice.choice([*FATES.values(), None, None]) for each in UNITS}
    site = Site(await fresh(), {unit: fate for unit, fate in unlucky.items() if fate})
    set_ = await site.begun()

    def fault(where: str) -> None:
        if dice.random() < 0.05:
            raise Crash(where)

    site.fault = fault
    acts = {dice.randrange(14): dice.choice(["abort", "back", "cord", "promote"]) for _ in range(2)}
    for turn in range(40):
        await site.turn()
        if (act := acts.get(turn)) is not None:
            await _disturb(site, set_, act, dice)
        if turn > 25 and await site.store.cords():
            await site.commands.release_cord(None, "kim", "over")
    site.fault = no_fault
    now = await site.run(set_)
    assert now.phase.is_over, await site.waits(set_)
    assert await site.stable() == [NEW if now.phase is SetPhase.PROMOTED else OLD] * 3, (unlucky, acts)


async def _disturb(site: Site, set_: SetRollout, act: str, dice: random.Random) -> None:
    now = await site.sets.get(set_.id)
    begun = [RolloutId(each.rollout) for each in now.parts if each.rollout]
    try:
        if act == "cord":
            await site.commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
        elif act == "back":
            await site.people.rollback("line", PRODUCTION, actor="kim", reason="no")
        elif begun:
            kind = RequestKind.ABORT if act == "abort" else RequestKind.PROMOTE
            await site.commands.request(dice.choice(begun), kind, "kim", "so")
    except Conflict:
        pass


FLEETS = [frozenset({each}) for each in UNITS] + [frozenset(UNITS)]


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda each: "+".join(sorted(each)))
async def test_a_set_with_a_fleet_is_promoted_whole_and_waits_for_its_waves(
    fresh: Callable[[], Awaitable[Database]], fleet: frozenset[str]
) -> None:
    site = Site(await fresh(), fleet=fleet)
    set_ = await site.begun()
    for _ in range(80):
        await site.turn()
        now = await site.sets.get(set_.id)
        rollouts = [await site.store.get(RolloutId(each.rollout)) for each in now.parts if each.rollout]
        if not now.is_open:
            assert not any(each.phase in {Phase.FINISHING, Phase.PROMOTED} for each in rollouts)
        if now.phase.is_over:
            break
    assert (now.phase, await site.stable()) == (SetPhase.PROMOTED, [NEW] * 3)
    walked = [each for each in rollouts if each.unit in fleet]
    assert [each.plan.steps[0].ring for each in walked] == ["pilot"] * len(fleet)


@pytest.mark.parametrize("fate", ["first step", "warm"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("fleet", FLEETS[::2], ids=lambda each: "+".join(sorted(each)))
async def test_a_set_with_a_fleet_comes_back_whole(
    fresh: Callable[[], Awaitable[Database]], fleet: frozenset[str], unit: UnitName, fate: str
) -> None:
    site = Site(await fresh(), {unit: FATES[fate]}, fleet=fleet)
    now = await site.run(await site.begun())
    assert (now.phase, await site.stable()) == (SetPhase.RETURNED, [OLD] * 3), await site.waits(now)


def _one_fails(rollout: Rollout, seen: FleetSeen) -> FleetSeen:
    if rollout.candidate == OLD or not seen.everybody.asked or rollout.phase is Phase.RETURNING:
        return seen
    everybody = replace(seen.everybody, confirmed=seen.everybody.confirmed - 3, failed=3)
    return replace(seen, everybody=everybody, detail="press-2: does not start")


def _few_answer(rollout: Rollout, seen: FleetSeen) -> FleetSeen:
    if rollout.candidate == OLD or rollout.phase is Phase.RETURNING:
        return seen
    return replace(seen, wave=Heads(seen.wave.asked, 1, silent=max(0, seen.wave.asked - 1)))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("heads", [_one_fails, _few_answer])
async def test_stations_that_fail_or_stay_silent_take_the_whole_set_back(
    fresh: Callable[[], Awaitable[Database]], unit: UnitName, heads: Callable[[Rollout, FleetSeen], FleetSeen]
) -> None:
    site = Site(await fresh(), fleet=frozenset({unit}), heads=heads)
    set_ = await site.begun()
    for _ in range(20):
        await site.turn()
    if heads is _few_answer:
        waiting = await site.waits(set_)
        assert waiting == f"{unit} is not ready yet: the stations of share 12.0% are asked"
        site.clock.advance(timedelta(hours=25))
    now = await site.run(set_)
    assert (now.phase, await site.stable()) == (SetPhase.RETURNED, [OLD] * 3), await site.waits(now)
    assert f"{unit} {NEW} comes back" in now.reason or "as it was before the set" in now.reason


async def test_a_set_with_a_fleet_that_was_promoted_goes_back_with_it(
    fresh: Callable[[], Awaitable[Database]],
) -> None:
    site = Site(await fresh(), fleet=frozenset({UNITS[2]}))
    assert (await site.run(await site.begun())).phase is SetPhase.PROMOTED
    await site.people.rollback("line", PRODUCTION, actor="kim", reason="no")
    (back,) = [each for each in await site.sets.list() if each.phase is not SetPhase.PROMOTED]
    now = await site.run(back)
    assert (now.phase, await site.stable()) == (SetPhase.RETURNED, [OLD] * 3), await site.waits(now)


@pytest.mark.parametrize("fate", [None, "last step"])
async def test_a_crash_of_a_set_with_a_fleet_changes_no_outcome(
    fresh: Callable[[], Awaitable[Database]], fate: str | None
) -> None:
    """Every twenty-third point."""
    fates, fleet = ({} if fate is None else {UNITS[2]: FATES[fate]}), frozenset({UNITS[2]})
    expected = [NEW if fate is None else OLD] * 3
    for number in itertools.count(5, 23):
        point = AtPoint(number)
        shaky = Site(await fresh(), fates, fleet=fleet)
        set_ = await shaky.begun()
        shaky.fault = point
        now = await shaky.run(set_)
        assert (now.phase.is_over, await shaky.stable()) == (True, expected), number
        if point.seen < number:
            return
