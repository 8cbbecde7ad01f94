"""The answers of outside systems at gates. Facts, frozen."""

from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import RolloutId
from andon.rollouts.outside.webhooks import Word

ASKED_ACTOR = "webhook:"  # stands before a webhook's name on the timeline


@dataclass(frozen=True, slots=True)
class Answer:
    """The final word of an outside system at one gate of one rollout. actor: whose it is."""

    rollout: RolloutId
    gate: str
    word: Word
    reason: str
    actor: str
    at: datetime
