"""Which agent to start. Pure.

The pointer names the agent that confirmed itself last. A trial that is open comes first, as often as it may;
each try is counted before it begins, so that a machine that dies of the new agent comes back with the old
one. An agent that dies again and again gives way to the one in the other slot for one start, in turn.
"""

from dataclasses import replace

from andon_agent.engine.model import SLOTS, SlotName, other
from andon_agent.launcher.model import Action, Count, Fail, Nothing, Seen, Start, Trial

MOST_DEATHS = 5  # in a row, each soon after its start


def decide(seen: Seen, *, is_counted: bool, deaths: int) -> Action:
    """What to do next. is_counted: the try that comes next was noted; deaths: early ones in a row."""
    trial = seen.trial
    if trial is not None and not trial.outcome and trial.slot != seen.pointer:
        return _trying(seen, trial, is_counted=is_counted)
    slot = _confirmed(seen)
    if slot is None:
        return Nothing()
    if deaths >= MOST_DEATHS and deaths % 2 and other(slot) in seen.whole:
        return Start(other(slot))
    return Start(slot)


def _trying(seen: Seen, trial: Trial, *, is_counted: bool) -> Action:
    if trial.slot not in seen.whole:
        return Fail(replace(trial, outcome="it is not whole in its slot"))
    if is_counted:
        return Start(trial.slot, trial.deadline_s)
    if trial.tries >= trial.most_tries:
        return Fail(replace(trial, outcome=f"it did not confirm itself in {trial.tries} tries"))
    return Count(replace(trial, tries=trial.tries + 1))


def _confirmed(seen: Seen) -> SlotName | None:
    """The pointer's; where that is damaged, whichever is whole."""
    if seen.pointer is not None and seen.pointer in seen.whole:
        return seen.pointer
    return next((each for each in SLOTS if each in seen.whole), seen.pointer)
