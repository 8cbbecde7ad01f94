"""Gates and tasks of a rollout as views. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from andon.api.before_model import GateLine, TaskLine, TryLine
from andon.rollouts import gates
from andon.rollouts.gates import Answered
from andon.rollouts.model import GateSeen, Phase, Rollout
from andon.rollouts.steps import Gate, GateKind, Task, TaskKind
from andon.rollouts.tasks.decide import how_far
from andon.rollouts.tasks.model import Try


def gate_lines(rollout: Rollout, seen: Mapping[str, GateSeen], answered: Answered | None) -> list[GateLine]:
    """The gates of the plan in order. seen: what those say at which it stands; answered: its approval."""
    return [
        _gate(rollout, each, _place(rollout, step, at), seen, answered)
        for step in range(len(rollout.plan.steps))
        for at, each in enumerate(rollout.plan.before(step))
        if isinstance(each, Gate)
    ]


def task_lines(rollout: Rollout, tries: Sequence[Try]) -> list[TaskLine]:
    """The tasks of the plan in order, with their tries."""
    return [
        _task(each, step, [own for own in tries if (own.step, own.name) == (step, each.name)])
        for step, whole in enumerate(rollout.plan.steps)
        for each in whole.before
        if isinstance(each, Task)
    ]


def _place(rollout: Rollout, step: int, at: int) -> str:
    """Where the rollout is, seen from what stands at `at` before `step`."""
    is_behind = step < rollout.step or (step == rollout.step and at < rollout.at)
    if is_behind or rollout.phase in {Phase.FINISHING, Phase.PROMOTED}:
        return "passed"
    if rollout.phase in {Phase.RETURNING, Phase.RETURNED}:
        return "unreached"
    return "ahead"


def _gate(
    rollout: Rollout, gate: Gate, place: str, seen: Mapping[str, GateSeen], answered: Answered | None
) -> GateLine:
    state, reason, expires_at = place, "", None
    if place == "ahead" and rollout.is_gated and gate in rollout.gates:
        state, reason = _now(rollout, gate, seen, answered)
        expires_at = rollout.deadline_at
    return GateLine(
        name=gate.key,
        kind=gate.kind.value,
        step=gate.before_step,
        asks=gate.asks,
        state=state,
        reason=reason,
        expires_at=expires_at,
    )


def _now(
    rollout: Rollout, gate: Gate, seen: Mapping[str, GateSeen], answered: Answered | None
) -> tuple[str, str]:
    if gate.kind is GateKind.HOLD:
        return "waiting", "waits until a person resumes the rollout"
    if gate.kind is GateKind.APPROVAL:
        if answered is None or answered.gate != gate:
            return "waiting", rollout.waiting_for
        if answered.is_open:
            return "open", f"is {gates.opened(answered.answers)}"
        return "waiting", gates.waiting(gate, answered.answers)
    found = seen.get(gate.key)
    return ("waiting", "was not looked at yet") if found is None else (found.state.value, found.reason)


def _task(task: Task, step: int, tries: Sequence[Try]) -> TaskLine:
    far = how_far(task, tries)
    return TaskLine(
        name=task.name,
        kind=task.kind.value,
        step=step,
        says=shlex.join(task.command) if task.kind is TaskKind.COMMAND else f"GET {task.path}",
        state=far.state.value,
        reason=far.reason,
        tries=[
            TryLine(
                number=each.number,
                state=each.state.value,
                started_at=each.started_at,
                ended_at=each.ended_at,
                reason=each.reason,
            )
            for each in tries
        ],
    )
