"""From what the agent says to what the operator sees. Pure: no Qt, no network, no clock.

The sentences are the agent's, in both languages; here is what colour, sign and choice go with them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Colour(StrEnum):
    """What a glance has to tell, beside the words and the sign."""

    CALM = "calm"
    BUSY = "busy"
    ASK = "ask"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Shown:
    """One state of the update line. sign: never the colour alone; may_agree: the operator may say `now`."""

    korean: str
    english: str
    colour: Colour
    sign: str
    progress: float | None = None
    may_agree: bool = False

    def lines(self, language: str) -> tuple[str, str]:
        """The operator's language first."""
        return (self.korean, self.english) if language == "ko" else (self.english, self.korean)


ALONE = Shown("업데이트 에이전트 없음", "No update agent", Colour.CALM, "-")
SILENT = Shown(
    "에이전트 응답 없음, 작업은 계속됩니다", "The agent does not answer; work goes on", Colour.WARN, "!"
)

_LOOKS = {
    "idle": (Colour.CALM, "✓"),
    "downloading": (Colour.BUSY, "↓"),
    "installing": (Colour.BUSY, "↓"),
    "ready": (Colour.ASK, "?"),
    "switching": (Colour.BUSY, "↻"),
    "watching": (Colour.BUSY, "↻"),
    "returning": (Colour.WARN, "!"),
    "failed": (Colour.WARN, "!"),
    "held": (Colour.WARN, "!"),
}


def shown(state: dict[str, Any]) -> Shown:
    """What the agent's state of this unit looks like; a phase of a newer agent is shown as it is."""
    phase = str(state.get("phase", "idle"))
    told, progress = state.get("sentence"), state.get("progress")
    words = told if isinstance(told, dict) else {}
    colour, sign = _LOOKS.get(phase, (Colour.BUSY, "·"))
    return Shown(
        str(words.get("ko") or phase),
        str(words.get("en") or phase),
        colour,
        sign,
        progress=float(progress) if isinstance(progress, int | float) and phase == "downloading" else None,
        may_agree=phase == "ready",
    )
