"""Whether there is room for the copy of a unit's data, before what runs is ended for it.

An application may need more once it is ended than while it runs, or others fill the disk meanwhile: how much
was missing then is asked for on top before it is ended again, so that it ends for nothing once or twice only.
"""

from typing import Protocol

from andon_agent.engine.model import State, Step, Work, WorkState
from andon_wire.application import Application
from andon_wire.errors import WireError
from andon_wire.protocol import Phase

_LOOK_S = 30.0  # between two looks while it waits: each walks through all of the data


class Copies(Protocol):
    """What copies data (`data.py`)."""

    def short(self, contract: Application, further: int) -> int:
        """Bytes that are missing on the disk for a copy and `further` ones; raises OSError, WireError."""
        ...


class Room:
    """What is missing, of one unit. In memory: after a start of the agent it is learnt anew."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies
        self._looked: tuple[float, int] | None = None  # uptime of the last look, and what it found
        self._further = 0  # bytes that were missing once what ran was ended
        self._failed_at: int | None = None  # the start after which that was

    def short(self, state: State, contract: Application | None, copy: Work, uptime: float) -> int:
        """Bytes that are missing: before something is ended, and where its `copy` failed. uptime: seconds."""
        if state.phase is Phase.WATCHING:
            self._further = 0
        is_before = state.phase is Phase.READY
        has_failed = state.phase is Phase.SWITCHING and state.step is Step.BACK_UP and _has_failed(copy)
        if state.target is None or contract is None or not (is_before or has_failed):
            self._looked = None
            return 0
        if has_failed:
            missing = self._look(contract)
            if missing and self._failed_at != state.starts:
                self._failed_at, self._further = state.starts, self._further + missing
            return missing
        if self._looked is None or uptime - self._looked[0] >= _LOOK_S:
            self._looked = uptime, self._look(contract, self._further)
        return self._looked[1]

    def _look(self, contract: Application, further: int = 0) -> int:
        try:
            return self._copies.short(contract, further)
        except (OSError, WireError):  # the copy itself says what is wrong
            return 0


def _has_failed(copy: Work) -> bool:
    return copy.state in (WorkState.FAILED, WorkState.REFUSED, WorkState.HOPELESS)
