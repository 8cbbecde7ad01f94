"""What must hold of every rollout, checked after every transaction against what the plant really does.

Nothing here asks the engine: each promise is said once more in its own words, so that a mistake in the engine
is not made here, too. `Promises.broken` has the sentences of what was broken.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from andon.access.signatures.model import Action
from andon.access.tokens.model import MACHINE_ACTOR
from andon.judge.model import Outcome
from andon.kernel.ids import RolloutId
from andon.rollouts import codec
from andon.rollouts.looks.store import Change
from andon.rollouts.model import GateState, Phase, RequestKind, Rollout, Stage, TaskState, Trigger
from andon.rollouts.steps import GateKind, Task
from andon.targets.model import InstanceState
from andon.testing.simulation.outside import Outside
from andon.testing.simulation.plant import Plant
from andon.testing.simulation.tables import Tables, read, with_evidence
from andon.timeline.records import Record, Severity
from andon.units.desired import Desired
from andon.units.model import StrategyName

_ANSWERS = {
    "rollout.paused",
    "rollout.resumed",
    "rollout.dismissed",
    "rollout.rollback",
    "rollout.held",
    "rollout.finished",
    "rollout.returned",
    "rollout.closed",
}
_FORWARD = {Phase.PREPARING, Phase.STEPPING, Phase.FINISHING}


@dataclass(frozen=True, slots=True)
class Moved:
    """One transaction: the rollout before and after it, what was and is desired, and what was told of it."""

    before: Rollout
    after: Rollout
    was: Desired | None
    now: Desired | None
    told: tuple[Record, ...]
    was_corded: bool
    is_corded: bool

    @property
    def kinds(self) -> set[str]:
        """Kinds of what was told."""
        return {each.event.kind for each in self.told}

    @property
    def goes_on(self) -> bool:
        """Whether it went a step further by itself: no person asked for it."""
        request = self.before.request
        by_person = request is not None and request.kind is RequestKind.PROMOTE
        is_next = self.after.step > self.before.step or (
            self.after.phase is Phase.FINISHING and self.before.phase is Phase.STEPPING
        )
        return is_next and not by_person

    def share(self, version: str | None) -> tuple[float, float]:
        """Share of a release before and after."""
        return _of(self.was, version)[1], _of(self.now, version)[1]

    def instances(self, version: str | None) -> tuple[int, int]:
        """Desired instances of a release before and after."""
        return _of(self.was, version)[0], _of(self.now, version)[0]


def _of(desired: Desired | None, version: str | None) -> tuple[int, float]:
    found = [] if desired is None else [each for each in desired.releases if each.version == version]
    return (found[0].instances, found[0].share) if found else (0, 0.0)


Promise = Callable[[Moved, Plant], Iterator[str]]


@dataclass(slots=True)
class Promises:
    """Watches the tables of one plant. broken: what was seen to be broken, once each."""

    plant: Plant
    outside: Outside
    broken: dict[str, None] = field(default_factory=dict)
    _last: Tables | None = None
    _aborted: dict[RolloutId, bool] = field(default_factory=dict)

    def committed(self, tables: Tables) -> None:
        """Look at what a transaction made."""
        last, self._last = self._last, tables
        for problem in _of_tables(tables):
            self.broken[problem] = None
        if last is None:
            return
        for problem in _of_beginnings(last, tables):
            self.broken[problem] = None
        for rollout, row in tables.rollouts.items():
            before = last.rollouts.get(rollout)
            if before is None or row.damage or before.damage:
                continue
            is_same = before.revision == row.revision and before.document is row.document
            if is_same and last.evidence[rollout] is tables.evidence[rollout]:
                continue
            for problem in self._moved(rollout, last, tables):
                self.broken[problem] = None

    def wrote(self, change: Change) -> None:
        """A controller wrote: only the holder of the lease may."""
        lease = change.lease
        if lease is not None and self._last is not None:
            held, _ = self._last.leases[lease.name]
            if held.token != lease.token:
                self.broken["a controller wrote that had lost the lease"] = None

    def _moved(self, rollout: RolloutId, last: Tables, tables: Tables) -> Iterator[str]:
        before, after = with_evidence(last, rollout), with_evidence(tables, rollout)
        if before is None or after is None:
            return
        place = (after.unit, after.environment)
        moved = Moved(
            read(before),
            read(after),
            last.desired.get(place),
            tables.desired.get(place),
            tables.timeline[len(last.timeline) :],
            _is_corded(last, after.environment),
            _is_corded(tables, after.environment),
        )
        yield from _of_rows(before.revision, after.revision, last, tables, moved)
        for promise in PROMISES:
            yield from promise(moved, self.plant)
        yield from _of_history(moved, last, tables)
        yield from _of_gates(moved, tables)
        yield from _of_elements(moved, self.outside)
        yield from self._of_aborts(moved)

    def _of_aborts(self, moved: Moved) -> Iterator[str]:
        """Once it goes back on a person's word it never goes forward again."""
        after = moved.after
        if after.phase is Phase.RETURNING and after.trigger in {Trigger.ABORT, Trigger.CORD}:
            self._aborted[after.id] = True
        if self._aborted.get(after.id) and after.working_phase in _FORWARD:
            yield f"it was aborted, and is {after.working_phase.value} again"


