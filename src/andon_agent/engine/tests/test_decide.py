"""Decisions over every situation: what must never be done, and that every situation comes to rest."""

from dataclasses import replace

import pytest

from andon_agent.engine.actions import (
    Begin,
    Confirm,
    Downloaded,
    GiveUp,
    Kill,
    Launch,
    Point,
    Reboot,
    Rest,
    Return,
    Switch,
    Take,
    Tell,
    Wait,
)
from andon_agent.engine.case import Case
from andon_agent.engine.decide import decide
from andon_agent.engine.model import (
    Failed,
    Health,
    Job,
    Running,
    Safe,
    Seen,
    State,
    Step,
    Target,
    Wanting,
    Work,
    WorkState,
)
from andon_agent.engine.running import died, saying
from andon_agent.engine.tests.situations import (
    AT,
    CONTRACT,
    NOW,
    ONE,
    PROCESS,
    RULES,
    TWO,
    ObedientWorld,
    situations,
    wants,
)
from andon_agent.engine.transitions import apply
from andon_wire.application import SafePoint
from andon_wire.protocol import EventKind, Phase, WantedUnit

pytestmark = pytest.mark.unit
_RESTING = (Phase.IDLE, Phase.FAILED, Phase.HELD)


@pytest.mark.parametrize("wanting", wants(), ids=str)
def test_in_no_situation_anything_forbidden_is_done(wanting: Wanting) -> None:
    count = 0
    for case in situations(wanting):
        decision = decide(case)
        _check(case, decision.action)
        assert decision.reason, case
        after = apply(case.state, decision, case.now)
        assert after.told - case.state.told == len(after.outbox) - len(case.state.outbox), case
        count += 1
    assert count > 3_000


def _check(case: Case, action: object) -> None:
    state, seen, wanting = case.state, case.seen, case.wanting
    match action:
        case Launch():
            assert not seen.running.is_anything, case
            assert seen.has(state.active), case
        case Point(to) if to is not None:
            assert seen.has(to), case
            assert not seen.running.is_anything or state.step is Step.POINT, case
        case Begin(Job.INSTALL) | Downloaded():
            assert state.target is not None, case
            assert state.active is None or state.target.slot != state.active.slot, case
        case Return(to, _):
            assert seen.has(to), case
        case Take(target):
            _check_take(case, target)
        case Switch():
            _check_switch(case)
        case Kill():
            assert seen.running.is_anything, case
        case Confirm():
            assert seen.health.healthy_for is not None, case
            assert seen.running.is_alive, case
        case _:
            assert wanting is None or action is not None


def _check_take(case: Case, target: Target) -> None:
    state, wanting = case.state, case.wanting
    assert wanting is not None
    assert wanting.version == target.version
    assert state.active is None or target.slot != state.active.slot, case
    floor = state.confirmed or state.active
    assert floor is None or target.version >= floor.version or wanting.is_return or state.target, case
    failed = state.failed_as(target.version)
    assert failed is None or wanting.attempt > failed.attempt or state.target is not None, case


def _check_switch(case: Case) -> None:
    state, seen, wanting = case.state, case.seen, case.wanting
    assert wanting is not None
    assert wanting.may_switch, case
    assert wanting.direct or seen.is_window_open, case
    assert state.target is None or not seen.short, case
    assert wanting.direct or seen.safe.is_safe or not seen.running.is_alive, case
    if state.target is not None:
        held = seen.held.get(state.target.slot)
        assert held is not None, case
        assert held.version == state.target.version, case


@pytest.mark.parametrize("wanting", wants(), ids=str)
def test_every_situation_comes_to_rest_where_the_world_obeys(wanting: Wanting) -> None:
    seen_before: set[object] = (
        set()
    )  # where only jobs, gates and health differ, the world makes them the same
    for case in situations(wanting):
        key = (case.state, frozenset(case.seen.held.values()), case.seen.running, bool(case.seen.jobs))
        if key in seen_before:
            continue
        seen_before.add(key)
        _comes_to_rest(case)


