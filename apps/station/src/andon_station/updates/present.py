"""From what the agent says to what the operator sees. Pure: no Qt, no network, no clock."""

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


def shown(state: dict[str, Any]) -> Shown:
    """What the agent's state of this unit looks like; a phase of a newer agent is shown as it is."""
    phase, wanted = str(state.get("phase", "idle")), state.get("wanted") or "?"
    running = state.get("running") or "?"
    if phase in {"returning", "failed", "held"}:
        return _warning(phase, running, str(state.get("reason") or ""))
    match phase:
        case "idle":
            return Shown(f"버전 {running} 최신 상태", f"Version {running}, up to date", Colour.CALM, "✓")
        case "downloading":
            share = state.get("progress")
            percent = "" if share is None else f" {share:.0%}"
            return Shown(
                f"버전 {wanted} 내려받는 중{percent}",
                f"Downloading version {wanted}{percent}",
                Colour.BUSY,
                "↓",
                progress=share,
            )
        case "installing":
            return Shown(f"버전 {wanted} 설치 준비 중", f"Preparing version {wanted}", Colour.BUSY, "↓")
        case "ready":
            return Shown(
                f"이번 시리얼 작업 후 버전 {wanted} 설치",
                f"Version {wanted} will be installed after this serial",
                Colour.ASK,
                "?",
                may_agree=True,
            )
        case "switching" | "watching":
            return Shown(f"버전 {wanted} 시작 중", f"Starting version {wanted}", Colour.BUSY, "↻")
        case _:
            return Shown(phase, phase, Colour.BUSY, "·")


def _warning(phase: str, running: str, reason: str) -> Shown:
    korean, english = {
        "returning": ("이전 버전으로 되돌리는 중", "Restoring the previous version"),
        "failed": (f"이전 버전 {running} 복원됨", f"Restored the previous version {running}"),
        "held": ("업데이트에 사람이 필요합니다", "The update needs a person"),
    }[phase]
    because = f": {reason}" if reason else ""
    return Shown(f"{korean}{because}", f"{english}{because}", Colour.WARN, "!")
