"""Bugs planted into the parts of the engine, each of which the promises must catch.

A bug is an `Engine` with one part exchanged for a wrong one; nothing is patched.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from andon.judge import sequential
from andon.judge.model import Outcome, Verdict
from andon.rollouts.actions import (
    ConfirmStep,
    Decision,
    Drain,
    Finish,
    Hold,
    OpenGate,
    Promote,
    Restore,
    RollBack,
    SetShare,
    StartStep,
    StartTask,
    StopCandidate,
    StopStable,
    Wait,
)
from andon.rollouts.approvals import Approvals
from andon.rollouts.controller import Rules
from andon.rollouts.decide import decide
from andon.rollouts.model import (
    Answers,
    GateSeen,
    GateState,
    Observation,
    Phase,
    RequestKind,
    Rollout,
    Stage,
    TaskSeen,
    TaskState,
    Trigger,
)
from andon.rollouts.transitions import apply
from andon.rollouts.wanted import desired
from andon.testing.simulation.memory import MemoryRollouts
from andon.testing.simulation.story import Story
from andon.testing.simulation.tables import Tables, record
from andon.testing.simulation.world import Engine
from andon.units.desired import DesiredRelease

Anyone = Callable[[Story], bool]


def _every(_story: Story) -> bool:
    return True


@dataclass(frozen=True)
class Planted:
    """A wrong engine, and a part of what must be said of it. where: stories in which it can show at all.

    within: number of such stories, from seed 0 on, within which it must be caught.
    """

    name: str
    engine: Engine
    said: str
    where: Anyone = _every
    within: int = 150
    by_crash: bool = False


def _with(*faults: str) -> Anyone:
    return lambda story: bool(set(faults) & set(story.faults))


def _elements(*words: str) -> Anyone:
    return lambda story: any(each in story.elements for each in words)


def deciding(wrong: Callable[[Rollout, Observation, Decision], Decision]) -> Engine:
    """The real decision, sometimes exchanged for another one."""
    return Engine(lambda: Rules(decide=lambda rollout, seen: wrong(rollout, seen, decide(rollout, seen))))


def applying(wrong: Callable[[Rollout, Rollout], Rollout]) -> Engine:
    """What a decision makes of a rollout, changed: before and after."""
    return Engine(
        lambda: Rules(apply=lambda rollout, decision, now: wrong(rollout, apply(rollout, decision, now)))
    )


# Decisions.


def skips_the_drain(_r: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_drain = isinstance(made.action, Drain) and _r.working_phase is Phase.RETURNING
    return Decision(StopCandidate(), made.reason) if is_drain else made


def stops_before_the_gateway_confirmed(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.phase is Phase.RETURNING
    return Decision(StopCandidate(), "now") if is_waiting and rollout.stage is Stage.ROUTING else made


def routes_to_the_unready(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.stage is Stage.SCALING
    is_forward = rollout.phase in {Phase.PREPARING, Phase.STEPPING}
    return Decision(SetShare(0.0), "now") if is_waiting and is_forward else made


def counts_an_instance_twice(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.stage is Stage.SCALING and not seen.is_corded
    if not is_waiting or rollout.phase not in {Phase.PREPARING, Phase.STEPPING} or rollout.is_paused:
        return made
    return decide(rollout, replace(seen, instances=[*seen.instances, *seen.instances]))


def overlooks_the_cord(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    return decide(rollout, replace(seen, is_corded=False, cord_returns=False))


def promotes_on_silence(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if not seen.evidence_problems or not isinstance(made.action, Wait | RollBack):
        return made
    verdict = Verdict(Outcome.PASS, "nothing bad was heard")
    return decide(rollout, replace(seen, evidence_problems=(), verdict=verdict))


def needs_no_evidence(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    return decide(replace(rollout, plan=replace(rollout.plan, require_evidence=False)), seen)


def waits_for_no_verdict(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if seen.verdict.outcome is not Outcome.INCONCLUSIVE or not isinstance(made.action, Wait):
        return made
    return decide(rollout, replace(seen, verdict=Verdict(Outcome.PASS, "soon")))


def ignores_a_bad_verdict(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if seen.verdict.outcome not in {Outcome.FAIL, Outcome.INVALID}:
        return made
    return decide(rollout, replace(seen, verdict=Verdict(Outcome.PASS, "never mind")))


def ignores_a_crash_loop(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    action = made.action
    if not isinstance(action, RollBack) or action.trigger is not Trigger.CRASH_LOOP:
        return made
    well = obviously_ready(seen)
    return decide(rollout, replace(well, verdict=Verdict(Outcome.PASS, "well")))


def obviously_ready(seen: Observation) -> Observation:
    from andon.targets.model import InstanceState

    return replace(
        seen, instances=[replace(each, state=InstanceState.READY, failed_checks=0) for each in seen.instances]
    )


def ends_the_soak_early(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    is_soaking = isinstance(made.action, Wait) and made.reason.startswith("soaking")
    return decide(rollout, replace(seen, now=seen.now + timedelta(hours=1))) if is_soaking else made


def returns_to_an_unready_stable(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    action = made.action
    if isinstance(action, Hold) and rollout.phase is not Phase.RETURNING and rollout.stable is not None:
        return Decision(RollBack(action.trigger or Trigger.ABORT), made.reason)
    return made


def ends_before_the_candidate_is_gone(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.phase is Phase.RETURNING
    if is_waiting and rollout.stage is Stage.STOPPING and not rollout.plan.needs_gap:
        return Decision(Finish(Phase.RETURNED), "surely gone")
    return made


def ends_before_the_stable_is_gone(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    if isinstance(made.action, Drain) and rollout.phase is Phase.FINISHING:
        return Decision(Finish(Phase.PROMOTED), "surely gone")
    return made


def stops_the_stable_while_it_serves(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_warm = rollout.phase is Phase.FINISHING and rollout.stage is Stage.WARM
    return Decision(StopStable(), "not needed") if is_warm and rollout.stable else made


def opens_its_own_gate(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    return Decision(OpenGate(), "why not") if rollout.is_gated and isinstance(made.action, Wait) else made


def forgets_an_abort(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    request = rollout.request
    if request is None or request.kind is not RequestKind.ABORT:
        return made
    return decide(replace(rollout, request=None), seen)


def goes_on_after_an_abort(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_back = rollout.phase is Phase.RETURNING and rollout.trigger is Trigger.ABORT
    return Decision(SetShare(0.0), "try again") if is_back and isinstance(made.action, Drain) else made


def holds_silently(_r: Rollout, _seen: Observation, made: Decision) -> Decision:
    return replace(made, reason="") if isinstance(made.action, Hold) else made


def restores_too_early(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.phase is Phase.RETURNING
    return Decision(Restore(), "now") if is_waiting and rollout.stage is Stage.SCALING else made


def skips_a_step(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    if isinstance(made.action, StartStep) and made.action.index < len(rollout.plan.steps) - 1:
        return Decision(Promote(), "good enough")
    return made


def overlooks_a_pause(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.is_paused
    return decide(replace(rollout, paused_at=None), seen) if is_waiting else made


def passes_shut_gates(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if not rollout.is_gated or not isinstance(made.action, Wait):
        return made
    opened = {each.key: GateSeen(GateState.OPEN, "is open") for each in rollout.gates}
    return decide(rollout, replace(seen, gates=opened))


def passes_a_refusal(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    is_no = any(each.state is GateState.REFUSED for each in seen.gates.values())
    opened = {each.key: GateSeen(GateState.OPEN, "is open") for each in rollout.gates}
    return decide(rollout, replace(seen, gates=opened)) if is_no else made


def passes_a_hold(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    return Decision(OpenGate(), "go") if rollout.is_on_hold and isinstance(made.action, Wait) else made


def passes_a_failed_task(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if seen.task.state is not TaskState.FAILED:
        return made
    return decide(rollout, replace(seen, task=TaskSeen(TaskState.PASSED, "more or less")))


def passes_a_lost_task(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if seen.task.state is not TaskState.LOST:
        return made
    return decide(rollout, replace(seen, task=TaskSeen(TaskState.PASSED, "probably")))


def skips_tasks(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    return Decision(SetShare(0.0), made.reason) if isinstance(made.action, StartTask) else made


def overlooks_a_returning_cord(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    return decide(rollout, replace(seen, cord_returns=False))


def overlooks_a_request(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    return Decision(Wait(), "later") if rollout.request is not None else made


# What becomes of a rollout.


def forgets_the_deadline(_before: Rollout, after: Rollout) -> Rollout:
    return replace(after, deadline_at=None) if after.stage is Stage.ROUTING else after


class Forgetful:
    """Remembers in the process what should be in a row: since when a step soaks."""

    def __init__(self) -> None:
        self.since: Any = None

    def decide(self, rollout: Rollout, seen: Observation) -> Decision:
        made = decide(rollout, seen)
        if isinstance(made.action, ConfirmStep):
            self.since = seen.now
        if not isinstance(made.action, StartStep | Promote):
            return made
        self.since = self.since or seen.now
        soak = rollout.plan.steps[rollout.step].soak
        return made if seen.now - self.since >= soak else Decision(Wait(), "soaking")


# What should run.


def wanting(wrong: Callable[[Rollout, Any], Any]) -> type[MemoryRollouts]:
    """A store that writes another desired state than the rollout wants."""

    class Wanting(MemoryRollouts):
        def _write_wanted(self, tx: Tables, rollout: Rollout) -> None:
            place = (rollout.unit, rollout.environment)
            now = tx.desired.get(place)
            wanted = wrong(rollout, desired(rollout, 1 if now is None else now.revision))
            if wanted != now:
                tx.desired[place] = wanted if now is None else replace(wanted, revision=now.revision + 1)

    return Wanting


def _releases(wanted: Any, **changes: Callable[[DesiredRelease], DesiredRelease]) -> Any:
    made = [changes[each.version](each) if each.version in changes else each for each in wanted.releases]
    return replace(wanted, releases=tuple(made))


def leaves_a_share(rollout: Rollout, wanted: Any) -> Any:
    if rollout.phase is not Phase.RETURNED or rollout.stable is None:
        return wanted
    rest = [replace(each, share=0.9) for each in wanted.releases]
    return replace(wanted, releases=(*rest, DesiredRelease(rollout.candidate, 1, 0.1)))


def takes_capacity_early(rollout: Rollout, wanted: Any) -> Any:
    if rollout.phase is not Phase.STEPPING or rollout.stable is None or rollout.plan.needs_gap:
        return wanted
    return _releases(
        wanted, **{rollout.stable: lambda each: replace(each, instances=max(1, each.instances - 1))}
    )


def starts_behind_the_gate(rollout: Rollout, wanted: Any) -> Any:
    if not rollout.is_untouched:
        return wanted
    return replace(wanted, releases=(*wanted.releases, DesiredRelease(rollout.candidate, 1, 0.0)))


def shares_that_do_not_add_up(rollout: Rollout, wanted: Any) -> Any:
    if rollout.phase is not Phase.STEPPING:
        return wanted
    return _releases(wanted, **{rollout.candidate: lambda each: replace(each, share=each.share / 2)})


def routes_people_early(rollout: Rollout, wanted: Any) -> Any:
    return replace(wanted, routing=rollout.plan.steps[rollout.step].routing)


def goes_ahead_of_its_step(rollout: Rollout, wanted: Any) -> Any:
    if rollout.phase is not Phase.STEPPING or rollout.stage is Stage.SCALING or rollout.stable is None:
        return wanted
    last = len(rollout.plan.steps) - 1
    share = rollout.plan.steps[min(rollout.step + 1, last)].share
    return _releases(
        wanted,
        **{
            rollout.candidate: lambda each: replace(each, share=share),
            rollout.stable: lambda each: replace(each, share=1 - share),
        },
    )


# Where it is kept.


class TellsTwice(MemoryRollouts):
    def _tell(self, tx: Tables, event: Any, at: Any) -> None:
        record(tx, event, at)
        record(tx, event, at)


class TellsNothing(MemoryRollouts):
    def _tell(self, tx: Tables, event: Any, at: Any) -> None:
        if event.kind != "rollout.confirmed":
            record(tx, event, at)


class NoRevision(MemoryRollouts):
    def _write(self, tx: Tables, rollout: Rollout, revision: int) -> None:
        super()._write(tx, rollout, tx.rollouts[rollout.id].revision)


class NoPlace(MemoryRollouts):
    def _is_free(self, tx: Tables, rollout: Rollout) -> bool:
        return True


class NoHold(MemoryRollouts):
    def _check_beginning(self, tx: Tables, rollout: Rollout) -> None:
        pass


class NoLease(MemoryRollouts):
    async def save(self, change: Any, decision: Decision) -> None:
        await super().save(replace(change, lease=None), decision)

    async def save_look(self, change: Any) -> None:
        await super().save_look(replace(change, lease=None))


class NoStable(MemoryRollouts):
    def _write_stable(self, tx: Tables, rollout: Rollout, at: Any) -> None:
        pass


class NoCord(MemoryRollouts):
    def _check_cord(self, tx: Tables, before: Rollout, decision: Decision) -> None:
        pass


class StableOnReturn(MemoryRollouts):
    def _tell(self, tx: Tables, event: Any, at: Any) -> None:
        if event.kind == "rollout.returned":
            for place, history in tx.stables.items():
                tx.stables[place] = history[1:]
        record(tx, event, at)


class NoSequence(MemoryRollouts):
    async def save_look(self, change: Any) -> None:
        change = replace(change, lease=None)
        own = self._memory.tables.evidence[change.after.id].seq
        before = change.before.rollout
        known = replace(before, evidence=replace(before.evidence, seq=own))
        await super().save_look(replace(change, before=replace(change.before, rollout=known)))


class HalfWritten(MemoryRollouts):
    """The desired state stands in a transaction of its own, which a crash may lose."""

    def _write_wanted(self, tx: Tables, rollout: Rollout) -> None:
        if rollout.stage is not Stage.ROUTING or rollout.phase is not Phase.RETURNING:
            super()._write_wanted(tx, rollout)


class DoublingJudge:
    """A judge that is given each look twice."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sequential, name)

    @staticmethod
    def update(state: Any, looks: Any, policy: Any, at: float = 0.0) -> Any:
        once = sequential.update(state, looks, policy, at)
        return sequential.update(once, looks, policy, at)


