"""What people may ask, when, and what they hear when it is not the time."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from andon.access.policies.calendar import Calendar
from andon.access.policies.model import Policy
from andon.judge import sequential
from andon.judge.registry import Judges
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.actions import (
    ConfirmStep,
    Decision,
    Drain,
    Finish,
    Hold,
    Pause,
    Promote,
    RollBack,
    SetShare,
    StopStable,
)
from andon.rollouts.commands import Commands
from andon.rollouts.desk import NoFleet
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Phase, RequestKind, Rollout, Trigger
from andon.rollouts.rows import store as tables
from andon.rollouts.rows.store import Loaded
from andon.rollouts.steps import GateKind
from andon.rollouts.store import RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT, a_manifest
from andon.testing.shelf import Shelf, an_authority
from andon.timeline.store import Filter, TimelineStore
from andon.units.model import StrategyName

BY = {"actor": "kim", "reason": "because"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def commands(database: Database, clock: ManualClock) -> Commands:
    shelf = Shelf(a_manifest())
    return Commands(RolloutStore(database), shelf, sequential, clock, an_authority(database, shelf))


async def do(database: Database, rollout: Rollout, *actions: Any) -> None:
    store = RolloutStore(database)
    for action in actions:
        before = await store.load(rollout.id)
        decision = Decision(action, "done")
        await store.save(Change(before, apply(before.rollout, decision, AT), None, None, AT), decision)


async def stable(database: Database, commands: Commands, version: Version) -> Rollout:
    rollout = await commands.deploy(UNIT, PRODUCTION, version, **BY)
    await do(database, rollout, Finish(Phase.PROMOTED))
    return rollout


async def test_a_deployment_freezes_its_plan(database: Database, commands: Commands) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert (rollout.phase, rollout.stable, rollout.candidate) == (Phase.PREPARING, None, NEW)
    record = (await TimelineStore(database).list(Filter(subject=f"rollout/{rollout.id}")))[0]
    assert (record.event.kind, record.event.actor, record.event.reason) == (
        "rollout.created",
        "kim",
        "because",
    )
    assert record.event.after["plan"] == rollout.plan.hash


async def test_an_unknown_judge_is_refused_before_anything_is_written(
    database: Database, clock: ManualClock
) -> None:
    shelf = Shelf(a_manifest(judge="oracle"))
    store = RolloutStore(database)
    commands = Commands(store, shelf, Judges(), clock, an_authority(database, shelf))
    with pytest.raises(InvalidInput, match="the judge 'oracle' cannot judge here: it is not installed"):
        await commands.preview(UNIT, PRODUCTION, NEW)
    with pytest.raises(InvalidInput, match="'oracle'"):
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert await store.find_active(UNIT, PRODUCTION) is None


async def test_a_preview_writes_nothing_and_is_what_a_deployment_freezes(
    database: Database, commands: Commands
) -> None:
    shown = await commands.preview(UNIT, PRODUCTION, NEW)
    assert await RolloutStore(database).list() == []
    assert (await commands.deploy(UNIT, PRODUCTION, NEW, **BY)).plan == shown


def over(database: Database, clock: ManualClock, shelf: Shelf) -> Commands:
    return Commands(RolloutStore(database), shelf, sequential, clock, an_authority(database, shelf))


async def test_a_release_that_was_revoked_is_refused_when_it_is_asked_for(
    database: Database, clock: ManualClock
) -> None:
    commands = over(database, clock, Shelf(a_manifest(), wrong=NEW))
    with pytest.raises(NotFound, match="it was revoked"):
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    with pytest.raises(NotFound, match="it was revoked"):
        await commands.preview(UNIT, PRODUCTION, NEW)
    assert await commands.obstacle(UNIT, PRODUCTION, NEW) == "it was revoked"
    assert await RolloutStore(database).find_active(UNIT, PRODUCTION) is None


async def test_nobody_goes_back_to_what_was_revoked_but_anybody_while_the_registry_is_away(
    database: Database, clock: ManualClock, commands: Commands
) -> None:
    await stable(database, commands, OLD)
    await stable(database, commands, NEW)
    with pytest.raises(NotFound, match="it was revoked"):
        await over(database, clock, Shelf(a_manifest(), wrong=OLD)).rollback(UNIT, PRODUCTION, **BY)
    with pytest.raises(NotFound, match="it was revoked"):
        await over(database, clock, Shelf(a_manifest(), wrong=OLD)).rollback(UNIT, PRODUCTION, to=OLD, **BY)
    away = Unavailable("store-away", "the store does not answer")
    there = over(database, clock, Shelf(a_manifest(), wrong=OLD, error=away))
    assert (await there.rollback(UNIT, PRODUCTION, **BY)).candidate == OLD


async def test_a_strategy_may_be_chosen(database: Database, commands: Commands) -> None:
    await stable(database, commands, OLD)
    chosen = StrategyName.BLUE_GREEN
    assert (await commands.preview(UNIT, PRODUCTION, NEW, strategy=chosen)).strategy is chosen


async def test_what_is_stable_is_not_deployed_again(database: Database, commands: Commands) -> None:
    await stable(database, commands, OLD)
    with pytest.raises(Conflict, match=r"1\.0\.0 is the stable release of mes in production already"):
        await commands.deploy(UNIT, PRODUCTION, OLD, **BY)


async def test_a_second_rollout_waits_for_the_first(commands: Commands) -> None:
    first = await commands.deploy(UNIT, PRODUCTION, OLD, **BY)
    with pytest.raises(Conflict, match=f"rollout {first.id} moves mes") as caught:
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert first.id in caught.value.hint


@pytest.mark.parametrize("environment", [None, PRODUCTION])
async def test_nothing_is_deployed_under_the_cord(commands: Commands, environment: Any) -> None:
    await commands.pull_cord(environment, returns=False, actor="kim", reason="smoke")
    with pytest.raises(Conflict, match="kim pulled the cord"):
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await commands.release_cord(environment, "kim", "toast")
    assert await commands.cords() == []
    await commands.deploy(UNIT, PRODUCTION, NEW, **BY)


@pytest.mark.parametrize("reason", ["", "  "])
async def test_the_cord_needs_a_reason(commands: Commands, reason: str) -> None:
    with pytest.raises(InvalidInput, match="pulling the cord needs a reason"):
        await commands.pull_cord(None, returns=False, actor="kim", reason=reason)
    await commands.pull_cord(None, returns=True, actor="kim", reason="smoke")
    with pytest.raises(InvalidInput, match="releasing the cord needs a reason"):
        await commands.release_cord(None, "kim", reason)


REFUSALS: list[tuple[RequestKind, list[Any], str]] = [
    (RequestKind.PROMOTE, [], "it is scaling, there is nothing to skip"),
    (RequestKind.RESUME, [], "it is not paused"),
    (RequestKind.PAUSE, [Pause()], "it is paused already"),
    (RequestKind.ABORT, [RollBack(Trigger.ABORT)], "it is returning already"),
    (RequestKind.ABORT, [Finish(Phase.RETURNED)], r"it is over \(returned\)"),
    (RequestKind.PAUSE, [Hold(Trigger.JUDGE)], "it is held; resume or abort it"),
    (RequestKind.ABORT, [Promote(), Drain(), StopStable()], "is being stopped; use `andon rollback`"),
]


@pytest.mark.parametrize(("kind", "path", "words"), REFUSALS)
async def test_a_request_that_makes_no_sense_is_refused_with_its_reason(
    database: Database, commands: Commands, kind: RequestKind, path: list[Any], words: str
) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await do(database, rollout, *path)
    with pytest.raises(Conflict, match=words):
        await commands.request(rollout.id, kind, "kim", "so")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (RequestKind.PAUSE, []),
        (RequestKind.RESUME, [Pause()]),
        (RequestKind.RESUME, [Hold(Trigger.JUDGE)]),
        (RequestKind.ABORT, [Hold(Trigger.JUDGE)]),
        (RequestKind.PROMOTE, [SetShare(1.0), ConfirmStep()]),
    ],
)
async def test_a_request_waits_in_the_row_for_the_tick(
    database: Database, commands: Commands, kind: RequestKind, path: list[Any]
) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await do(database, rollout, *path)
    after = await commands.request(rollout.id, kind, "lee", "so")
    assert after == await RolloutStore(database).get(rollout.id)
    assert after.request is not None
    assert (after.request.kind, after.request.actor) == (kind, "lee")


@pytest.mark.parametrize("kind", [RequestKind.PAUSE, RequestKind.RESUME, RequestKind.PROMOTE])
async def test_nothing_replaces_an_abort_that_waits_for_the_tick(
    database: Database, commands: Commands, kind: RequestKind
) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await do(database, rollout, SetShare(1.0), ConfirmStep(), *([Pause()] if kind == "resume" else []))
    await commands.request(rollout.id, RequestKind.ABORT, "kim", "it burns")
    with pytest.raises(Conflict, match="kim has asked to abort it") as caught:
        await commands.request(rollout.id, kind, "lee", "so")
    assert caught.value.hint == "andon status"
    kept = (await RolloutStore(database).get(rollout.id)).request
    assert kept is not None
    assert (kept.kind, kept.actor) == (RequestKind.ABORT, "kim")


async def test_an_abort_replaces_what_was_asked_before(commands: Commands) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    for actor in ("lee", "max"):
        after = await commands.request(rollout.id, RequestKind.ABORT, actor, "it burns")
        assert after.request is not None
        assert (after.request.kind, after.request.actor) == (RequestKind.ABORT, actor)


GARBAGE: list[Any] = [{"phase": "odd"}, [1], "?", {}]


@pytest.mark.parametrize("document", GARBAGE, ids=["phase", "list", "text", "empty"])
@pytest.mark.parametrize("is_quarantined", [True, False])
async def test_a_rollout_that_cannot_be_read_is_closed_by_its_id_and_frees_its_place(
    database: Database, commands: Commands, document: Any, is_quarantined: bool
) -> None:
    await stable(database, commands, OLD)
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    store = RolloutStore(database)
    async with database.transaction() as tx:
        rows = tables.rollouts
        await tx.execute(update(rows).where(rows.c.id == rollout.id).values(document=document))
    if is_quarantined:
        await store.quarantine(rollout.id, "cannot be read", AT)
    before = await store.desired(UNIT, PRODUCTION)
    with pytest.raises(Damaged) as caught:
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert f"andon abort {rollout.id}" in caught.value.hint
    assert await commands.close_damaged(rollout.id, "kim", "disk")
    assert not await commands.close_damaged(rollout.id, "kim", "again")
    assert await store.desired(UNIT, PRODUCTION) == before
    event = (await TimelineStore(database).list(Filter(subject=f"rollout/{rollout.id}")))[0].event
    assert (event.kind, event.actor, event.after) == ("rollout.closed", "kim", {"alert": "resolved"})
    assert "what runs was not changed: disk" in event.reason
    assert (await commands.deploy(UNIT, PRODUCTION, NEW, **BY)).stable == OLD


async def test_a_quarantined_rollout_that_can_be_read_is_closed_with_its_reason(
    database: Database, commands: Commands
) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert not await commands.close_damaged(rollout.id, "kim", "it is sound")
    store = RolloutStore(database)
    await store.quarantine(rollout.id, "odd", AT)
    alert = (await TimelineStore(database).list(Filter(kind="rollout.damaged")))[0].event
    assert alert.reason == f"odd; andon abort {rollout.id} closes it"
    with pytest.raises(Damaged, match="is damaged: odd"):
        await commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    assert await commands.close_damaged(rollout.id, "kim", "so")
    closed = await store.get(rollout.id)
    assert (closed.phase, closed.finished_at) == (Phase.RETURNED, AT)
    assert "kim closed it" in closed.reason


async def test_promotion_is_refused_under_the_cord(database: Database, commands: Commands) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await do(database, rollout, SetShare(1.0), ConfirmStep())
    await commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
    with pytest.raises(Conflict, match="pulled the cord everywhere: smoke"):
        await commands.request(rollout.id, RequestKind.PROMOTE, "kim", "so")


class MovingStore(RolloutStore):
    """A store in which a tick is faster than the person, some times in a row."""

    times = 1
    code = "rollout-moved"

    async def ask(self, before: Loaded, request: Any, at: Any, signature: Any = None) -> Rollout:
        if self.times:
            self.times -= 1
            raise Conflict(self.code, "a tick was faster")
        return await super().ask(before, request, at, signature)


async def test_a_person_does_not_notice_a_tick_that_was_faster(
    database: Database, commands: Commands
) -> None:
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    store = MovingStore(database)
    shelf = Shelf(a_manifest())
    busy = Commands(store, shelf, sequential, ManualClock(AT), an_authority(database, shelf))
    assert (await busy.request(rollout.id, RequestKind.PAUSE, "kim", "so")).request is not None
    store.times = 99
    with pytest.raises(Conflict, match="keeps changing"):
        await busy.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    store.code = "something-else"
    with pytest.raises(Conflict, match="was faster"):
        await busy.request(rollout.id, RequestKind.PAUSE, "kim", "so")


async def test_a_rollback_aborts_what_is_under_way(database: Database, commands: Commands) -> None:
    await stable(database, commands, OLD)
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    with pytest.raises(Conflict, match=r"it returns to 1\.0\.0"):
        await commands.rollback(UNIT, PRODUCTION, to=Version("0.9.0"), **BY)
    asked = await commands.rollback(UNIT, PRODUCTION, **BY)
    assert asked.id == rollout.id
    assert asked.request is not None
    assert asked.request.kind is RequestKind.ABORT


async def test_a_rollback_goes_to_the_release_before_and_not_back_to_what_was_left(
    database: Database, commands: Commands, clock: ManualClock
) -> None:
    oldest = Version("0.9.0")
    for version in (oldest, OLD, NEW):
        await stable(database, commands, version)
        clock.advance(timedelta(seconds=1))
    first = await commands.rollback(UNIT, PRODUCTION, **BY)
    assert (first.candidate, first.stable, first.plan.is_rollback) == (OLD, NEW, True)
    await do(database, first, Finish(Phase.PROMOTED))
    second = await commands.rollback(UNIT, PRODUCTION, **BY)
    assert second.candidate == oldest
    await do(database, second, Finish(Phase.PROMOTED))
    with pytest.raises(Conflict, match="no former release of mes finished"):
        await commands.rollback(UNIT, PRODUCTION, **BY)
    named = await commands.rollback(UNIT, PRODUCTION, to=NEW, **BY)
    assert named.candidate == NEW


async def test_an_unknown_rollout_is_not_found(commands: Commands) -> None:
    with pytest.raises(NotFound):
        await commands.request(RolloutId("ro-9"), RequestKind.ABORT, "kim", "so")


async def test_an_environment_with_a_calendar_has_a_window_before_the_first_step(
    database: Database, clock: ManualClock
) -> None:
    shelf = Shelf(a_manifest())
    night = Policy(PRODUCTION, calendar=Calendar("Asia/Seoul", ("Mon-Fri 22:00-05:00",)))
    commands = Commands(
        RolloutStore(database), shelf, sequential, clock, an_authority(database, shelf, None, night)
    )
    made = await commands.preview(UNIT, PRODUCTION, NEW)
    assert [(each.kind, each.key) for each in made.gates] == [(GateKind.WINDOW, "policy-calendar")]
    rollout = await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert (rollout.is_gated, rollout.is_untouched) == (True, True)
    assert rollout.deadline_at == AT + timedelta(days=14)


async def test_all_that_changed_lately_goes_back_the_latest_first_and_one_that_cannot_is_named(
    database: Database, commands: Commands, clock: ManualClock
) -> None:
    station, printer = UnitName("station"), UnitName("printer")
    for unit, version in ((UNIT, OLD), (station, OLD)):
        await do(database, await commands.deploy(unit, PRODUCTION, version, **BY), Finish(Phase.PROMOTED))
    clock.advance(timedelta(hours=3))
    for unit, version in ((UNIT, NEW), (printer, OLD)):
        rollout = await commands.deploy(unit, PRODUCTION, version, **BY)
        before = await RolloutStore(database).load(rollout.id)
        decision, now = Decision(Finish(Phase.PROMOTED), "done"), clock.now()
        change = Change(before, apply(before.rollout, decision, now), None, None, now)
        await RolloutStore(database).save(change, decision)
        clock.advance(timedelta(seconds=1))
    under_way = await commands.deploy(station, PRODUCTION, NEW, **BY)
    shown = await commands.affected(PRODUCTION, timedelta(hours=1))
    assert [(each.unit, each.to, each.is_abort) for each in shown] == [
        ("station", OLD, True),
        ("printer", None, False),
        ("mes", OLD, False),
    ]
    done = {each.unit: each for each in await commands.rollback_all(PRODUCTION, timedelta(hours=1), **BY)}
    assert done[station].rollout == under_way.id
    assert "no former release of printer" in done[printer].problem
    back = await RolloutStore(database).get(RolloutId(done[UNIT].rollout))
    assert (back.candidate, back.plan.is_rollback) == (OLD, True)
    assert await commands.affected(PRODUCTION, timedelta(0)) != ()


class _Recalled(NoFleet):
    """A fleet in which one release must not run."""

    def __init__(self, version: Version) -> None:
        self._version = version

    async def recalled(self, _unit: UnitName, _environment: EnvironmentName, version: Version) -> str:
        return "by jiwoo (it loses serials)" if version == self._version else ""


async def test_a_release_that_is_recalled_there_is_refused_before_all_else(
    database: Database, commands: Commands, clock: ManualClock
) -> None:
    await stable(database, commands, OLD)
    await stable(database, commands, NEW)
    shelf, store = Shelf(a_manifest()), RolloutStore(database)
    with_fleets = [
        Commands(store, shelf, sequential, clock, an_authority(database, shelf), stations=_Recalled(version))
        for version in (NEW, OLD)
    ]
    now, former = with_fleets
    with pytest.raises(Conflict, match=r"recalled there by jiwoo \(it loses serials\)") as refused:
        await now.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert refused.value.code == "release-recalled"
    assert "--lift" in str(refused.value.hint)
    with pytest.raises(Conflict, match="recalled there"):
        await now.preview(UNIT, PRODUCTION, NEW)
    assert "recalled there" in await now.obstacle(UNIT, PRODUCTION, NEW)
    with pytest.raises(Conflict, match="recalled there"):
        await former.rollback(UNIT, PRODUCTION, to=OLD, **BY)
    assert await store.find_active(UNIT, PRODUCTION) is None
