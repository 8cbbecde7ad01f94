"""Alerts that a station raises itself, so that a full disk is told of although the network is away.

Told once when it begins, once when it is over; not again within the rule's pause, however often it comes and
goes. It is over when the value is a twentieth below the limit, so that a value at the limit does not ring.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from andon_wire.protocol import EdgeRule, EventKind, Sample

BELOW = 0.95  # of the limit: from here on it is over
DEFAULTS = (
    EdgeRule(name="cpu", metric="cpu", limit=0.80, for_s=60, level="warning"),
    EdgeRule(name="memory", metric="memory", limit=0.85, level="warning"),
    EdgeRule(name="disk", metric="disk", limit=0.90, level="error"),
    EdgeRule(name="response", metric="response", limit=5.0, level="warning"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands. since, told: of a clock that only rises, in seconds.

    since: beyond the limit from then on; told: last time that it was told; is_raised: and not over yet.
    """

    since: float | None = None
    told: float | None = None
    is_raised: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told. kind: ALERT or ALERT_OVER."""

    kind: EventKind
    rule: EdgeRule
    value: float
    reason: str

    @property
    def facts(self) -> dict[str, str | float]:
        """For the event."""
        return {
            "rule": self.rule.name,
            "metric": self.rule.metric,
            "level": self.rule.level,
            "value": round(self.value, 4),
            "limit": self.rule.limit,
        }


def judge(
    rules: Iterable[EdgeRule], standing: Mapping[str, Standing], sample: Sample, *, now: float
) -> tuple[dict[str, Standing], Sequence[Told]]:
    """How each rule stands after a sample, and what is to be told. now: of a clock that only rises.

    A metric that the sample lacks leaves its rules as they are. A rule that is gone is forgotten; what it had
    raised is told to be over by `gone`.
    """
    after: dict[str, Standing] = {}
    told: list[Told] = []
    for rule in rules:
        before = standing.get(rule.name, Standing())
        value = value_of(rule, sample)
        after[rule.name], news = (before, None) if value is None else _step(rule, before, value, now)
        told += [news] if news else []
    return after, told


def gone(
    known: Iterable[EdgeRule], rules: Iterable[EdgeRule], standing: Mapping[str, Standing]
) -> Sequence[Told]:
    """What the rules that are no longer there had raised, as over."""
    names = {each.name for each in rules}
    return [
        Told(EventKind.ALERT_OVER, each, each.limit, "the rule is not there any more")
        for each in known
        if each.name not in names and standing.get(each.name, Standing()).is_raised
    ]


def value_of(rule: EdgeRule, sample: Sample) -> float | None:
    """The metric of a rule in a sample; None where it was not measured."""
    match rule.metric:
        case "cpu":
            return sample.cpu
        case "memory":
            return sample.memory
        case "disk":
            return sample.disk
        case "response":
            return sample.response_s


def _step(rule: EdgeRule, before: Standing, value: float, now: float) -> tuple[Standing, Told | None]:
    if value > rule.limit:
        return _beyond(rule, before, value, now)
    if before.is_raised:
        if value >= rule.limit * BELOW:
            return before, None
        over = Told(EventKind.ALERT_OVER, rule, value, _sentence(rule, value, "is below its limit again"))
        return Standing(None, before.told, is_raised=False), over
    return Standing(None, before.told, is_raised=False), None


def _beyond(rule: EdgeRule, before: Standing, value: float, now: float) -> tuple[Standing, Told | None]:
    since = now if before.since is None else before.since
    is_quiet = before.told is not None and now - before.told < rule.pause_s
    if before.is_raised or now - since < rule.for_s or is_quiet:
        return Standing(since, before.told, before.is_raised), None
    said = Told(EventKind.ALERT, rule, value, _sentence(rule, value, "is above its limit"))
    return Standing(since, now, is_raised=True), said


def _sentence(rule: EdgeRule, value: float, what: str) -> str:
    return f"{rule.metric} {what}: {_said(rule, value)}, limit {_said(rule, rule.limit)}"


def _said(rule: EdgeRule, value: float) -> str:
    return f"{value:.1f} s" if rule.metric == "response" else f"{value:.0%}"
