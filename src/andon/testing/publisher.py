"""A registry in memory: keeps what is published and signs with no key."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from andon.kernel.errors import Conflict
from andon.kernel.ids import UnitName, Version
from andon.releases.model import Artifact, Release, Role


class FakePublisher:
    """Behaves as `andon.pipelines.publisher.Publisher` asks. `content` holds the bytes by release id."""

    def __init__(self) -> None:
        self.releases: dict[tuple[UnitName, Version], Release] = {}
        self.content: dict[str, dict[Role, bytes]] = {}
        self.actors: dict[str, str] = {}

    async def find(self, unit: UnitName, version: Version) -> Release | None:
        """The published release; None when there is none."""
        return self.releases.get((unit, version))

    def sign_envelope(self, payload_type: str, payload: bytes) -> bytes:
        """A DSSE envelope without signatures."""
        body = base64.b64encode(payload).decode()
        return json.dumps({"payload": body, "payloadType": payload_type, "signatures": []}).encode()

    async def publish(self, release: Release, files: Mapping[Artifact, Path], actor: str) -> Release:
        """Keep it; the same again changes nothing."""
        there = self.releases.setdefault((release.unit, release.version), release)
        self.actors.setdefault(release.id, actor)
        if (set(there.artifacts), there.source) != (set(release.artifacts), release.source):
            raise Conflict("release-exists", f"{release.id} is published already, with other content")
        self.content.setdefault(
            release.id, {artifact.role: path.read_bytes() for artifact, path in files.items()}
        )
        return there
