"""What ran where, from when to when, and why it came and went. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import Version
from andon.rollouts.model import Phase, Rollout, Trigger
from andon.rollouts.stables.store import Stable


@dataclass(frozen=True, slots=True)
class Entry:
    """A rollout with what became of its release there.

    ran_from, ran_until: while it was the stable release; None: it never was, or still is. is_withdrawn: a
    person went back from it. can_return: `andon rollback --to` brings it back without a gate.
    """

    rollout: Rollout
    ran_from: datetime | None = None
    ran_until: datetime | None = None
    is_withdrawn: bool = False
    can_return: bool = False


def entries(rollouts: Sequence[Rollout], stables: Sequence[Stable]) -> tuple[Entry, ...]:
    """One for each rollout, in the order given. stables: all that ever finished there, newest first."""
    number = {each.rollout: index for index, each in enumerate(stables)}
    return tuple(
        Entry(each) if each.id not in number else _stood(each, stables, number[each.id]) for each in rollouts
    )


def _stood(rollout: Rollout, stables: Sequence[Stable], number: int) -> Entry:
    mine = stables[number]
    until = stables[number - 1].since_at if number else None
    can = not mine.is_withdrawn and is_back(mine.version, stables)
    return Entry(rollout, mine.since_at, until, mine.is_withdrawn, can)


def is_back(target: Version, stables: Sequence[Stable]) -> bool:
    """Whether `target` finished there before the present release ever did, and was not withdrawn since.

    Anything else would be forward by the name of back, perhaps to what is known to be bad.
    """
    if not stables:
        return False
    first = max(number for number, each in enumerate(stables) if each.version == stables[0].version)
    return any(each.version == target and not each.is_withdrawn for each in stables[first + 1 :])


def taken_back(rollouts: Sequence[Rollout], version: Version) -> str | None:
    """How this release fared when it was last here, where it was taken back; a sentence for its next plan.

    rollouts: of one unit and environment, newest first. One that ended at a gate was never tried.
    """
    tried = (each for each in rollouts if each.candidate == version and each.trigger is not Trigger.GATE)
    last = next((each for each in tried if each.phase.is_over), None)
    if last is None or last.phase is not Phase.RETURNED or last.finished_at is None:
        return None
    at = last.finished_at.strftime("%Y-%m-%d %H:%M UTC")
    return f"{version} was taken back here on {at}: {last.because or last.reason}."


def went_back(rollouts: Sequence[Rollout], stables: Sequence[Stable], version: Version) -> str | None:
    """That this release was taken back when it was last here, or that somebody went back from it; a sentence.

    rollouts, stables: of one unit and environment, newest first.
    """
    if (why := taken_back(rollouts, version)) is not None:
        return why
    last = next((each for each in stables if each.version == version), None)
    return f"somebody went back from {version} here." if last is not None and last.is_withdrawn else None