def _is_corded(tables: Tables, environment: str) -> bool:
    return "" in tables.cords or environment in tables.cords


def _of_tables(tables: Tables) -> Iterator[str]:
    places = [(each.unit, each.environment) for each in tables.rollouts.values() if each.is_active]
    if len(places) != len(set(places)):
        yield "two rollouts are under way in one place"
    for desired in tables.desired.values():
        shares = sum(each.share for each in desired.releases)
        if not (math.isclose(shares, 1.0) or shares == 0.0):
            yield f"the shares sum to {shares}"
        if any(each.share > 0 and each.instances == 0 for each in desired.releases):
            yield "a release with a share has no instances"


def _of_beginnings(last: Tables, tables: Tables) -> Iterator[str]:
    """Nothing begins under the cord, and nothing by itself where a person took something back."""
    for rollout in tables.rollouts.keys() - last.rollouts.keys():
        row = with_evidence(tables, rollout)
        begun = None if row is None else read(row)
        if begun is None:
            continue
        if _is_corded(last, begun.environment):
            yield "a rollout began under the cord"
        is_held = (begun.unit, begun.environment) in last.holds
        if is_held and begun.actor.startswith(MACHINE_ACTOR):
            yield "a machine deployed where a person holds the place"


def _of_rows(was: int, now: int, last: Tables, tables: Tables, moved: Moved) -> Iterator[str]:
    """One transaction is one revision and one record, and what it was made from is what stood there."""
    mine = [each for each in moved.told if each.event.subject == f"rollout/{moved.after.id}"]
    told = [each.event for each in mine if each.event.kind != "signature.made"]
    if now - was != len(told):
        yield f"{len(told)} records of {now - was} revisions"
    for event in told:
        if event.before and event.before != _where(moved.before):
            yield f"{event.kind} was decided on another state than it changed"
        if "phase" in event.after and event.after["phase"] != moved.after.phase.value:
            yield f"{event.kind} tells of another phase than it made"
    rollout = moved.after.id
    if tables.evidence[rollout].seq - last.evidence[rollout].seq not in {0, 1}:
        yield "evidence was written twice at once"
    if tables.evidence[rollout] is not last.evidence[rollout] and (
        tables.evidence[rollout].seq == last.evidence[rollout].seq
    ):
        yield "evidence was overwritten"
    if moved.was != moved.now and not told:
        yield "what is desired changed without a decision"


def _where(rollout: Rollout) -> dict[str, object]:
    return {
        "phase": rollout.phase.value,
        "stage": rollout.stage.value,
        "step": rollout.step,
        "share": rollout.share,
    }


