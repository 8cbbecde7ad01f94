"""What stands before the shares of a rollout, as rows of its page. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.api.before_model import GateLine, TaskLine
from andon.rollouts.steps import Gate, Plan, Task

_TONES = {
    "open": "green",
    "passed": "green",
    "refused": "red",
    "failed": "red",
    "lost": "amber",
    "waiting": "amber",
    "running": "amber",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One gate or task. step: from 0; says: what it asks for; tries: 0 for a gate."""

    kind: str
    name: str
    step: int
    says: str
    state: str = "ahead"
    reason: str = ""
    expires_at: datetime | None = None
    tries: int = 0

    @property
    def tone(self) -> str:
        """Colour of its lamp."""
        return _TONES.get(self.state, "grey")


def rows(gates: Sequence[GateLine], tasks: Sequence[TaskLine]) -> list[Row]:
    """By step; at each its gates first."""
    found = [
        Row(each.kind, each.name, each.step, each.asks, each.state, each.reason, each.expires_at)
        for each in gates
    ]
    found += [
        Row(each.kind, each.name, each.step, each.says, each.state, each.reason, tries=len(each.tries))
        for each in tasks
    ]
    return sorted(found, key=lambda each: each.step)


def planned(plan: Plan) -> dict[int, list[Row]]:
    """The rows of a plan that has not begun, by step, in the plan's order."""
    return {step: [_planned(each, step) for each in plan.before(step)] for step in range(len(plan.steps))}


def _planned(element: Gate | Task, step: int) -> Row:
    if isinstance(element, Gate):
        people = f"{element.approvals} × {element.approver_role}" if element.approvals else ""
        return Row(element.kind.value, element.key, step, element.asks or people)
    return Row(element.kind.value, element.name, step, " ".join(element.command) or f"GET {element.path}")
