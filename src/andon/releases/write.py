"""Writes new versions of the registry's roles, the timestamp last, each by temp, fsync, rename, fsync.

Every file but the timestamp has its version in its name, so readers see the old state until the last rename.
The caller holds the writer's lock.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from andon.kernel import files
from andon.releases import keys, roles
from andon.releases.layout import Layout
from andon.releases.roles import Lifetimes, Roles
from andon.releases.storage.protocol import METADATA, Storage

_KEPT_VERSIONS = 20  # of targets and snapshot: a reader may be in the middle of an older state


@dataclass(frozen=True, slots=True)
class Writing:
    """How to write. coming: a root that comes into force next, whose keys sign as well.

    ready: signed files of roles whose versions are their own already, by role.
    """

    layout: Layout
    storage: Storage
    lives: Lifetimes
    at: datetime
    coming: Root | None = None
    ready: Mapping[str, bytes] = field(default_factory=dict)


def write(now: Roles, which: frozenset[str], how: Writing) -> None:
    """Sign new versions of the roles in `which` and write them.

    Raises:
        Conflict: keys of one of them are not here; readers see the old state.
    """
    for role in which:
        if role not in how.ready:
            roles.next_version(now.of(role), how.lives.of(role), how.at)
    if Root.type in which:
        how.storage.write(f"{METADATA}{now.root.version}.root.json", _signed(now, Root.type, how))
    if Targets.type in which:
        content = _signed(now, Targets.type, how)
        now.snapshot.meta["targets.json"] = roles.described(now.targets, content)
        how.storage.write(f"{METADATA}{now.targets.version}.targets.json", content)
    if Snapshot.type in which:
        content = _signed(now, Snapshot.type, how)
        now.timestamp.snapshot_meta = roles.described(now.snapshot, content)
        how.storage.write(f"{METADATA}{now.snapshot.version}.snapshot.json", content)
    if Timestamp.type in which:
        how.storage.write(METADATA + "timestamp.json", _signed(now, Timestamp.type, how))
        signed = json.dumps({"timestamp": now.timestamp.version}).encode()
        files.write(how.layout.last_signed, signed, mode=0o600)
    prune(how.storage, {role: now.of(role).version for role in (Targets.type, Snapshot.type)})


def _signed(now: Roles, role: str, how: Writing) -> bytes:
    if role in how.ready:
        return how.ready[role]
    return roles.sign(now.of(role), now.root, keys.load(how.layout, role), also=how.coming)


def prune(storage: Storage, shown: Mapping[str, int]) -> None:
    """Remove targets and snapshots that are far behind. shown: the version of each that readers see now.

    Counted are files, as a mirror has not every version: a reader may be in the middle of one before.
    """
    found: dict[str, list[int]] = {f"{role}.json": [] for role in shown}
    for each in storage.list(METADATA):
        number, _, role = each.path.removeprefix(METADATA).partition(".")
        if role in found and number.isdecimal() and int(number) < shown[role.removesuffix(".json")]:
            found[role].append(int(number))
    for role, numbers in found.items():
        for old in sorted(numbers, reverse=True)[_KEPT_VERSIONS - 1 :]:
            storage.remove(f"{METADATA}{old}.{role}")
