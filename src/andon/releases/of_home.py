"""What everything that writes the registry of one home is made of. Nothing is written here."""

from andon.kernel.clock import Clock
from andon.releases.layout import Layout
from andon.releases.roles import Lifetimes
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage


class OfHome:
    """One home's registry. storage: where it lies; None: the folder of this home."""

    def __init__(
        self,
        layout: Layout,
        clock: Clock,
        lives: Lifetimes | None = None,
        storage: Storage | None = None,
    ) -> None:
        self._layout = layout
        self._clock = clock
        self._lives = lives or Lifetimes()
        self._storage = storage or Folder(layout.registry)
