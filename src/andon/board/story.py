"""What a rollout page says in words: its banner, and what comes next. Pure; the words are in `words.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from andon.api.model import Count, FindingView, FleetView, RolloutView
from andon.board import format as shown

_BANNER_OF_PHASE = {"held", "returning", "promoted", "returned"}
_TONES = {
    "pass": "good", "promoted": "good", "fail": "bad", "returned": "bad", "held": "bad",
    "returning": "bad", "invalid": "warn",
}  # fmt: skip

_BEFORE_A_SHARE = {"gated", "checking", "scaling", "routing"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A key of the words, and what is filled in."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Banner:
    """The verdict in plain words; tone: good, bad, warn or open. because: what failed it."""

    tone: str
    title: Phrase
    reason: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """What happens now, what comes after, and the clock that decides it."""

    now: Phrase
    after: Phrase | None
    clock: Phrase | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Headcount:
    """Stations that stand alike, in the present wave and of everybody. tone: of a light, where some are.

    everybody: None where it is said of a wave alone.
    """

    name: str
    wave: int
    everybody: int | None
    tone: str = ""


def banner(view: RolloutView) -> Banner:
    """What stands at the top of a rollout."""
    names = {"candidate": view.candidate, "stable": view.stable or shown.DASH}
    if view.phase in _BANNER_OF_PHASE:
        title = Phrase(f"verdict.{view.phase}", names)
        is_judged = view.verdict is not None and view.trigger in {"judge", "guardrail", "invalid"}
        # A rollout from before says no `because` of its own.
        because = view.because or (view.verdict.reason if view.verdict and is_judged else "")
        shown_once = "" if because == view.reason else because
        return Banner(_TONES.get(view.phase, "open"), title, view.reason, shown_once)
    if view.stage == "gated":
        title = Phrase("verdict.gated" if _is_for_people(view) else "verdict.gate")
        return Banner("warn", title, view.waiting_for or view.reason)
    if view.verdict is None:
        return Banner("open", Phrase("verdict.none"), view.reason)
    outcome = view.verdict.outcome
    return Banner(_TONES.get(outcome, "open"), Phrase(f"verdict.{outcome}", names), view.verdict.reason)


def following(view: RolloutView, *, now: datetime, is_corded: bool) -> Next:
    """What happens next and when."""
    names = {"candidate": view.candidate, "stable": view.stable or shown.DASH}
    if view.is_over or view.phase in {"held", "returning"}:
        return Next(Phrase(f"next.{view.phase}", names), None, None, None)
    if is_corded or view.frozen_at is not None:
        return Next(Phrase("next.corded"), None, None, None)
    if view.is_paused:
        return Next(Phrase("next.paused"), _after(view), None, None)
    deadline = Phrase("clock.deadline") if view.deadline_at else None
    if view.stage == "gated":
        kind = "approval" if _is_for_people(view) else view.waits_at[0]
        return Next(Phrase(f"next.gate.{kind}"), _after(view), deadline, view.deadline_at)
    if view.stage == "checking":
        return Next(Phrase("next.checking"), _after(view), deadline, view.deadline_at)
    if view.phase == "preparing":
        return Next(_preparing(view), _after(view), deadline, view.deadline_at)
    if view.phase == "finishing":
        warm = Phrase("clock.warm") if view.deadline_at else None
        key = "next.finishing.fleet" if is_of_stations(view) else "next.finishing"
        return Next(Phrase(key, names), None, warm, view.deadline_at)
    return _stepping(view, now, deadline)


def _preparing(view: RolloutView) -> Phrase:
    if is_of_stations(view):
        return Phrase("next.preparing.fleet")
    own = [each for each in view.instances if each.version == view.candidate]
    ready = sum(1 for each in own if each.state == "ready")
    return Phrase("next.preparing", {"ready": ready, "total": view.plan.steps[0].candidate_instances})


def _is_for_people(view: RolloutView) -> bool:
    return not view.waits_at or "approval" in view.waits_at


_WAITS = {"scaling": "next.scaling", "filling": "next.filling"}


def _stepping(view: RolloutView, now: datetime, deadline: Phrase | None) -> Next:
    if view.stage != "serving":
        routing = "next.routing.fleet" if is_of_stations(view) else "next.routing"
        key = _WAITS.get(view.stage, routing)
        return Next(Phrase(key), _after(view), deadline, view.deadline_at)
    share = {"share": shown.share(view.share)}
    if view.soak_until is not None and view.soak_until > now:
        return Next(Phrase("next.soaking", share), _after(view), Phrase("clock.soak"), view.soak_until)
    return Next(Phrase("next.judging", share), _after(view), deadline, view.deadline_at)


def _after(view: RolloutView) -> Phrase | None:
    is_ahead = view.phase == "preparing" or view.stage in _BEFORE_A_SHARE
    index = view.step if is_ahead else view.step + 1
    if index < view.steps:
        ahead = view.plan.steps[index]
        share = shown.share(ahead.share)
        if is_of_stations(view):
            stations = shown.number(ahead.candidate_instances)
            return Phrase("then.stations", {"share": share, "n": stations, "candidate": view.candidate})
        return Phrase("then.share", {"share": share, "candidate": view.candidate})
    return Phrase("then.warm", {"candidate": view.candidate})


def is_of_stations(view: RolloutView) -> bool:
    """Whether it goes to the stations of a fleet, wave after wave: its instances are stations."""
    return view.plan.strategy == "waves"


def stations(fleet: FleetView) -> list[Headcount]:
    """How the stations of the present wave stand, and all that were asked so far."""
    wave, everybody = fleet.wave, fleet.everybody
    return [
        Headcount("asked", wave.asked, everybody.asked),
        Headcount("confirmed", wave.confirmed, everybody.confirmed, "green"),
        Headcount("needed", fleet.needed, None),
        Headcount("under_way", wave.under_way, everybody.under_way, "amber"),
        Headcount("failed", wave.failed, everybody.failed, "red"),
        Headcount("away", wave.lost + wave.silent, everybody.lost + everybody.silent, "grey"),
    ]


def effect(found: FindingView) -> Phrase | None:
    """The effect in words; None for an unknown that nothing bounds."""
    if found.stable.bad == found.candidate.bad == 0:
        return Phrase("effect.nothing")
    if found.ratio is None and found.high is None:
        return None
    if found.ratio is None:
        return Phrase("effect.unknown", {"high": shown.ratio(found.high)})
    values = {"ratio": found.ratio, "low": found.low, "high": found.high}
    return Phrase(
        "effect.words" if found.edge is None else "effect.slow",
        {key: shown.ratio(each) for key, each in values.items()},
    )


def counted(found: FindingView, arm: Count) -> Phrase:
    """What was counted in one arm: bad events, or what took longer than the edge that is watched."""
    values = {"bad": shown.number(arm.bad), "exposure": shown.number(arm.exposure)}
    if found.edge is None:
        return Phrase("bad_of", values)
    return Phrase("slow_of", values | {"edge": shown.milliseconds(1000 * found.edge)})


def percentiles(found: FindingView) -> list[Phrase]:
    """Median and 95th percentile of both releases; none of a metric that counts."""
    seen = found.percentiles
    if seen is None:
        return []
    pairs = (("p50", seen.stable_p50, seen.candidate_p50), ("p95", seen.stable_p95, seen.candidate_p95))
    return [
        Phrase("percentile", {"name": name, "stable": _time(stable), "candidate": _time(candidate)})
        for name, stable, candidate in pairs
    ]


def _time(seconds: float | None) -> str:
    return shown.milliseconds(None if seconds is None else 1000 * seconds)


def needs(found: FindingView) -> Phrase | None:
    """How many more events the metric needs; None when it needs none."""
    if found.outcome in {"pass", "fail"}:
        return None
    if found.events_needed is None:
        return Phrase("needs.unknown")
    if found.exposure_needed is None:
        return Phrase("needs.events", {"events": shown.number(found.events_needed)})
    values = {"events": found.events_needed, "exposure": found.exposure_needed}
    return Phrase("needs", {key: shown.number(each) for key, each in values.items()})


def turning(view: RolloutView, metric: str) -> list[Phrase]:
    """What would change the metric's verdict: bad events that fail it, good ones that pass it."""
    found = next((each for each in view.outlook if each.metric == metric), None)
    if found is None:
        return []
    said = []
    if found.bad_to_fail is not None:
        said.append(Phrase("turn.fail", {"n": shown.number(found.bad_to_fail)}))
    if found.good_to_pass is not None:
        said.append(Phrase("turn.pass", {"n": shown.number(found.good_to_pass)}))
    return said


def verbs(view: RolloutView) -> list[str]:
    """What a person may ask for now; `rollouts/commands.py` refuses the rest."""
    if view.is_over or view.phase == "returning":
        return []
    is_held = view.phase == "held"
    wanted = {
        "promote": view.stage in {"filling", "serving", "warm"} and not is_held,
        "pause": not (view.is_paused or is_held),
        "resume": view.is_paused or is_held or "hold" in view.waits_at,
        "abort": (view.phase, view.stage) != ("finishing", "stopping"),
    }
    return [verb for verb, is_possible in wanted.items() if is_possible]
