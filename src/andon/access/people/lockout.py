"""How long to wait after wrong passwords. Pure: counts in, counts out.

An attempt is counted before its password is checked and given back when that was right, so that many at
once are not checked for free. The count is of the login as typed, whether or not there is such a person:
the answers tell nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """free: failures in a row until the first wait, which doubles up to `longest`. forget: after the last."""

    free: int
    first: timedelta
    longest: timedelta
    forget: timedelta


ACCOUNT = Limits(5, timedelta(seconds=30), timedelta(minutes=15), timedelta(hours=24))
# A station or a proxy has many people behind one address.
ADDRESS = Limits(30, timedelta(seconds=30), timedelta(minutes=15), timedelta(hours=1))
# Until an administrator unlocks it (profile annex11-draft).
FOR_GOOD = Limits(5, timedelta(days=366), timedelta(days=366), timedelta(days=366))


def of_account(*, is_unlocked_by_time: bool, is_sealed: bool) -> Limits:
    """Of an account under a profile. The sealed account opens by itself: else a stranger could lock all."""
    return ACCOUNT if is_unlocked_by_time or is_sealed else FOR_GOOD


@dataclass(frozen=True, slots=True)
class Count:
    """Failures in a row of one account or address."""

    failures: int = 0
    last_at: datetime | None = None
    blocked_until: datetime | None = None


NONE = Count()


def wait(count: Count, now: datetime) -> timedelta | None:
    """How long the next attempt must wait; None: it may come now."""
    if count.blocked_until is None or count.blocked_until <= now:
        return None
    return count.blocked_until - now


def attempted(count: Count, limits: Limits, now: datetime) -> Count:
    """The count with one more attempt, whose password nobody has looked at yet."""
    is_old = count.last_at is not None and now - count.last_at >= limits.forget
    failures = 1 if is_old else count.failures + 1
    over = failures - limits.free
    if over < 0:
        return Count(failures, now)
    # Doubling is capped before it is computed: 2 to the power of a million is no waiting time.
    pause = min(limits.first * (1 << min(over, 30)), limits.longest)
    return Count(failures, now, now + pause)


def given_back(count: Count) -> Count:
    """The count without one attempt that was no failure, and without the wait that it began."""
    return Count(max(count.failures - 1, 0), count.last_at)
