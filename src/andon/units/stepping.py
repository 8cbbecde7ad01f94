"""What a manifest may say of the steps of a rollout: shares, and what stands before them.

What becomes of it is in `rollouts/legs.py`; here only one entry is seen at a time, and the list as a whole.
"""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from andon.units.fields import Duration, Interval, Name, Section, TaskCommand
from andon.units.gating import FieldPath

_KINDS = ("share", "ring", "gate", "hold", "smoke", "command")
_GATES = ("approval", "window", "production", "webhook", "hold")
_OWN = {
    "share": {"soak", "max_wait", "judge", "match", "mirror", "preview"},
    "ring": {"soak", "max_wait", "judge"},
    "gate": {"name", "asks", "approvals", "role", "expires"},
    "hold": {"name", "expires"},
    "smoke": set[str](),
    "command": {"name", "timeout", "retries"},
}
_OF_APPROVALS = {"approvals", "role"}


class Smoke(Section):
    """A request to the candidate that must be answered as said before it gets a share."""

    path: str = Field(pattern=r"^/\S*$", max_length=500, description="What is asked for, by GET")
    status: int = Field(
        0, ge=0, le=599, description="Status that the answer must have; 0: any from 200 to 299"
    )
    contains: str = Field("", max_length=1000, description="Text that the answer must contain")
    field: FieldPath | None = Field(
        None, description="Value in a JSON answer that must equal `equals`, such as data.status"
    )
    equals: bool | int | float | str | None = Field(None, description="What it must equal")
    timeout: Interval = Field(timedelta(seconds=10), description="Longest that one try may take")
    retries: int = Field(2, ge=0, le=20, description="How often a failed try is repeated")

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if (self.field is None) != (self.equals is None):
            raise ValueError("`field` and `equals` go together")
        return self


class Match(Section):
    """Requests that go to the candidate whatever the shares say: an A/B group."""

    header: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,100}$", description="Name of a header")
    cookie: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,100}$", description="Or name of a cookie")
    value: str = Field(min_length=1, max_length=200, description="Its value, exactly")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.header is None) == (self.cookie is None):
            raise ValueError("name either `header` or `cookie`")
        return self


class PlanStep(Section):
    """One element of a plan; a number is a share. Each is one of share, ring, gate, hold, smoke, command."""

    share: float | None = Field(
        None, ge=0, le=1, description="How much of the environment the candidate gets from here on"
    )
    ring: Name | None = Field(
        None,
        description="Of a fleet: the share that is every station up to and including this ring, as the fleet "
        "is when the rollout begins",
    )
    soak: Duration | None = Field(None, description="Shortest time at this share; unset: the policy's")
    max_wait: Duration | None = Field(None, description="Longest wait for evidence; unset: the policy's")
    judge: bool = Field(True, description="false: this share ends with its soak, unless harm is seen")
    match: list[Match] = Field([], max_length=10, description="Who gets the candidate beside the share")
    mirror: float = Field(
        0.0, ge=0, le=1, description="Part of the stable release's requests that is sent to it as well"
    )
    preview: bool = Field(False, description="It can be reached by a request that asks for its version")
    gate: Literal["approval", "window", "production", "webhook"] | None = Field(
        None, description="What must say yes before the next share"
    )
    hold: bool = Field(False, description="true: it waits here until a person resumes it")
    asks: str = Field(
        "",
        max_length=200,
        description="What of it must be so: names of shifts (window), of [production.<name>] or "
        "[webhooks.<name>]; a window may leave it out",
    )
    approvals: int = Field(1, ge=1, le=10, description="Gate approval: how many people have to say yes")
    role: str = Field("approver", min_length=1, max_length=60, description="Gate approval: role they hold")
    expires: Interval = Field(timedelta(days=7), description="Without a yes by then it comes back")
    smoke: Name | None = Field(None, description="Name of a [smoke.<name>] that must pass")
    command: TaskCommand | None = Field(
        None, min_length=1, description="Command that must end well; it must be safe to run again"
    )
    timeout: Interval = Field(timedelta(minutes=5), description="Longest that one try of a command may take")
    retries: int = Field(0, ge=0, le=20, description="How often a command that failed is run again")
    name: Name | None = Field(None, description="Name of a gate, hold or command; unset: kind and place")

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(each for each in _KINDS if self._says(each))

    @property
    def is_leg(self) -> bool:
        """Whether the candidate gets more with it: a share, or a ring that becomes one."""
        return self.share is not None or self.ring is not None

    def _says(self, kind: str) -> bool:
        value = getattr(self, kind)
        return value is not None and value is not False

    @property
    def _changed(self) -> list[str]:
        """What is not as it would be unsaid; a dump says everything, so that is what counts."""
        return [
            name
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.get_default(call_default_factory=True)
        ]

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        said = [each for each in _KINDS if self._says(each)]
        if len(said) != 1:
            found = " and ".join(said) or "none of them"
            raise ValueError(f"a step is one of {', '.join(_KINDS)}; here is {found}")
        foreign = [each for each in self._changed if each not in _OWN[said[0]] | set(_KINDS)]
        if foreign:
            raise ValueError(f"`{foreign[0]}` does not belong to a step with `{said[0]}`")
        return self

    @model_validator(mode="after")
    def _asks_what_its_kind_asks(self) -> Self:
        if self.gate in {"production", "webhook"} and not self.asks:
            raise ValueError(f"gate {self.gate} needs `asks`, a name of [{self._table}.<name>]")
        if self.gate == "approval" and self.asks:
            raise ValueError("gate approval has no `asks`; it has `approvals` and `role`")
        foreign = [each for each in self._changed if each in _OF_APPROVALS]
        if foreign and self.gate != "approval":
            raise ValueError(f"`{foreign[0]}` belongs to gate approval")
        if self.name in _GATES:
            raise ValueError(f'"{self.name}" is the name of the environment\'s own gate; choose another')
        return self

    @property
    def _table(self) -> str:
        return "webhooks" if self.gate == "webhook" else "production"


def _as_step(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"share": value} if is_number else value


AnyStep = Annotated[PlanStep, BeforeValidator(_as_step)]


def check_steps(steps: list[PlanStep]) -> list[PlanStep]:
    """See that the shares rise to 1 and that names are not given twice.

    Raises:
        ValueError: they do not; a sentence.
    """
    if not steps or steps[-1].share != 1:
        raise ValueError("the last share must be 1, so that the candidate gets everything")
    before, is_apart = 0.0, False
    for each in steps:
        if each.share is None:
            is_apart = is_apart or each.ring is None
            continue
        says_more = bool(each.match or each.mirror or each.preview or is_apart)
        if each.share < before or (each.share == before and not says_more):
            raise ValueError("each share must be above the one before, the first above 0")
        before, is_apart = each.share, False
    twice = [name for name, count in Counter(names(steps)).items() if count > 1]
    if twice:
        raise ValueError(f"two gates or commands are named {twice[0]}")
    return steps


def names(steps: list[PlanStep]) -> list[str]:
    """The names of gates, holds and commands, in order."""
    return [name_of(number, each) for number, each in enumerate(steps, 1) if each.kind in _NAMED]


_NAMED = {"gate", "hold", "command"}


def name_of(number: int, step: PlanStep) -> str:
    """The name of the element with this number, from 1: as it is written, else its kind and its number."""
    return step.name or f"{step.gate or step.kind}-{number}"
