"""The first agent of a station comes out of a registry whole, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from andon.kernel import files
from andon.kernel.clock import SystemClock
from andon.releases import keys
from andon.releases.deltas.make import make
from andon.releases.layout import Layout
from andon.releases.model import Artifact, Role
from andon.releases.publish import Publisher
from andon.testing.releases import a_release
from andon_wire import scan, tree
from andon_wire.errors import Missing, Untrusted
from tools.take_program import take

pytestmark = pytest.mark.component
PLATFORM = "linux-x86_64"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with two versions of a program."""
    keys.init_development(tmp_path / "home", SystemClock())
    layout = Layout(tmp_path / "home")
    for version in ("1.9.0", "1.10.0"):
        _publish(layout, tmp_path / version, version)
    return layout


def _publish(layout: Layout, folder: Path, version: str) -> None:
    bundle = folder / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "agent").write_text(f"#!/bin/sh\necho {version}\n")
    (bundle / "agent").chmod(0o755)
    release, contents = a_release(folder, version, unit="agent")
    listed, packed = folder / f"tree-{PLATFORM}.json", folder / f"bundle-{PLATFORM}.andon"
    listed.write_bytes(tree.encode(scan.scan(bundle)))
    with packed.open("w+b") as into:
        make(None, bundle, into)
    for role, path in ((Role.TREE, listed), (Role.BUNDLE, packed)):
        contents[Artifact(role, path.name, files.sha256(path), path.stat().st_size)] = path
    Publisher(layout, SystemClock()).publish(replace(release, artifacts=tuple(contents)), contents)


def _take(
    layout: Layout, into: Path, *, version: str = "", unit: str = "agent", platform: str = PLATFORM
) -> str:
    root = layout.pinned_root.read_bytes()
    return take(str(layout.registry), unit, into, root=root, version=version, platform=platform)


def test_the_newest_is_taken_where_none_is_named(layout: Layout, tmp_path: Path) -> None:
    assert _take(layout, tmp_path / "out") == "1.10.0"
    assert "1.10.0" in (tmp_path / "out" / "agent").read_text()
    assert (tmp_path / "out" / "agent").stat().st_mode & 0o111


def test_a_named_version_is_taken(layout: Layout, tmp_path: Path) -> None:
    assert _take(layout, tmp_path / "out", version="1.9.0") == "1.9.0"
    assert "1.9.0" in (tmp_path / "out" / "agent").read_text()


def test_what_is_not_what_was_signed_is_not_taken(layout: Layout, tmp_path: Path) -> None:
    (packed,) = (layout.registry / "targets" / "agent" / "1.10.0").glob("*.bundle-*")
    content = bytearray(packed.read_bytes())
    content[-1] ^= 1
    packed.chmod(0o644)
    packed.write_bytes(content)
    with pytest.raises(Untrusted):
        _take(layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_for_a_platform_or_at_all_is_said(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(Missing):
        _take(layout, tmp_path / "out", platform="windows-amd64")
    with pytest.raises(Missing):
        _take(layout, tmp_path / "out", unit="nothing")