def _asked(moved: Moved, _plant: Plant) -> Iterator[str]:
    """What a person asks for gets an answer."""
    asked, left = moved.before.request, moved.after.request
    is_onward = moved.kinds & {"rollout.opened", "rollout.share", "rollout.step", "rollout.promoted"}
    is_word = asked is not None and asked.kind is RequestKind.RESUME and moved.before.is_on_hold
    if is_word and "rollout.opened" in moved.kinds:
        return
    if asked is not None and asked.kind is not RequestKind.PROMOTE and is_onward:
        yield f"it went on while a person had asked it to {asked.kind.value}"
    if moved.before.is_paused and moved.goes_on:
        yield "it went on while it was paused"
    if asked is None or left == asked or moved.kinds & _ANSWERS or "rollout.requested" in moved.kinds:
        return
    if asked.kind is RequestKind.PROMOTE and moved.kinds - {"signature.made"}:
        return
    yield f"what {asked.actor} asked for was lost: {asked.kind.value}"


def _routes(moved: Moved, plant: Plant) -> Iterator[str]:
    """Nothing is routed to where nobody is ready; a candidate has instances in proportion to its share."""
    plan = moved.after.plan
    for version in {each.version for each in (() if moved.now is None else moved.now.releases)}:
        before, after = moved.share(version)
        if after <= before:
            continue
        there = plant.said_ready(version)
        if there == 0:
            yield f"{_name(moved, version)} was routed to without a ready instance"
        needed = math.ceil(round(after * plan.instances, 6))
        is_candidate = version == moved.after.candidate and moved.after.phase in _FORWARD
        if is_candidate and there < min(needed, plan.instances):
            yield f"the candidate got {after:.0%} with {there} of {plan.instances} instances ready"
    if moved.now is not None and moved.was is not None and moved.now.routing != moved.was.routing:
        routing = moved.now.routing
        opened = bool(routing.matches or routing.mirror) and routing != moved.was.routing
        if opened and plant.said_ready(moved.after.candidate) == 0:
            yield "requests are matched or mirrored to a candidate without a ready instance"


def _name(moved: Moved, version: str) -> str:
    return "the candidate" if version == moved.after.candidate else "the stable release"


def _capacity(moved: Moved, plant: Plant) -> Iterator[str]:
    """Nobody takes away healthy instances that were promised, and nothing stops that is still served."""
    rollout, plan = moved.after, moved.after.plan
    for version in (rollout.stable, rollout.candidate):
        before, after = moved.instances(version)
        if before and not after:
            who = "the candidate" if version == rollout.candidate else "the stable release"
            if plant.weight(version) > 0:
                yield f"{who} was stopped while the gateway sent it requests"
            deadline = moved.before.deadline_at
            is_late = deadline is not None and plant.clock.now() >= deadline
            if plant.in_flight(version) and not is_late:
                yield f"{who} was stopped while it answered requests"
    if rollout.stable is None or plan.needs_gap:
        return
    healthy = [plant.said_ready(each) for each in (rollout.stable, rollout.candidate)]
    left = sum(
        min(ready, moved.instances(each)[1])
        for ready, each in zip(healthy, (rollout.stable, rollout.candidate), strict=True)
    )
    promised = min(plan.stable_instances, plan.instances)
    if rollout.phase in _FORWARD and left < sum(healthy) and left < promised:
        yield f"{left} of {promised} promised instances are left"
    keeps = plan.strategy in {StrategyName.CANARY, StrategyName.BLUE_GREEN} and not plan.is_rollback
    is_leaving = rollout.working_phase is Phase.FINISHING and rollout.stage is Stage.STOPPING
    stays = moved.instances(rollout.stable)[1]
    if keeps and not rollout.phase.is_over and not is_leaving and stays < plan.stable_instances:
        yield f"the stable release has {stays} of {plan.stable_instances} instances while it may be needed"


def _apart(moved: Moved, plant: Plant) -> Iterator[str]:
    """Of a unit that cannot run twice, one release starts when the other is gone."""
    rollout = moved.after
    pairs = ((rollout.candidate, rollout.stable), (rollout.stable, rollout.candidate))
    for starts, other in pairs if rollout.plan.needs_gap else ():
        before, after = moved.instances(starts)
        if after > before and plant.said_running(other):
            is_new = starts == rollout.candidate
            yield f"the {'candidate' if is_new else 'stable release'} was started while the other still ran"