class Credulous(Approvals):
    """Believes that everybody said yes."""

    async def answers(self, rollout: Rollout) -> Answers:
        return Answers(9, is_separated=True)


_CRASHES: Anyone = lambda story: story.release.startswith("crashes")  # noqa: E731
_GATED: Anyone = lambda story: story.approvals > 0  # noqa: E731
PLANTED = [
    Planted("skips the drain", deciding(skips_the_drain), "stopped while it answered requests"),
    Planted(
        "stops the candidate before the gateway confirmed share 0",
        deciding(stops_before_the_gateway_confirmed),
        "stopped while the gateway sent it requests",
    ),
    Planted("routes to the unready", deciding(routes_to_the_unready), "without a ready instance"),
    Planted("counts an instance twice", deciding(counts_an_instance_twice), "instances ready"),
    Planted(
        "overlooks the cord",
        replace(deciding(overlooks_the_cord), store=NoCord),
        "while corded",
        _with("clicks", "clicks in a tick"),
    ),
    Planted(
        "promotes on silence",
        deciding(promotes_on_silence),
        "while its evidence was silent",
        _with("evidence silent"),
    ),
    Planted("needs no evidence", deciding(needs_no_evidence), "without the evidence"),
    Planted("waits for no verdict", deciding(waits_for_no_verdict), "without the evidence"),
    Planted("ignores a bad verdict", deciding(ignores_a_bad_verdict), "against a verdict of fail"),
    Planted(
        "ignores a crash loop", deciding(ignores_a_crash_loop), "while an instance was crash-loop", _CRASHES
    ),
    Planted("ends the soak early", deciding(ends_the_soak_early), "before it had soaked"),
    Planted(
        "returns to an unready stable release",
        deciding(returns_to_an_unready_stable),
        "without a ready instance",
        _with("stable ill"),
    ),
    Planted(
        "ends a return before the candidate is gone",
        deciding(ends_before_the_candidate_is_gone),
        "still runs",
    ),
    Planted(
        "ends a promotion before the stable release is gone",
        deciding(ends_before_the_stable_is_gone),
        "still runs",
    ),
    Planted(
        "stops the stable release while it serves",
        deciding(stops_the_stable_while_it_serves),
        "the stable release was stopped while it",
        _with("drain hangs"),
    ),
    Planted("opens its own gate", deciding(opens_its_own_gate), "without enough people", _GATED),
    Planted(
        "forgets an abort",
        deciding(forgets_an_abort),
        "had asked it to abort",
        _with("clicks", "clicks in a tick"),
    ),
    Planted(
        "goes on after an abort",
        deciding(goes_on_after_an_abort),
        "it was aborted, and is",
        _with("clicks", "clicks in a tick"),
    ),
    Planted(
        "holds silently", deciding(holds_silently), "without an alert that says why", _with("stable ill")
    ),
    Planted(
        "restores before the stable release is ready",
        deciding(restores_too_early),
        "without a ready instance",
    ),
    Planted("passes shut gates", deciding(passes_shut_gates), "was shut", _elements("window", "production")),
    Planted("passes a refusal", deciding(passes_a_refusal), "was shut", _elements("window", "webhook")),
    Planted("passes a hold", deciding(passes_a_hold), "without a person's word", _elements("hold")),
    Planted(
        "passes a failed task", deciding(passes_a_failed_task), "was failed", _elements("smoke", "command")
    ),
    Planted("passes a lost task", deciding(passes_a_lost_task), "was lost", _elements("smoke", "command")),
    Planted("skips tasks", deciding(skips_tasks), "was pending", _elements("smoke", "command")),
    Planted(
        "mirrors to an unready candidate",
        Engine(store=wanting(routes_people_early)),
        "matched or mirrored to a candidate",
        _elements("mirror", "header"),
        within=400,
    ),
    Planted(
        "overlooks a cord that returns",
        deciding(overlooks_a_returning_cord),
        "was not followed",
        _with("clicks"),
    ),
    Planted("overlooks a request", deciding(overlooks_a_request), "nobody took up", _with("clicks")),
    Planted("skips a step", deciding(skips_a_step), "the candidate got 100%"),
    Planted("forgets a deadline", applying(forgets_the_deadline), "has no deadline"),
    Planted(
        "overlooks a pause",
        deciding(overlooks_a_pause),
        "while it was paused",
        _with("clicks", "clicks in a tick"),
    ),
    Planted("leaves a share", Engine(store=wanting(leaves_a_share)), "still"),
    Planted("takes capacity early", Engine(store=wanting(takes_capacity_early)), "instances"),
    Planted(
        "starts behind a shut gate", Engine(store=wanting(starts_behind_the_gate)), "before its gate", _GATED
    ),
    Planted("shares do not add up", Engine(store=wanting(shares_that_do_not_add_up)), "shares sum to"),
    Planted("goes ahead of its step", Engine(store=wanting(goes_ahead_of_its_step)), "instances ready"),
    Planted("tells twice", Engine(store=TellsTwice), "records of 1 revisions"),
    Planted("forgets to tell", Engine(store=TellsNothing), "0 records of 1 revisions"),
    Planted(
        "forgets the revision",
        Engine(store=NoRevision),
        "was lost",
        _with("clicks in a tick"),
    ),
    Planted("lets two begin", Engine(store=NoPlace), "two rollouts", _with("two begin")),
    Planted("forgets the lease", Engine(store=NoLease), "had lost the lease", _with("overtaken")),
    Planted("writes under the cord", Engine(store=NoCord), "while corded", _with("clicks in a tick")),
    Planted("forgets what is stable", Engine(store=NoStable), "stable"),
    Planted("forgets the former release on a return", Engine(store=StableOnReturn), "became stable"),
    Planted("overwrites evidence", Engine(store=NoSequence), "was forgotten", _with("overtaken")),
    Planted("begins where a person holds", Engine(store=NoHold), "a machine deployed", _with("clicks")),
    Planted("begins under the cord", Engine(store=NoHold), "began under the cord", _with("two begin")),
    Planted("writes half of a return", Engine(store=HalfWritten), "should still have a share"),
    Planted("judges each look twice", Engine(judge=DoublingJudge()), "more than there ever were"),
    Planted("remembers in the process", Engine(lambda: Rules(decide=Forgetful().decide)), "", by_crash=True),
    Planted("believes any answer", Engine(approvals=Credulous), "without enough people", _GATED),
]
