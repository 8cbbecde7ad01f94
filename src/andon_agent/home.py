"""The agent's folder on a station, and that one agent at a time uses it.

agent.toml            what a person says (settings.py)
lock                  held by the running agent
identity/key.pem      private, 0600, never leaves this machine
identity/root.json    TUF root, pinned when the machine was enrolled
identity/station.json who the machine is, and the fleet's key
identity/machine      an id for a machine whose system keeps none
wanted                what was wanted last, as signed; an agent that starts without a network acts on it
trust/                what the registry's metadata was seen to be (andon_wire.verify)
buffer/               what happened and was not told yet (buffer.py)
downloads/            artifacts on their way
witness/              checkpoints of the plant's timeline (witness.py)
local.json            address and token of the local interface, 0600
units/                slots, journals, data: the engine's (engine/)
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from andon_wire.errors import Unreachable

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything is."""

    folder: Path

    @property
    def identity(self) -> Path:
        """Keys, and who this is."""
        return self.folder / "identity"

    @property
    def wanted(self) -> Path:
        """The last document, as it was signed."""
        return self.folder / "wanted"

    @property
    def trust(self) -> Path:
        """Of the TUF client."""
        return self.folder / "trust"

    @property
    def buffer(self) -> Path:
        """Of events and samples."""
        return self.folder / "buffer"

    @property
    def downloads(self) -> Path:
        """Of artifacts on their way."""
        return self.folder / "downloads"

    @property
    def witness(self) -> Path:
        """Of checkpoints."""
        return self.folder / "witness"

    @property
    def local(self) -> Path:
        """Address and token of the local interface."""
        return self.folder / "local.json"

    @property
    def units(self) -> Path:
        """The engine's."""
        return self.folder / "units"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the home; the system lets go of it when the process ends, however it ends.

        Raises:
            Unreachable: another agent holds it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise Unreachable("home-unwritable", f"{self.folder} cannot be used: {error}") from error
        try:
            _lock(descriptor, self.folder)
            yield
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether an agent runs in it."""
        if not self.folder.is_dir():
            return False
        try:
            with self.alone():
                return False
        except Unreachable as error:
            return error.code == "agent-runs"


def _lock(descriptor: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Unreachable(
            "agent-runs",
            f"an agent runs in {folder} already",
            hint="one machine has one agent: andon-agent status",
        ) from error
