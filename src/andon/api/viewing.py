"""The base of all answers, and what the API says of sets and of plans that have not begun. Values only."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class View(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class MemberView(View):
    """One release of a set."""

    unit: str
    version: str


class SetView(View):
    """Releases that are promoted and come back together, in the order in which they begin."""

    name: str
    version: str
    members: list[MemberView]
    actor: str
    at: datetime


class PartView(View):
    """A member on its way. `rollout` moves it, `back` takes it back after it was promoted; null: none."""

    unit: str
    version: str
    rollout: str | None
    back: str | None


class SetRolloutView(View):
    """A set on its way into an environment, or one that was."""

    id: str
    name: str
    version: str
    environment: str
    phase: str = Field(examples=["going"])
    is_over: bool
    is_open: bool = Field(description="All members were ready, so that they may be promoted")
    parts: list[PartView]
    reason: str
    actor: str
    created_at: datetime
    finished_at: datetime | None


class TurnView(View):
    """What going back with an environment does to one unit; `problem` names why it cannot."""

    unit: str
    leaving: str
    to: str | None
    is_abort: bool
    rollout: str | None
    problem: str


class ForeseenGate(View):
    """A gate of a plan. people: logins of who could sign it now, where it asks for people."""

    name: str
    kind: str
    before_step: int
    approvals: int
    role: str
    people: list[str]


class ForeseenEvidence(View):
    """A source of evidence as it answers now; null where nobody has asked it yet."""

    metric: str
    source: str
    required: bool
    answers: bool | None
    detail: str


class ForeseenView(View):
    """What a plan would meet if it began now. `starts_s`: earliest start of each step, from the beginning.

    It leaves out what instances, gateway and gates take. `obstacle`: why it would be refused; empty: it would
    begin.
    """

    obstacle: str
    starts_s: list[float]
    promoted_s: float
    gates: list[ForeseenGate]
    tasks: list[str]
    evidence: list[ForeseenEvidence]
    judge: str
