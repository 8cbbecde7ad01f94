"""Removes files that no signed metadata names, once a reader in the middle of an older state is through.

A ledger remembers since when a file is named by nobody; it is on the disk before anything is removed. Without
it everything waits anew. What a crash left behind in the middle of publishing goes the same way. Blocks; the
caller sees to it that nobody publishes meanwhile.
"""

import json
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from andon.kernel import files
from andon.releases.layout import make_folder
from andon.releases.storage.protocol import METADATA, TARGETS, Storage, Stored


@dataclass(frozen=True, slots=True)
class Swept:
    """removed: files that went; waiting: files whose grace is not over."""

    removed: int = 0
    removed_bytes: int = 0
    waiting: int = 0


def sweep(place: Storage, named: Set[str], ledger: Path, grace: timedelta, now: datetime) -> Swept:
    """Remove from `place` what nobody named for `grace`. named: paths that the present metadata names.

    Raises:
        Unavailable: the place is away; done again, it goes on.
    """
    stray = {each.path: each for each in _stray(place, named)}
    known = _read(ledger)
    since = {path: min(known.get(path, now), now) for path in sorted(stray)}
    if since != known:
        make_folder(ledger.parent)
        files.write(ledger, json.dumps({path: at.isoformat() for path, at in since.items()}).encode())
    over = [path for path, at in since.items() if now - at >= grace]
    for path in over:
        place.remove(path)
    return Swept(len(over), sum(stray[each].size_bytes for each in over), len(since) - len(over))


def _stray(place: Storage, named: Set[str]) -> list[Stored]:
    found = [each for each in place.list(TARGETS) if each.path not in named]
    # Metadata is its writer's; what a crash left of one that never got its name is nobody's.
    return found + [each for each in place.list(METADATA) if each.path.startswith(f"{METADATA}.")]


def _read(ledger: Path) -> dict[str, datetime]:
    try:
        known = json.loads(ledger.read_bytes())
        return {str(path): datetime.fromisoformat(at) for path, at in known.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
