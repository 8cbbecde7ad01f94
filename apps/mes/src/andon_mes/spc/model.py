"""What control charts are made of. Docs: docs/design/mes.md, "SPC"."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BASELINE_SUBGROUPS = 25
"""From how many subgroups limits are estimated until a person says otherwise."""

FEWEST_BASELINE = 20
"""Below this, limits are too uncertain to judge by (Montgomery, 7th ed., 6.2.1: 20 to 25 samples)."""


class ChartKind(StrEnum):
    """How a characteristic is charted."""

    I_MR = "i-mr"
    XBAR_R = "xbar-r"
    XBAR_S = "xbar-s"


class Rule(StrEnum):
    """What is seldom seen while only chance is at work (Nelson 1984; Western Electric 1956)."""

    NELSON_1 = "nelson-1"
    NELSON_2 = "nelson-2"
    NELSON_3 = "nelson-3"
    NELSON_4 = "nelson-4"
    NELSON_5 = "nelson-5"
    NELSON_6 = "nelson-6"
    NELSON_7 = "nelson-7"
    NELSON_8 = "nelson-8"
    WESTERN_ELECTRIC_1 = "western-electric-1"
    WESTERN_ELECTRIC_2 = "western-electric-2"
    WESTERN_ELECTRIC_3 = "western-electric-3"
    WESTERN_ELECTRIC_4 = "western-electric-4"


NELSON = tuple(each for each in Rule if each.startswith("nelson"))
WESTERN_ELECTRIC = tuple(each for each in Rule if each.startswith("western"))
DEFAULT_RULES = (Rule.NELSON_1, Rule.NELSON_2)
RULE_SETS: Mapping[str, tuple[Rule, ...]] = {
    "default": DEFAULT_RULES,
    "limits": (Rule.NELSON_1,),
    "western-electric": WESTERN_ELECTRIC,
    "nelson": NELSON,
}
"""What signals; the first unless a characteristic says otherwise. The four of Western Electric together raise
a false alarm about every 92 points, the limits alone every 370 (Champ and Woodall, Technometrics 29, 1987):
whoever is called too often no longer comes."""


class Where(StrEnum):
    """Which of the two charts."""

    LOCATION = "location"
    DISPERSION = "dispersion"


class Unknown(StrEnum):
    """Why a figure is null."""

    TOO_FEW = "TOO_FEW"
    NO_VARIATION = "NO_VARIATION"
    NOT_STABLE = "NOT_STABLE"
    NO_LIMITS = "NO_LIMITS"
    NO_CHART = "NO_CHART"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value in the characteristic's unit. `ordinal` counts from 1 in the order of the completions."""

    ordinal: int
    value: float
    at: datetime
    attempt_id: int


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Values that were made under like conditions, one after the other. `number` counts from 1."""

    number: int
    values: tuple[float, ...]
    at: datetime
    attempt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one chart: three `sigma` from `centre`. `sigma` is the standard deviation of what is plotted."""

    centre: float
    lower: float
    upper: float
    sigma: float


@dataclass(frozen=True, slots=True)
class ControlLimits:
    """Of both charts; `sigma` is that of single values within subgroups. `used`, `excluded`: subgroups."""

    location: Limits
    dispersion: Limits
    sigma: float
    used: tuple[int, ...]
    excluded: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken on a chart by these subgroups, in order; the last one completes it."""

    rule: Rule
    where: Where
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Capability:
    """How the process fits its tolerance, and why what is None cannot be said.

    `cp`, `cpk` by the deviation within subgroups, `pp`, `ppk` by that of all values. `cpk_at_least` is the
    lower 95 % confidence limit of `cpk`.
    """

    cp: float | None = None
    cpk: float | None = None
    cpk_at_least: float | None = None
    pp: float | None = None
    ppk: float | None = None
    values: int = 0
    why: Unknown | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Limits of the product, not of the process; None is no limit on that side."""

    lower: float | None
    upper: float | None
    target: float | None = None


@dataclass(frozen=True, slots=True)
class ShiftCount:
    """Serials that were tried for the first time in a shift, and how many of them failed."""

    label: str
    starts_at: datetime
    tried: int
    failed: int
