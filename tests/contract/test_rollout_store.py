"""Where rollouts are kept: one transaction for a decision, guarded by revision, number, lease and cord.

Run against the databases, and against the memory that simulations use in their place.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

import pytest
from sqlalchemy import update

from andon.access.signatures.model import Action, Document
from andon.access.signatures.store import SignatureStore
from andon.judge.model import Counts, Look, Outcome
from andon.judge.replay import StoredLook as Replayed
from andon.judge.replay import replay
from andon.judge.sequential import judge
from andon.judge.sequential import update as update_judge
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, Version
from andon.rollouts import codec, telling
from andon.rollouts.actions import Decision, Finish, RollBack, SetShare
from andon.rollouts.gather import Gained
from andon.rollouts.holds import rules as holding
from andon.rollouts.holds.model import Hold
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Cord, Phase, Request, RequestKind, Rollout, Stage, Trigger
from andon.rollouts.rows import store as tables
from andon.rollouts.store import RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT, a_plan, a_rollout
from andon.testing.signing import Hand
from andon.testing.simulation.memory import MemoryRollouts
from andon.testing.simulation.tables import Memory, MemoryLeases, MemorySignatures
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore

GO = Decision(SetShare(0.1), "ready")


class Kept(Protocol):
    """A store, and what a test does to it from outside."""

    store: Any
    leases: Any
    signatures: Any

    async def records(self) -> list[Event]: ...
    async def damage(self, rollout: str, document: Any) -> None: ...


class InDatabase:
    def __init__(self, database: Database) -> None:
        self.store, self.leases = RolloutStore(database), LeaseStore(database)
        self.signatures = SignatureStore(database)
        self._database = database

    async def records(self) -> list[Event]:
        found = await TimelineStore(self._database).list(Filter(), newest_first=False)
        return [each.event for each in found]

    async def damage(self, rollout: str, document: Any) -> None:
        rows = tables.rollouts
        async with self._database.transaction() as tx:
            await tx.execute(update(rows).where(rows.c.id == rollout).values(document=document))


class InMemory:
    def __init__(self) -> None:
        self._memory = Memory(ManualClock().monotonic)
        self.store, self.leases = MemoryRollouts(self._memory), MemoryLeases(self._memory)
        self.signatures = MemorySignatures(self._memory)

    async def records(self) -> list[Event]:
        return [each.event for each in self._memory.tables.timeline]

    async def damage(self, rollout: str, document: Any) -> None:
        rows = self._memory.tables.rollouts
        rows[RolloutId(rollout)] = replace(rows[RolloutId(rollout)], document=document, read=[])


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def kept(request: pytest.FixtureRequest, database_of: Callable[[str], Awaitable[Database]]) -> Kept:
    return InMemory() if request.param == "memory" else InDatabase(await database_of(request.param))


def first(**changes: Any) -> Rollout:
    return a_rollout(a_plan(stable=None), stable=None, **changes)


def look(bad: int) -> Gained:
    counts = Look(Counts(1000, 10), Counts(100, bad))
    return Gained({"errors": counts}, Look(Counts(900), Counts(100)), 0.1)


async def change(store: Any, decision: Decision, gained: Gained | None = None, lease: Any = None) -> Change:
    before = await store.load(RolloutId("ro-1"))
    after = apply(before.rollout, decision, AT)
    if gained is not None:
        policy = after.plan.policy
        state = update_judge(after.judge, gained.looks, policy)
        verdict = judge(state, policy)
        after = replace(after, evidence=replace(after.evidence, judge=state, verdict=verdict, seq=99))
    return Change(before, after, gained, lease, AT)


async def test_a_rollout_begins_with_its_desired_state_and_its_event(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    assert await store.get(RolloutId("ro-1")) == first()
    desired = await store.desired(UNIT, PRODUCTION)
    assert desired is not None
    assert (desired.revision, desired.instances_of(NEW), desired.share_of(NEW)) == (1, 3, 0.0)
    assert [each.kind for each in await kept.records()] == ["rollout.created"]
    assert await store.active() == [RolloutId("ro-1")]


@pytest.mark.asvs("2.3.2")
async def test_one_rollout_per_unit_and_environment(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    with pytest.raises(Conflict, match="under way") as caught:
        await store.create(first(id=RolloutId("ro-2")), AT)
    assert caught.value.code == "rollout-active"
    elsewhere = first(id=RolloutId("ro-3"), environment=EnvironmentName("staging"))
    await store.create(elsewhere, AT + timedelta(seconds=1))
    assert [each.id for each in await store.list()] == ["ro-3", "ro-1"]
    assert [each.id for each in await store.list(UNIT, PRODUCTION)] == ["ro-1"]
    assert (await store.find_active(UNIT, PRODUCTION)) == first()
    assert [each.kind for each in await kept.records()] == ["rollout.created"] * 2


@pytest.mark.asvs("2.3.3")
async def test_a_decision_is_one_transaction(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    await store.save(
        await change(store, Decision(SetShare(1.0), "ready"), look(2)), Decision(SetShare(1.0), "ready")
    )
    after = await store.get(RolloutId("ro-1"))
    assert (after.stage, after.evidence.seq) == (Stage.ROUTING, 1)
    desired = await store.desired(UNIT, PRODUCTION)
    assert desired is not None
    assert (desired.revision, desired.share_of(NEW)) == (2, 1.0)
    assert [each.kind for each in await kept.records()] == ["rollout.created", "rollout.share"]
    assert [each.seq for each in await store.looks(RolloutId("ro-1"))] == [1]
    assert await store.looks(RolloutId("ro-1"), after_seq=1) == []


async def test_a_decision_that_comes_second_writes_nothing(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    late = await change(store, GO, look(2))
    await store.ask(await store.load(RolloutId("ro-1")), Request(RequestKind.ABORT, "kim", "no"), AT)
    with pytest.raises(Conflict, match="changed in between"):
        await store.save(late, GO)
    assert (await store.get(RolloutId("ro-1"))).stage is Stage.SCALING
    assert await store.looks(RolloutId("ro-1")) == []
    assert [each.kind for each in await kept.records()] == ["rollout.created", "rollout.requested"]


async def test_a_look_does_not_collide_with_what_a_person_asks(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    seen = await store.load(RolloutId("ro-1"))
    await store.save_look(await change(store, GO, look(2)))
    await store.ask(seen, Request(RequestKind.PAUSE, "kim", "wait"), AT)
    after = await store.get(RolloutId("ro-1"))
    assert after.request is not None
    assert after.judge.metrics["errors"].candidate == Counts(100, 2)
    assert after.stage is Stage.SCALING  # a look moves nothing else


async def test_two_looks_at_once_count_once(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    one, two = await change(store, GO, look(2)), await change(store, GO, look(2))
    await store.save_look(one)
    with pytest.raises(Conflict, match="was faster"):
        await store.save_look(two)
    assert len(await store.looks(RolloutId("ro-1"))) == 1


@pytest.mark.asvs("2.3.4")
async def test_who_lost_the_lease_writes_nothing(kept: Kept) -> None:
    store, leases = kept.store, kept.leases
    await store.create(first(), AT)
    mine = await leases.acquire("rollouts", "a", timedelta(seconds=-1))
    await leases.acquire("rollouts", "b", timedelta(seconds=60))
    with pytest.raises(Conflict, match="took over"):
        await store.save(await change(store, GO, None, mine), GO)
    with pytest.raises(Conflict, match="took over"):
        await store.save_look(await change(store, GO, look(1), mine))
    assert [each.kind for each in await kept.records()] == ["rollout.created"]


async def test_stored_looks_give_the_same_verdict_bit_for_bit(kept: Kept) -> None:
    store = kept.store
    await store.create(a_stable_is(await finished(store)), AT)
    for bad in (1, 0, 3, 2, 9, 14):
        await store.save_look(await change(store, GO, look(bad)))
    rollout = await store.get(RolloutId("ro-1"))
    looks = await store.looks(rollout.id)
    policy = rollout.plan.policy
    again = replay([Replayed(each.gained.looks, None) for each in looks], policy)
    assert again == rollout.verdict
    assert again.outcome is Outcome.FAIL
    assert looks[0].outcome == "inconclusive"
    findings = looks[-1].findings["errors"]
    assert findings["candidate"] == {"exposure": 600, "bad": 29}
    assert findings["log_e_harm"] > findings["log_harm_boundary"]


async def finished(store: Any) -> Version:
    """1.0.0 becomes stable."""
    before = first(id=RolloutId("ro-0"), candidate=OLD)
    await store.create(before, AT - timedelta(days=1))
    loaded = await store.load(before.id)
    end = Decision(Finish(Phase.PROMOTED), "done")
    await store.save(Change(loaded, apply(before, end, AT), None, None, AT), end)
    return OLD


def a_stable_is(version: Version, **changes: Any) -> Rollout:
    return a_rollout(stable=version, **changes)


async def test_the_stable_release_is_the_newest_that_finished(kept: Kept) -> None:
    store = kept.store
    assert await store.stable(UNIT, PRODUCTION) is None
    await finished(store)
    assert await store.stable(UNIT, PRODUCTION) == OLD
    await store.create(a_stable_is(OLD), AT)
    back = Decision(RollBack(Trigger.ABORT), "no")
    await store.save(await change(store, back), back)
    over = Decision(Finish(Phase.RETURNED), "over")
    await store.save(await change(store, over), over)
    assert await store.stable(UNIT, PRODUCTION) == OLD
    assert await store.find_active(UNIT, PRODUCTION) is None
    desired = await store.desired(UNIT, PRODUCTION)
    assert desired is not None
    assert [(each.version, each.instances, each.share) for each in desired.releases] == [(OLD, 3, 1.0)]


async def test_a_release_that_was_gone_back_from_is_marked(kept: Kept) -> None:
    store = kept.store
    await finished(store)
    plan = replace(a_plan(), is_rollback=True)
    await store.create(a_rollout(plan, stable=OLD, candidate=Version("0.9.0")), AT)
    end = Decision(Finish(Phase.PROMOTED), "done")
    await store.save(await change(store, end), end)
    history = await store.stables(UNIT, PRODUCTION)
    assert [(each.version, each.is_withdrawn) for each in history] == [("0.9.0", False), (OLD, True)]


async def test_a_rollout_begins_only_from_the_release_that_is_stable(kept: Kept) -> None:
    with pytest.raises(Conflict, match="stable release of mes changed"):
        await kept.store.create(a_stable_is(OLD), AT)


async def test_nothing_begins_under_the_cord(kept: Kept) -> None:
    store = kept.store
    for environment in (None, PRODUCTION):
        await store.cord.pull(Cord(environment, False, "kim", "smoke", AT))
        with pytest.raises(Conflict, match="kim pulled the cord"):
            await store.create(first(), AT)
        await store.cord.release(await store.cord.get(environment), ("kim", "it was toast"), AT)
    await store.cord.pull(Cord(EnvironmentName("staging"), False, "kim", "smoke", AT))
    await store.create(first(), AT)


async def test_the_cord_is_pulled_once_and_released_with_a_row_each(kept: Kept) -> None:
    store = kept.store
    cord = Cord(None, False, "kim", "smoke", AT)
    await store.cord.pull(cord)
    await store.cord.pull(replace(cord, returns=True))
    for weaker in (cord, replace(cord, returns=True)):
        with pytest.raises(Conflict, match="pulled everywhere already"):
            await store.cord.pull(weaker)
    assert await store.cords() == [replace(cord, returns=True)]
    pulled = await store.cord.get(None)
    with pytest.raises(Conflict, match="once more in between"):
        await store.cord.release(cord, ("lee", "of the one before"), AT)
    await store.cord.release(pulled, ("lee", "no fire"), AT)
    assert await store.cords() == []
    with pytest.raises(NotFound, match="not pulled everywhere") as caught:
        await store.cord.release(pulled, ("lee", "again"), AT)
    with pytest.raises(NotFound):
        await store.cord.get(None)
    assert caught.value.hint == "andon status"  # `andon cord` would pull it
    assert [each.kind for each in await kept.records()] == ["cord.pulled", "cord.pulled", "cord.released"]


async def test_a_damaged_row_stops_that_rollout_only_with_one_alert(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    await store.create(first(id=RolloutId("ro-2"), environment=EnvironmentName("staging")), AT)
    await kept.damage("ro-1", {"id": "ro-1"})
    with pytest.raises(Damaged):
        await store.get(RolloutId("ro-1"))
    for _ in range(2):
        await store.quarantine(RolloutId("ro-1"), "cannot be read", AT)
    assert await store.active() == [RolloutId("ro-2")]
    assert [each.id for each in await store.list()] == ["ro-2"]
    assert ([each.kind for each in await kept.records()]).count("rollout.damaged") == 1
    await kept.damage("ro-2", [1])
    with pytest.raises(Damaged):
        await store.get(RolloutId("ro-2"))


async def test_what_is_not_there_is_not_found(kept: Kept) -> None:
    with pytest.raises(NotFound, match="no rollout ro-9"):
        await kept.store.get(RolloutId("ro-9"))


async def test_nothing_goes_on_that_was_decided_before_the_cord_was_pulled(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    late = await change(store, GO)
    await store.cord.pull(Cord(None, False, "kim", "smoke", AT))
    with pytest.raises(Conflict, match="kim pulled the cord"):
        await store.save(late, GO)
    assert (await store.get(RolloutId("ro-1"))).stage is Stage.SCALING
    back = Decision(RollBack(Trigger.ABORT), "no")
    await store.save(await change(store, back), back)
    assert (await store.get(RolloutId("ro-1"))).phase is Phase.RETURNING


async def test_a_lease_is_one_holders_until_it_runs_out(kept: Kept) -> None:
    minute = timedelta(minutes=1)
    mine = await kept.leases.acquire("rollouts", "a", minute)
    assert await kept.leases.acquire("rollouts", "b", minute) is None
    assert await kept.leases.acquire("rollouts", "a", minute) == mine
    await kept.leases.release(mine)
    other = await kept.leases.acquire("rollouts", "b", minute)
    assert (other.holder, other.token) == ("b", mine.token + 1)
    await kept.leases.release(mine)  # it is not theirs any more
    assert await kept.leases.acquire("rollouts", "a", minute) is None


async def test_a_signature_comes_with_what_it_signs_and_signs_once(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    document = Document(Action.ABORT, "rollout/ro-1", {"rollout": "ro-1"})
    signed = Hand().sign(document, "kim", AT)
    await store.ask(await store.load(RolloutId("ro-1")), Request(RequestKind.ABORT, "kim", "no"), AT, signed)
    assert list(await kept.signatures.list("rollout/ro-1")) == [signed]
    assert (await store.get(RolloutId("ro-1"))).request.signature == signed.id
    before = await store.load(RolloutId("ro-1"))
    with pytest.raises(Conflict):
        await store.answer(before, signed, AT, is_yes=False)
    assert (await store.load(RolloutId("ro-1"))).revision == before.revision
    kinds = [each.kind for each in await kept.records()]
    assert kinds == ["rollout.created", "signature.made", "rollout.requested"]


async def test_a_damaged_rollout_is_closed_once_and_its_place_is_free(kept: Kept) -> None:
    store, by = kept.store, ("kim", "it is lost")
    await store.create(first(), AT)
    assert not await store.close_damaged(RolloutId("ro-1"), by, AT)
    assert await store.find_damaged(RolloutId("ro-1")) is None
    await store.quarantine(RolloutId("ro-1"), "cannot be read", AT)
    with pytest.raises(Damaged, match="cannot be read"):
        await store.load(RolloutId("ro-1"))
    assert await store.find_damaged(RolloutId("ro-1")) == (UNIT, PRODUCTION)
    assert await store.close_damaged(RolloutId("ro-1"), by, AT)
    assert not await store.close_damaged(RolloutId("ro-1"), by, AT)
    over = await store.get(RolloutId("ro-1"))
    assert (over.phase, over.trigger) == (Phase.RETURNED, Trigger.ABORT)
    await store.create(first(id=RolloutId("ro-2")), AT)
    assert (await store.find_active(UNIT, PRODUCTION)).id == "ro-2"


async def test_every_event_is_told_in_the_same_words(kept: Kept) -> None:
    """What a store writes of one story is what `telling` says of it, whoever keeps it."""
    store, told = kept.store, []
    await store.create(first(), AT)
    told.append(telling.created(first()))
    for decision in (Decision(SetShare(1.0), "ready"), Decision(RollBack(Trigger.ABORT), "no")):
        made = await change(store, decision, look(2))
        await store.save(made, decision)
        told.append(telling.decided(made.before.rollout, made.after, decision))
    assert [(each.kind, each.before, each.after) for each in await kept.records()] == [
        (each.kind, each.before, codec.encode(each.after)) for each in told
    ]


async def asked_back(kept: Kept, actor: str) -> None:
    """Somebody aborts ro-1, and the tick takes it up."""
    store = kept.store
    await store.create(first(), AT)
    await store.ask(await store.load(RolloutId("ro-1")), Request(RequestKind.ABORT, actor, "it burns"), AT)
    decision = Decision(RollBack(Trigger.ABORT), f"aborted by {actor}: it burns")
    await store.save(await change(store, decision), decision)


async def test_an_abort_by_a_person_holds_the_place_with_the_decision_that_takes_it_back(kept: Kept) -> None:
    await asked_back(kept, "kim")
    hold = await kept.store.hold.find(UNIT, PRODUCTION)
    assert (hold.actor, hold.version, hold.rollout, hold.at) == ("kim", NEW, "ro-1", AT)
    assert [each.kind for each in await kept.records()][-2:] == ["rollout.rollback", "hold.made"]
    late = await change(kept.store, Decision(Finish(Phase.RETURNED), "gone"))
    await kept.store.save(late, Decision(Finish(Phase.RETURNED), "gone"))
    kinds = [each.kind for each in await kept.records()]
    assert kinds.count("hold.made") == 1, "a return makes one hold, not one at each step of it"


async def test_a_persons_word_holds_the_place_also_where_the_rollout_had_its_own_reason_to_come_back(
    kept: Kept,
) -> None:
    store = kept.store
    held = first(phase=Phase.HELD, held_from=Phase.STEPPING, trigger=Trigger.HEALTH)
    await store.create(held, AT)
    await store.ask(await store.load(held.id), Request(RequestKind.ABORT, "kim", "no"), AT)
    back = Decision(RollBack(Trigger.ABORT), "aborted by kim: no")
    await store.save(await change(store, back), back)
    assert (await store.hold.find(UNIT, PRODUCTION)).actor == "kim"


async def test_what_comes_back_by_itself_holds_nothing(kept: Kept) -> None:
    await asked_back(kept, "andon")
    assert await kept.store.hold.list() == []
    for trigger in (Trigger.JUDGE, Trigger.HEALTH, Trigger.NO_EVIDENCE):
        decision = Decision(RollBack(trigger), "bad")
        before = await kept.store.load(RolloutId("ro-1"))
        after = apply(first(), decision, AT)
        assert holding.of_decision(before.rollout, after, decision.action, AT) is None


async def test_a_decision_that_comes_second_makes_no_hold(kept: Kept) -> None:
    store = kept.store
    await store.create(first(), AT)
    decision = Decision(RollBack(Trigger.ABORT), "aborted by kim")
    await store.ask(await store.load(RolloutId("ro-1")), Request(RequestKind.ABORT, "kim", "it burns"), AT)
    late = await change(store, decision)
    await store.ask(await store.load(RolloutId("ro-1")), Request(RequestKind.ABORT, "lee", "it burns"), AT)
    with pytest.raises(Conflict, match="changed in between"):
        await store.save(late, decision)
    assert await store.hold.list() == []


async def test_going_back_holds_what_was_left_as_it_begins(kept: Kept) -> None:
    await finished(kept.store)
    plan = replace(a_plan(stable=OLD), is_rollback=True)
    await kept.store.create(a_rollout(plan, stable=OLD, id=RolloutId("ro-2"), candidate=NEW), AT)
    hold = await kept.store.hold.find(UNIT, PRODUCTION)
    assert (hold.version, hold.actor) == (OLD, "kim")


@pytest.mark.parametrize(("actor", "is_kept_out"), [("kim", False), ("andon", True), ("token:ci", True)])
async def test_a_hold_keeps_out_what_nobody_sits_behind(kept: Kept, actor: str, is_kept_out: bool) -> None:
    hold = Hold(UNIT, PRODUCTION, "kim", "the torque is odd", AT, OLD)
    await kept.store.hold.make(hold)
    if is_kept_out:
        with pytest.raises(
            Conflict, match=r"kim holds mes in production after 1\.0\.0 was taken back"
        ) as caught:
            await kept.store.create(first(actor=actor), AT)
        assert (caught.value.code, await kept.store.list()) == ("on-hold", [])
        await kept.store.hold.release(hold, ("lee", "it was the fixture"), AT)
    await kept.store.create(first(actor=actor), AT)


async def test_a_hold_is_released_once_and_only_the_one_that_was_seen(kept: Kept) -> None:
    one = Hold(UNIT, PRODUCTION, "kim", "the torque is odd", AT)
    other = replace(one, actor="lee", at=AT + timedelta(seconds=1))
    await kept.store.hold.make(one)
    await kept.store.hold.make(other)
    with pytest.raises(Conflict, match="held once more"):
        await kept.store.hold.release(one, ("kim", "fine"), AT)
    assert await kept.store.hold.list() == [other]
    await kept.store.hold.release(other, ("kim", "fine"), AT)
    with pytest.raises(NotFound, match="mes is not held in production"):
        await kept.store.hold.release(other, ("kim", "fine"), AT)
    events = await kept.records()
    assert [each.kind for each in events] == ["hold.made", "hold.made", "hold.released"]
    assert (events[1].before["held_by"], events[2].reason) == ("kim", "fine")
