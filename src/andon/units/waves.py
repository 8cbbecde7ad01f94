"""What a manifest may say of a fleet's rollouts: when a wave is full, and what takes it back."""

from datetime import timedelta
from typing import Any

from pydantic import Field

from andon.units.fields import Interval, Section

# What an environment with a fleet has where its manifest says nothing: people look at a lab before they go on
# to a line, and half of a plant is switched off at night.
STEPS: list[dict[str, Any]] = [{"ring": "lab"}, {"ring": "pilot"}, {"ring": "line"}, {"share": 1.0}]
_USUAL = {"steps": STEPS, "soak": "30m", "max_wait": "24h", "warm": "0s"}


class Waves(Section):
    """How stations are asked in waves, and what they answer."""

    success: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Part of a wave's stations that must have confirmed the release before the wave is full; "
        "of those that can be reached",
    )
    least: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Part of all of a wave's stations that must have confirmed the release before the next "
        "wave opens, however many are switched off: a wave of which few answer proves little. 0: one station "
        "is enough",
    )
    errors: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Part of the stations asked so far that may fail with it; one more takes it back, so "
        "that in a small wave the first does",
    )
    deadline: Interval = Field(timedelta(hours=24), description="Longest until a wave is full")
    of_line: int = Field(
        2, ge=0, le=1000, description="Most stations of a line that switch at once; 0: no limit"
    )


def for_a_fleet(values: Any) -> Any:
    """What is said of an environment, with what a fleet has where nothing is said."""
    if not isinstance(values, dict) or values.get("target") != "fleet":
        return values
    policy = values.get("policy", {})
    if not isinstance(policy, dict):
        return values
    return {"strategy": "waves", **values, "policy": {**_USUAL, **policy}}