def _corded(moved: Moved, _plant: Plant) -> Iterator[str]:
    """Nothing advances while the cord is pulled."""
    rollout, before = moved.after, moved.before
    if not (moved.was_corded and moved.is_corded):
        return
    was, now = moved.share(rollout.candidate)
    if now > was:
        yield "the candidate's share rose while corded"
    if rollout.step > before.step:
        yield "a step began while corded"
    order = [Phase.PREPARING, Phase.STEPPING, Phase.FINISHING, Phase.PROMOTED]
    phases = (before.working_phase, rollout.working_phase)
    if all(each in order for each in phases) and order.index(phases[1]) > order.index(phases[0]):
        yield f"it became {rollout.phase.value} while corded"
    was_there, is_there = moved.instances(rollout.candidate)
    if is_there > was_there:
        yield "more of the candidate was started while corded"
    if (
        rollout.working_phase in _FORWARD
        and moved.instances(rollout.stable)[1] < moved.instances(rollout.stable)[0]
    ):
        yield "the stable release was taken down while corded"


def _gated(moved: Moved, plant: Plant) -> Iterator[str]:
    """Before its first gate is open nothing of a candidate is there."""
    if moved.after.is_untouched and (
        any(moved.instances(moved.after.candidate)) or plant.said_running(moved.after.candidate)
    ):
        yield "the candidate runs before its gate is open"


def _silent(moved: Moved, plant: Plant) -> Iterator[str]:
    """Silence never promotes, a bad verdict never, and a candidate that dies never."""
    before = moved.before
    if not moved.goes_on:
        return
    step = before.plan.steps[before.step]
    if step.is_judged and before.stage is Stage.SERVING:
        if plant.is_silent():
            yield "it went on while its evidence was silent"
        verdict = moved.after.verdict
        passed = verdict is not None and verdict.outcome is Outcome.PASS
        if not passed and before.plan.require_evidence:
            yield "it went on without the evidence that its policy requires"
        late = before.deadline_at is not None and plant.clock.now() >= before.deadline_at
        if not passed and not late:
            yield "it went on before it had waited for evidence"
    if moved.after.verdict is not None and moved.after.verdict.outcome in {Outcome.FAIL, Outcome.INVALID}:
        yield f"it went on against a verdict of {moved.after.verdict.outcome.value}"
    bad = plant.said_states(before.candidate) & {InstanceState.CRASH_LOOP, InstanceState.REFUSED}
    if bad:
        yield f"it went on while an instance was {min(bad).value}"
    since = before.step_since
    if before.stage is Stage.SERVING and (since is None or plant.clock.now() - since < step.soak):
        yield "it went on before it had soaked"


def _ended(moved: Moved, plant: Plant) -> Iterator[str]:
    """A return is verified: nothing of the candidate is there or served. So is a promotion."""
    rollout = moved.after
    if moved.before.phase.is_over or not rollout.phase.is_over or "rollout.closed" in moved.kinds:
        return
    is_back = rollout.phase is Phase.RETURNED
    leaves = rollout.candidate if is_back else rollout.stable
    stays = rollout.stable if is_back else rollout.candidate
    was_there = rollout.phase is Phase.PROMOTED or not moved.before.is_untouched
    if leaves is not None:
        if plant.weight(leaves) or moved.share(leaves)[1]:
            yield f"it is {rollout.phase.value}, and what should be gone is still served"
        if plant.said_running(leaves) or moved.instances(leaves)[1]:
            yield f"it is {rollout.phase.value}, and what should be gone still runs"
    if stays is not None and was_there:
        if moved.share(stays)[1] != 1.0:
            yield f"it is {rollout.phase.value}, and not everything goes where it should"
        is_there = plant.ready(stays) > 0  # it may have died when there was no way back any more
        if plant.weight(stays) != 1000 and is_there and not plant.is_lying():
            yield f"it is {rollout.phase.value}, and the gateway does not send everything where it should"


