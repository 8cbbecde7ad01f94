"""Where a unit is on the disk of a station. Nothing else in the agent joins these names.

<home>/units/<unit>/
    journal             what is known of it, and what it is at
    reserve             bytes that make room for the journal when the disk is full
    active              the pointer: a link to a slot, or a file that names one
    a/, b/              slots: files/, tree.json, application.json, and installed.json last of all
    incoming/           what is downloaded for the next one
    data/               the application's own; every version finds it here
    backups/<name>/     copies of the data from before a switch, and what a return replaced
    run/                output of the application, the lock that it holds
    trial.json          of the agent alone: what its launcher should try
"""

from dataclasses import dataclass
from pathlib import Path

from andon_agent.engine.model import SlotName


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one unit."""

    folder: Path

    @property
    def journal(self) -> Path:
        """See the module."""
        return self.folder / "journal"

    @property
    def pointer(self) -> Path:
        """See the module."""
        return self.folder / "active"

    def slot(self, slot: SlotName) -> Path:
        """The folder of a slot."""
        return self.folder / slot

    def files(self, slot: SlotName) -> Path:
        """The files of the release in a slot."""
        return self.folder / slot / "files"

    @property
    def incoming(self) -> Path:
        """See the module."""
        return self.folder / "incoming"

    @property
    def data(self) -> Path:
        """See the module."""
        return self.folder / "data"

    @property
    def backups(self) -> Path:
        """See the module."""
        return self.folder / "backups"

    @property
    def run(self) -> Path:
        """See the module."""
        return self.folder / "run"

    @property
    def output(self) -> Path:
        """What the application prints."""
        return self.run / "output.log"

    @property
    def trial(self) -> Path:
        """See the module."""
        return self.folder / "trial.json"


def units_in(home: Path) -> Path:
    """The folder that holds those of all units."""
    return home / "units"


def place_of(home: Path, unit: str) -> Place:
    """Where a unit is."""
    return Place(units_in(home) / unit)
