"""A task's tries, and what is seen of one. Facts, frozen."""

from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import RolloutId
from andon.rollouts.model import TaskState
from andon.rollouts.tasks.job import Result


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a task, as its row says. number: from 1, over failed and lost tries.

    place: the home and machine that it runs in; nobody elsewhere sees its process.
    """

    rollout: RolloutId
    step: int
    name: str
    number: int
    state: TaskState
    place: str
    started_at: datetime
    ended_at: datetime | None = None
    reason: str = ""

    @property
    def mark(self) -> str:
        """Names its processes, whatever they start and wherever they go."""
        return f"{self.rollout}/{self.step}/{self.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of a try: whether any process of it lives, and its result."""

    is_alive: bool = False
    result: Result | None = None
