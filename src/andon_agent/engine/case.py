"""All that a decision is made of. Values only."""

from dataclasses import dataclass

from andon_agent.engine.model import Held, Now, Rules, Seen, State, Wanting


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision is made of."""

    state: State
    seen: Seen
    wanting: Wanting
    now: Now
    rules: Rules


def version_of(held: Held | None) -> str:
    """For a sentence."""
    return "nothing" if held is None else held.version
