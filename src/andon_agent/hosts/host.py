"""What the engine asks of the system it runs on. Values and the protocol; one file per system beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from andon_agent.engine.model import Now, Process

MARK = "ANDON_START"  # in the environment of all that an application starts


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. mark: names unit and start, and is in the environment of whatever it starts.

    folder: where it works; output: what it prints goes there; lock: it holds this from its first instant.
    """

    mark: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    lock: Path


class Host(Protocol):
    """Processes of this machine. They belong to nobody, and outlive the agent."""

    def now(self) -> Now:
        """This moment, by clock and by uptime."""
        ...

    def start(self, launch: Launch) -> Process:
        """Start it, detached.

        Raises:
            OSError: it cannot be started.
        """
        ...

    def is_alive(self, process: Process) -> bool:
        """Whether this very process still runs."""
        ...

    def marked(self, unit: str) -> Sequence[tuple[str, Process]]:
        """All that runs with a mark of this unit, each with its mark: leaders first, then by age."""
        ...

    def is_being_started(self, lock: Path) -> bool:
        """Whether something holds the lock: a process that may not have its mark yet."""
        ...

    def end_of(self, process: Process) -> str:
        """How a process of this agent ended; empty where that is not known."""
        ...

    def ask_to_end(self, process: Process) -> None:
        """Ask it, as the system does it; nothing where it cannot be asked so."""
        ...

    def kill(self, unit: str) -> None:
        """End everything with a mark of this unit, at once."""
        ...


def mark_of(unit: str, start: int) -> str:
    """The mark of the unit's n-th start."""
    return f"{unit}/{start}"


def unit_of(mark: str) -> str:
    """Whose mark it is."""
    return mark.rpartition("/")[0]
