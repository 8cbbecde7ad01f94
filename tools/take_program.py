"""Takes a program out of a registry into a folder, verified: how the first agent comes onto a station.

Example: python -m tools.take_program /srv/andon/registry agent /media/usb/andon-agent --root 1.root.json
"""

import argparse
import sys
import tempfile
from pathlib import Path

from andon_wire import platforms, tree
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk
from andon_wire.errors import Missing, WireError
from andon_wire.sources import FolderSource, HttpSource, Source
from andon_wire.verify import Verifier


def take(registry: str, unit: str, into: Path, *, root: bytes, version: str, platform: str) -> str:
    """Make the folder `into`; gives the version. registry: a folder, or the address of one.

    root: bytes of the root metadata that is trusted. version: empty for the newest.

    Raises:
        Missing: no such release, or none of it for this platform. Untrusted: it is not what was signed.
        WireError: of the registry, or of the disk.
    """
    is_http = registry.startswith(("http://", "https://"))
    source: Source = HttpSource(registry) if is_http else FolderSource(Path(registry))
    with tempfile.TemporaryDirectory() as work:
        verifier = Verifier(Path(work) / "trust", [source], root)
        verifier.refresh()
        wanted = version or _newest(verifier, unit)
        content = tree.decode(verifier.read(unit, wanted, f"tree-{platform}.json"))
        with (Path(work) / "bundle").open("w+b") as bundle:
            verifier.fetch(unit, wanted, f"bundle-{platform}.andon", bundle)
            bundle.seek(0)
            apply(bundle, old=None, into=into, tree=content, disk=RealDisk())
    return wanted


def _newest(verifier: Verifier, unit: str) -> str:
    usable = set(verifier.versions(unit)) - set(verifier.revoked(unit))
    if not usable:
        raise Missing(
            "no-such-release", f"the registry has no release of {unit}", hint=f"andon ship it: {unit}"
        )
    return max(usable, key=lambda each: [int(part) for part in each.split(".") if part.isdecimal()])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("registry", help="folder, or https://HOST/registry")
    parser.add_argument("unit", help="such as agent")
    parser.add_argument("folder", type=Path, help="made, or brought to exactly what the release holds")
    parser.add_argument("--root", type=Path, required=True, help="metadata/1.root.json of who signs")
    parser.add_argument("--version", default="", help="the newest when left out")
    parser.add_argument("--platform", default=platforms.own(), help="default %(default)s")
    given = parser.parse_args()
    try:
        version = take(
            given.registry,
            given.unit,
            given.folder,
            root=given.root.read_bytes(),
            version=given.version,
            platform=given.platform,
        )
    except (WireError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{given.unit} {version} is in {given.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
