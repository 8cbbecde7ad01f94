"""What the engine asks of the agent's outside: artifacts, ears, the local interface. Implemented around it.

All calls are made from the engine's own threads, never from an event loop, and may block for a while.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from andon_agent.engine.model import Happened, Now
from andon_wire.disk import Disk
from andon_wire.protocol import UnitState, WantedUnit
from andon_wire.tree import Tree


@dataclass(frozen=True, slots=True)
class Named:
    """An artifact as the signed metadata names it. size: bytes."""

    name: str
    sha256: str
    size: int


Progress = Callable[[int, int], None]  # bytes done, bytes in all; what it raises ends the work


class Cancelled(Exception):
    """The work is no longer wanted. Raised by `Progress`; an implementation lets it pass."""


class Artifacts(Protocol):
    """Releases of the registries: everything that comes out of here was verified."""

    def names(self, unit: str, version: str) -> Mapping[str, Named]:
        """The artifacts of a release, from metadata that is as fresh as may be.

        Raises:
            Untrusted: the release does not verify; never asked again. Doubtful: no registry shows metadata
            that may be believed; asked again later. Missing: there is no such release.
            Unreachable: no registry answered; asked again later.
        """
        ...

    def read(self, unit: str, version: str, name: str) -> bytes:
        """A small artifact, whole.

        Raises: as `names`.
        """
        ...

    def fetch(self, unit: str, version: str, artifact: Named, into: Path, progress: Progress) -> None:
        """Make the file `into` this artifact, length and hash checked, durable when it returns.

        Goes on where an earlier call, or an earlier agent, was interrupted. Bandwidth, windows and which
        registry is asked are its business.

        Raises: as `names`; what `progress` raises.
        """
        ...


class Reporter(Protocol):
    """Keeps what happened until the control plane has it."""

    def tell(self, happened: Happened) -> None:
        """Durable when it returns. May be called again with the same unit and number, which is told once."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What an application said of itself since it was started; None: nothing yet."""

    is_healthy: bool | None = None
    problem: str = ""
    is_safe: bool | None = None
    why: str = ""


class Local(Protocol):
    """The loopback interface between the agent and the applications it runs."""

    @property
    def address(self) -> str:
        """Its base URL; the same after the agent restarts, for applications outlive it."""
        ...

    def admit(self, unit: str, token: str) -> None:
        """From now on only `token` speaks for this unit; what was said with another is forgotten."""
        ...

    def heard(self, unit: str, token: str) -> Heard:
        """What the application with this token said last."""
        ...

    def show(self, unit: str, state: UnitState, *, is_ending: bool) -> None:
        """What the application may show. is_ending: it is asked to end itself now."""
        ...


class Apply(Protocol):
    """`andon_wire.delta.apply`."""

    def __call__(
        self,
        container: BinaryIO,
        *,
        old: Path | None,
        into: Path,
        tree: Tree,
        disk: Disk,
        progress: Progress,
    ) -> None:
        """Make the folder `into` from a container; goes on after a crash; raises WireError."""
        ...


class OwnHealth(Protocol):
    """Whether this agent itself does its work; asked while its new version is on trial."""

    def problem(self) -> str | None:
        """None: it read its configuration, and reached the control plane or knows that it is offline."""
        ...


class Watch(Protocol):
    """The machine's clock."""

    def now(self) -> Now:
        """This moment."""
        ...


class Units(Protocol):
    """What the agent's outside asks of the engine (`controller.py`). Calls may come from any one thread."""

    def want(self, wanted: Mapping[str, WantedUnit]) -> None:
        """From now on this is wanted, as a verified Wanted document has it. A unit that is not in it, or
        before the first call, stays as it is.
        """
        ...

    def tick(self) -> float:
        """Do for every unit what can be done at once; gives the seconds until it wants to be called again.

        Raises:
            OSError: the disk does not do its work; nothing is lost, call again.
        """
        ...

    def states(self) -> Mapping[str, UnitState]:
        """How each unit stands, as it is reported."""
        ...

    @property
    def must_end(self) -> bool:
        """Whether this agent should end itself with `launcher.RESTART`, and its launcher starts another."""
        ...

    def close(self) -> None:
        """End the background work, durably. Applications go on."""
        ...