def _comes_to_rest(case: Case) -> None:
    world, waits = ObedientWorld(case), 0
    for _ in range(80):
        waits = waits + 1 if isinstance(world.step(), Wait) else 0
        if waits > 3:
            break
    trail = "\n".join(world.trail)
    state, seen, wanting = world.case.state, world.case.seen, world.case.wanting
    assert waits > 3, trail
    assert state.phase in {*_RESTING, Phase.READY, Phase.DOWNLOADING, Phase.INSTALLING}, trail
    if state.phase not in _RESTING:  # it may not switch, or nobody says what is wanted
        assert wanting is None or not wanting.may_switch, trail
    if state.active is not None:
        assert state.process is not None, trail
        assert seen.running.is_alive, trail
        was_running = case.seen.running.is_alive or case.seen.running.found is not None
        assert seen.has(state.active) or was_running or case.seen.running.is_starting, trail
        assert seen.pointer == state.active.slot, trail
    elif wanting is not None and wanting.version is not None and wanting.may_switch:
        assert state.failed_as(wanting.version) is not None, trail


def a_case(seen: Seen | None = None, wanting: Wanting = None, **state: object) -> Case:
    known = State("screen", since=AT, boot="boot", active=ONE, confirmed=ONE, process=PROCESS, starts=1)
    base = Seen(pointer="a", held={"a": ONE}, contract=CONTRACT, running=Running(is_alive=True))
    return Case(replace(known, **state), seen or base, wanting, NOW, RULES)  # type: ignore[arg-type]


def test_a_new_start_of_the_machine_is_noted_before_anything_else() -> None:
    assert decide(a_case(boot="before", outbox=())).action == Reboot()


def test_what_happened_is_told_before_anything_else_happens() -> None:
    case = a_case()
    noted = apply(case.state, decide(replace(case, state=replace(case.state, process=PROCESS))), NOW)
    case = replace(case, seen=replace(case.seen, running=Running(end="exited with code 1")))
    noted = apply(case.state, decide(case), NOW)
    assert noted.outbox[-1].kind is EventKind.CRASHED
    assert decide(replace(case, state=noted)).action == Tell()


def test_an_older_release_without_a_signed_return_is_refused_and_not_asked_for_again() -> None:
    case = a_case(active=TWO, confirmed=TWO, seen=_seen_two(), wanting=WantedUnit(version="1.0"))
    decision = decide(case)
    assert decision.action == GiveUp("1.0", 0, is_refused=True)
    after = replace(apply(case.state, decision, NOW), outbox=())
    assert after.phase is Phase.FAILED
    assert isinstance(decide(replace(case, state=after)).action, Wait)


def test_a_signed_return_brings_an_older_release() -> None:
    case = a_case(
        active=TWO, confirmed=TWO, seen=_seen_two(), wanting=WantedUnit(version="1.0", is_return=True)
    )
    assert decide(case).action == Take(Target("1.0", "a", is_return=True))


def _seen_two() -> Seen:
    return Seen(pointer="b", held={"b": TWO}, contract=CONTRACT, running=Running(is_alive=True))


def test_what_failed_is_tried_again_when_a_person_says_so() -> None:
    failed = (Failed("2.0", 1, "it was silent"),)
    resting = a_case(failed=failed, wanting=WantedUnit(version="2.0", attempt=1))
    assert decide(resting).action == Rest(Phase.FAILED)
    assert isinstance(
        decide(a_case(failed=failed, wanting=WantedUnit(version="2.0", attempt=2))).action, Take
    )


def test_what_is_not_trusted_is_refused_and_told_so() -> None:
    seen = replace(a_case().seen, jobs={Job.DOWNLOAD: Work(WorkState.REFUSED, "its signature does not hold")})
    case = a_case(seen, WantedUnit(version="2.0"), phase=Phase.DOWNLOADING, target=Target("2.0", "b"))
    decision = decide(case)
    assert decision.action == GiveUp("2.0", 0, is_refused=True)
    assert apply(case.state, decision, NOW).outbox[-1].kind is EventKind.REFUSED


