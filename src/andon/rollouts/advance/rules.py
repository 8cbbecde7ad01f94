"""Which releases of one environment may come into the next. Pure.

A release may come when it finished its rollout in the environment before, nobody went back from it there,
and it was stable there for long enough: until now, or until a newer one took its place.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from andon.access.policies.model import Bounds
from andon.kernel.ids import Version
from andon.rollouts.stables.store import Stable


def refusal(version: Version, bounds: Bounds, history: Sequence[Stable], now: datetime) -> str:
    """Why `version` may not come yet; empty where it may. history: of the one before, newest first."""
    source = bounds.promotes_from
    if not source:
        return ""
    mine = [number for number, each in enumerate(history) if each.version == version]
    if not mine:
        return f"it did not finish a rollout in {source}"
    if history[mine[0]].is_withdrawn:
        return f"somebody went back from it in {source}"
    longest = max(_stood(history, number, now) for number in mine)
    if longest < bounds.min_age:
        return f"it was stable in {source} for {_words(longest)}, and {_words(bounds.min_age)} are asked for"
    return ""


def newest(
    bounds: Bounds, history: Sequence[Stable], tried: Collection[Version], now: datetime
) -> Version | None:
    """What Andon moves by itself now: the newest release that may come; None where there is none.

    tried: what ever had a rollout in the environment it would come into, by whomever. Each release is tried
    once: what came back, or was gone back from, only a person brings there again. What is older than a
    release that was tried is not tried after it.
    """
    for each in history:
        if each.version in tried:
            return None
        if not refusal(each.version, bounds, history, now):
            return each.version
    return None


def _stood(history: Sequence[Stable], number: int, now: datetime) -> timedelta:
    until = history[number - 1].since_at if number else now
    return until - history[number].since_at


def _words(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    hours, days = minutes // 60, time.days
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{time.total_seconds():.0f} s"
