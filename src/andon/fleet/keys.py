"""The fleet's key: what stations should run is signed by it, and they pin it when they enrol."""

import stat
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import Damaged
from andon_wire.errors import Malformed
from andon_wire.identity import PrivateKey


def load_or_make(path: Path) -> PrivateKey:
    """The key in `path`, made where there is no file.

    Raises:
        Damaged: the file is no key, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(path, PrivateKey.generate().pem(), mode=0o600)
    try:
        mode, key = path.stat().st_mode, PrivateKey.load(path.read_bytes())
    except (OSError, Malformed) as error:
        raise _damaged(path, "cannot be read") from error
    if stat.S_IMODE(mode) & 0o077:
        raise _damaged(path, "can be read by others than Andon's user")
    return key


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(
        "fleet-key-damaged",
        f"the fleet's key {path.name} {what}",
        hint=f"chmod 600 {path.name}, or bring it back from where keys are kept: stations know no other",
    )
