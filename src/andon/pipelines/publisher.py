"""What a pipeline needs of the registry. `andon.releases.store.ReleaseStore` is the real one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from andon.kernel.ids import UnitName, Version
from andon.releases.model import Artifact, Release


class Publisher(Protocol):
    """Signs, and makes releases public."""

    async def find(self, unit: UnitName, version: Version) -> Release | None:
        """The published release; None when there is none."""
        ...

    def sign_envelope(self, payload_type: str, payload: bytes) -> bytes:
        """`payload` in a signed DSSE envelope."""
        ...

    async def publish(self, release: Release, files: Mapping[Artifact, Path], actor: str) -> Release:
        """Publish; doing it again with the same artifacts changes nothing.

        Raises:
            Conflict: this version is there with other artifacts.
        """
        ...
