"""Small releases for tests: a manifest and a few bytes in place of a wheelhouse."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from andon.kernel import files
from andon.kernel.ids import RunId, UnitName, Version
from andon.releases.model import Artifact, Release, Role

MANIFEST = """\
[unit]
name = "mes"

[run]
command = ["serve", "--port", "{port}"]

[environments.production]
port = 18080
"""


def a_release(
    folder: Path,
    version: str = "1.0.0",
    *,
    content: bytes = b"wheels " * 1000,
    unit: str = "mes",
    notes: bytes = b"",
) -> tuple[Release, dict[Artifact, Path]]:
    """A release that can be published, and the files of its artifacts, made below `folder`.

    notes: empty: it has none.
    """
    place = folder / f"{unit}-{version}"
    place.mkdir(parents=True, exist_ok=True)
    parts = {
        Role.WHEELHOUSE: ("wheelhouse.tar", content),
        Role.MANIFEST: ("andon.toml", MANIFEST.replace('"mes"', f'"{unit}"').encode()),
        Role.SBOM: ("sbom.json", b'{"bomFormat": "CycloneDX"}'),
    }
    if notes:
        parts[Role.NOTES] = ("notes.md", notes)
    contents: dict[Artifact, Path] = {}
    for role, (name, written) in parts.items():
        path = place / name
        path.write_bytes(written)
        contents[Artifact(role, name, files.sha256(path), len(written))] = path
    release = Release(
        unit=UnitName(unit),
        version=Version(version),
        artifacts=tuple(contents),
        source="0123456789abcdef0123456789abcdef01234567",
        run=RunId("run-1"),
        created_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    )
    return release, contents


def an_application(
    folder: Path, version: str = "1.0.0", *, unit: str = "station", base: str | None = None
) -> tuple[Release, dict[Artifact, Path]]:
    """A release for stations of two platforms, with a delta from `base` for each; its bytes are made up."""
    release, contents = a_release(folder, version, unit=unit, content=f"{unit} {version}".encode())
    place = folder / f"{unit}-{version}"
    for platform in ("linux-x86_64", "windows-amd64"):
        parts = {
            Role.TREE: f"tree-{platform}.json",
            Role.BUNDLE: f"bundle-{platform}.andon",
            Role.APPLICATION: f"application-{platform}.json",
        }
        if base is not None:
            parts[Role.DELTA] = f"delta-{platform}-from-{base}.andon"
        for role, name in parts.items():
            path = place / name
            path.write_bytes(f"{name} of {version}".encode())
            contents[Artifact(role, name, files.sha256(path), path.stat().st_size)] = path
    return replace(release, artifacts=tuple(contents)), contents
