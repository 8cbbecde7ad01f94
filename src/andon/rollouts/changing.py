"""What a person changes of a manifest's plan for one rollout: its shares and times. Pure.

What stands before a share in the manifest, such as a gate or a smoke test, cannot be left out: it comes
before the same part of the way. Afterwards the policy of the environment bounds it as it bounds a manifest.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts.plan import environment_of
from andon.units.fields import duration
from andon.units.model import Manifest, Policy
from andon.units.stepping import PlanStep


@dataclass(frozen=True, slots=True)
class Changes:
    """None keeps what the manifest says. shares: rising, the last is 1; empty keeps them."""

    shares: tuple[float, ...] = ()
    soak: timedelta | None = None
    max_wait: timedelta | None = None
    warm: timedelta | None = None


NO_CHANGES = Changes()
_MOST_SHARES = 20


def changed(manifest: Manifest, environment: EnvironmentName, changes: Changes) -> Manifest:
    """The manifest with the changes in that environment's policy; it is not the one that was signed any more.

    Raises:
        InvalidInput: it does not name the environment, or what came out is no plan; it names the field.
    """
    if changes == NO_CHANGES:
        return manifest
    where = environment_of(manifest, environment)
    steps = _walked(where.policy.steps, changes.shares) if changes.shares else where.policy.steps
    values: dict[str, Any] = where.policy.model_dump() | _times(changes)
    values["steps"] = [_retimed(each, changes).model_dump() for each in steps]
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(each) for each in first["loc"]) or "steps"
        said = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(
            "bad-plan", f"{field}: {said}", hint="shares rise from above 0 to 1, such as 10, 50, 100"
        ) from error
    own = where.model_copy(update={"policy": policy})
    return manifest.model_copy(update={"environments": {**manifest.environments, environment: own}})


def note(changes: Changes) -> str:
    """The sentence for the plan; empty where nothing was changed."""
    said = []
    if changes.shares:
        said.append(f"shares {', '.join(f'{100 * each:g} %' for each in changes.shares)}")
    for name, value in (("soak", changes.soak), ("longest wait", changes.max_wait), ("warm", changes.warm)):
        if value is not None:
            said.append(f"{name} {value.total_seconds():g} s")
    return f"The plan differs from the manifest's: {'; '.join(said)}." if said else ""


def _times(changes: Changes) -> dict[str, timedelta]:
    named = {"soak": changes.soak, "max_wait": changes.max_wait, "warm": changes.warm}
    return {name: value for name, value in named.items() if value is not None}


def _retimed(step: PlanStep, changes: Changes) -> PlanStep:
    """A time that a person gives holds for every share, also for one that has its own in the manifest."""
    own = {name: None for name in ("soak", "max_wait") if getattr(changes, name) is not None}
    return step.model_copy(update=own) if own and step.is_leg else step


def _walked(steps: Sequence[PlanStep], shares: Sequence[float]) -> list[PlanStep]:
    """The steps at other shares: each is like the manifest's first that reaches it, and what stood before a
    part of the way comes before the first share that enters it."""
    legs = [each for each in steps if each.share or each.ring]
    found: list[PlanStep] = []
    waiting = _elements(steps)
    for share in shares:
        found += [each for begins, each in waiting if begins < share]
        waiting = [(begins, each) for begins, each in waiting if begins >= share]
        like = next((each for each in legs if (each.share or 0.0) >= share), legs[-1])
        found.append(like.model_copy(update={"share": share, "ring": None}))
    return found


def _elements(steps: Sequence[PlanStep]) -> list[tuple[float, PlanStep]]:
    """What is no share, with the share above which it must have gone well. How much a ring is nobody knows
    here, so what stands behind one comes as early as what stands before it."""
    found, reached = [], 0.0
    for each in steps:
        if each.ring is not None:
            continue
        if not each.share:  # also a share of 0, which only routes a group, a copy or a preview to it
            found.append((reached, each))
        else:
            reached = each.share
    return found


def read(shares: str = "", soak: str = "", max_wait: str = "", warm: str = "") -> Changes:
    """The changes as a person writes them: percentages such as `10, 50, 100`, times such as `5m`.

    Raises:
        InvalidInput: a share is no percentage, or a time no duration; it names the field.
    """
    return Changes(_shares(shares), _time("soak", soak), _time("max_wait", max_wait), _time("warm", warm))


def _shares(text: str) -> tuple[float, ...]:
    parts = text.replace("%", " ").replace(";", ",").replace("-", ",").replace(",", " ").split()
    if len(parts) > _MOST_SHARES:
        raise InvalidInput("bad-plan", f"{len(parts)} shares are too many", hint=f"at most {_MOST_SHARES}")
    try:
        shares = tuple(round(float(each) / 100, 6) for each in parts)
    except ValueError as error:
        raise InvalidInput(
            "bad-plan", f"shares: {text!r} are no percentages", hint="write 10, 50, 100"
        ) from error
    if not all(0 < each <= 1 for each in shares):
        raise InvalidInput(
            "bad-plan", f"shares: {text!r} are not all above 0 and up to 100 %", hint="write 10, 50, 100"
        )
    if shares and (shares[-1] != 1 or any(low >= high for low, high in itertools.pairwise(shares))):
        raise InvalidInput(
            "bad-plan", f"shares: {text!r} do not rise to 100 %", hint="percentages such as 10, 50, 100"
        )
    return shares


def _time(field: str, text: str) -> timedelta | None:
    if not text.strip():
        return None
    try:
        found = duration(text.strip())
    except ValueError as error:
        raise InvalidInput("bad-plan", f"{field}: {error}", hint="such as 30s, 5m, 1h") from error
    return found if isinstance(found, timedelta) else None