def test_the_safe_point_is_passed_over_at_its_deadline_only_where_there_is_one() -> None:
    def ready(deadline_s: float) -> Case:
        contract = CONTRACT.model_copy(update={"safe_point": SafePoint(deadline_s=deadline_s)})
        seen = replace(
            a_case().seen, held={"a": ONE, "b": TWO}, contract=contract, safe=Safe(False, "a serial is open")
        )
        later = replace(NOW, at=NOW.at.replace(hour=2))
        case = a_case(seen, WantedUnit(version="2.0"), phase=Phase.READY, target=Target("2.0", "b"))
        return replace(case, now=later)

    assert decide(ready(3600.0)).action == Switch()
    assert decide(ready(3 * 3600.0)).reason == "waits for a safe point: a serial is open"
    assert isinstance(decide(ready(0.0)).action, Wait)


def test_a_crash_loop_long_after_the_switch_does_not_lead_back() -> None:
    seen = Seen(
        pointer="b", held={"a": ONE, "b": TWO}, contract=CONTRACT, running=Running(end="exited with code 1")
    )
    looping = {"active": TWO, "confirmed": TWO, "former": ONE, "deaths": (980.0, 990.0)}
    assert decide(a_case(seen, switched_at=900.0, **looping)).action == Return(ONE, is_failure=True)
    long_ago = replace(NOW, uptime=9000.0)
    late = replace(a_case(seen, switched_at=900.0, **{**looping, "deaths": (8990.0, 8995.0)}), now=long_ago)
    assert not isinstance(decide(late).action, Return)


def test_a_version_that_is_called_back_while_it_is_watched_is_no_failure() -> None:
    seen = Seen(pointer="b", held={"a": ONE, "b": TWO}, contract=CONTRACT, running=Running(is_alive=True))
    case = a_case(
        seen,
        WantedUnit(version="1.0", is_return=True),
        phase=Phase.WATCHING,
        active=TWO,
        target=Target("2.0", "b"),
    )
    decision = decide(case)
    assert decision.action == Return(ONE, is_failure=False)
    assert apply(case.state, decision, NOW).failed == ()


def test_health_that_begins_in_time_may_settle_after_the_deadline() -> None:
    seen = Seen(
        pointer="b",
        held={"a": ONE, "b": TWO},
        contract=CONTRACT,
        running=Running(is_alive=True),
        health=Health(1.0),
    )
    watched = {"phase": Phase.WATCHING, "active": TWO, "target": Target("2.0", "b"), "switched_at": 900.0}
    assert isinstance(decide(a_case(seen, **watched)).action, Wait)
    ill = replace(seen, health=Health(None, "no display"))
    decision = decide(a_case(ill, **watched))
    assert decision.action == Return(ONE, is_failure=True)
    assert "no display" in decision.reason


def test_a_version_that_is_taken_back_is_told_with_what_it_printed() -> None:
    ill = Seen(
        pointer="b",
        held={"a": ONE, "b": TWO},
        contract=CONTRACT,
        running=Running(is_alive=True),
        health=Health(None, "it has not said that it works"),
        said="no licence",
    )
    watched = {"phase": Phase.WATCHING, "active": TWO, "target": Target("2.0", "b"), "switched_at": 900.0}
    late = decide(a_case(ill, **watched))
    assert late.reason == (
        "2.0 was not healthy within 60 s: it has not said that it works; it printed: no licence"
    )
    dead = replace(ill, running=Running(end="exited with code 1"))
    assert decide(a_case(dead, **watched)).reason == "exited with code 1; it printed: no licence"
    looping = decide(a_case(dead, **watched, deaths=(980.0, 990.0)))
    assert looping.action == Return(ONE, is_failure=True)
    assert looping.reason.endswith("last: exited with code 1; it printed: no licence")


@pytest.mark.parametrize("how", ["it could not be started: No such file", "exited with code 1"])
def test_a_first_version_that_is_given_up_is_told_with_how_its_last_start_ended(how: str) -> None:
    seen = Seen(pointer="a", held={"a": ONE}, contract=CONTRACT, said="no licence")
    watched = {"phase": Phase.WATCHING, "confirmed": None, "target": Target("1.0", "a"), "switched_at": 900.0}
    case = a_case(seen, **watched)
    after = apply(case.state, died(case, saying(how, seen.said)), NOW)
    late = replace(case, state=replace(after, outbox=()), seen=seen)
    decision = decide(late)
    assert isinstance(decision.action, GiveUp)
    assert decision.reason == (
        f"1.0 was not healthy within 60 s: {how}; it printed: no licence; there is nothing to return to"
    )