def _returns(moved: Moved, _plant: Plant) -> Iterator[str]:
    """What returns is asked to have no share in the very transaction that says so."""
    is_back = moved.after.working_phase in {Phase.RETURNING, Phase.RETURNED}
    if is_back and moved.share(moved.after.candidate)[1]:
        yield f"it is {moved.after.working_phase.value}, and the candidate should still have a share"
    was, now = moved.instances(moved.after.candidate)
    if is_back and now and not was:
        yield "a candidate that was not there was started on the way back"


def _remembers(moved: Moved, _plant: Plant) -> Iterator[str]:
    """What was judged once is not forgotten."""
    for name, now in moved.after.judge.metrics.items():
        was = moved.before.judge.metrics[name]
        if now.candidate.exposure < was.candidate.exposure or now.stable.exposure < was.stable.exposure:
            yield f"evidence of {name} was forgotten"


def _stuck(moved: Moved, _plant: Plant) -> Iterator[str]:
    """Every silence has a deadline, and a hold has a reason and an alert."""
    rollout = moved.after
    if not rollout.phase.is_over and rollout.phase is not Phase.HELD and rollout.deadline_at is None:
        yield f"{rollout.phase.value} {rollout.stage.value} has no deadline"
    if rollout.phase is Phase.HELD and moved.before.phase is not Phase.HELD:
        alerts = [each for each in moved.told if each.event.severity is Severity.ALERT]
        if not alerts or not rollout.reason:
            yield "it is held without an alert that says why"


def _of_history(moved: Moved, last: Tables, tables: Tables) -> Iterator[str]:
    """What finished is stable, and nothing else is."""
    place = (moved.after.unit, moved.after.environment)
    was, now = last.stables.get(place, ()), tables.stables.get(place, ())
    is_new = moved.after.phase is Phase.PROMOTED and moved.before.phase is not Phase.PROMOTED
    if is_new and (len(now) != len(was) + 1 or now[0].version != moved.after.candidate):
        yield "what was promoted is not the stable release"
    if not is_new and now != was:
        yield "another release became stable than one that finished"


def _of_gates(moved: Moved, tables: Tables) -> Iterator[str]:
    """People's gate opens when enough of them said yes, one of them uninvolved, and nobody said no."""
    gate = moved.before.approval
    if gate is None or "rollout.opened" not in moved.kinds:
        return
    mine = [
        each
        for each in tables.signatures.values()
        if each.document.subject == f"rollout/{moved.after.id}"
        and each.document.action is Action.APPROVE
        and each.document.values["gate"] == codec.encode(gate)
    ]
    yes = {each.signer for each in mine if each.document.values["answer"] == "yes"}
    if len(yes) < gate.approvals or not yes - {moved.after.actor} or len(mine) > len(yes):
        yield "a gate was opened without enough people"


def _of_elements(moved: Moved, outside: Outside) -> Iterator[str]:
    """No share comes before the tasks in front of it passed, and none at a gate."""
    after = moved.after
    if "rollout.opened" in moved.kinds:
        yield from _of_shut_gates(moved.before, outside)
    if "rollout.share" in moved.kinds:
        for each in after.plan.before(after.step):
            if isinstance(each, Task):
                state = outside.task(after, after.step, each.name, each.kind.value)
                if state is not TaskState.PASSED:
                    yield f"it got its share while a {each.kind.value} was {state.value}"
    if after.is_gated and moved.share(after.candidate)[1] > moved.share(after.candidate)[0]:
        yield "its share rose while it stood at a gate"


def _of_shut_gates(before: Rollout, outside: Outside) -> Iterator[str]:
    """A gate that is shut lets nothing through, and a hold only on a person's word."""
    for gate in before.gates:
        is_word = before.request is not None and before.request.kind is RequestKind.RESUME
        if gate.kind is GateKind.HOLD and not is_word:
            yield "it went on from a hold without a person's word"
        is_asked = gate.kind not in {GateKind.HOLD, GateKind.APPROVAL}
        if is_asked and outside.gate(before, gate.key, gate.kind) is not GateState.OPEN:
            yield f"it went on while gate {gate.kind.value} was shut"


PROMISES: tuple[Promise, ...] = (
    _asked,
    _routes,
    _capacity,
    _apart,
    _corded,
    _gated,
    _silent,
    _ended,
    _returns,
    _remembers,
    _stuck,
)
