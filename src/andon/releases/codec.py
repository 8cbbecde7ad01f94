"""A release as the bytes of its `release.json`, and back."""

import json
from datetime import datetime
from typing import Any

from andon.kernel.errors import Damaged
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.releases.model import Artifact, Release, Role

_FORMAT = 1


def encode(release: Release) -> bytes:
    """The bytes that are signed; the same release gives the same bytes."""
    document = {
        "format": _FORMAT,
        "unit": release.unit,
        "version": release.version,
        "source": release.source,
        "run": release.run,
        "created_at": release.created_at.isoformat(),
        "artifacts": artifacts_to_rows(release.artifacts),
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def decode(content: bytes) -> Release:
    """The release that these verified bytes describe.

    Raises:
        Damaged: signed, but not a release that this program understands.
    """
    try:
        return _release(json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(
            "bad-release-file", f"a signed release.json cannot be read: {error}", hint="publish a new version"
        ) from error


def _release(document: dict[str, Any]) -> Release:
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']!r}")
    return Release(
        unit=UnitName(document["unit"]),
        version=Version(document["version"]),
        artifacts=artifacts_from_rows(document["artifacts"]),
        source=str(document["source"]),
        run=RunId(document["run"]),
        created_at=datetime.fromisoformat(document["created_at"]),
    )


def artifacts_to_rows(artifacts: tuple[Artifact, ...]) -> list[dict[str, Any]]:
    """Artifacts as JSON values, in their order."""
    return [
        {"role": each.role.value, "name": each.name, "sha256": each.sha256, "size_bytes": each.size_bytes}
        for each in artifacts
    ]


def artifacts_from_rows(rows: list[dict[str, Any]]) -> tuple[Artifact, ...]:
    """Artifacts from JSON values; raises KeyError or ValueError when they are not ones."""
    return tuple(
        Artifact(Role(row["role"]), str(row["name"]), Sha256(row["sha256"]), int(row["size_bytes"]))
        for row in rows
    )
