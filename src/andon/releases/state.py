"""The registry's signed state as its own writer sees it: verified from the pinned root on, expiry aside.

Nothing is signed on top of anything else. Who installs uses `client.py`, which looks at expiry too.
"""

import json

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import MetaFile, Root, Snapshot, Targets, Timestamp

from andon.kernel.errors import NotFound, Untrusted
from andon.releases import roles
from andon.releases.layout import Layout
from andon.releases.roles import Roles
from andon.releases.storage import protocol
from andon.releases.storage.protocol import METADATA, Storage


def load(layout: Layout, storage: Storage, *, coming: Root | None = None) -> Roles:
    """The present state.

    coming: a root that enough of its holders have signed, and whose publishing was cut short; what its keys
    signed already counts.

    Raises:
        NotFound: there is no registry here yet.
        Untrusted: it is not what was signed, or older than what this home signed before.
    """
    root = load_root(layout, storage)
    delegators = [root] if coming is None else [root, coming]
    timestamp = _verified(read(storage, "timestamp.json"), Timestamp, delegators)
    signed_before = last_signed(layout)
    if timestamp.version < signed_before:
        raise Untrusted(
            "version-rolled-back",
            f"the registry shows timestamp {timestamp.version}, {signed_before} was signed here",
            hint="somebody put an old copy of the registry in place; restore the newest one",
        )
    snapshot = _described(storage, Snapshot, timestamp.snapshot_meta, delegators)
    targets = _described(storage, Targets, snapshot.meta["targets.json"], delegators)
    return Roles(root, targets, snapshot, timestamp)


def load_root(layout: Layout, storage: Storage) -> Root:
    """The newest root that follows from the pinned one. Raises like `load`."""
    if not layout.pinned_root.exists():
        raise NotFound("not-initialised", "there is no registry here yet", hint="andon init")
    root = roles.verified(layout.pinned_root.read_bytes(), Root, None)
    while (content := find(storage, f"{root.version + 1}.root.json")) is not None:
        newer = roles.verified(content, Root, root)
        roles.verified(content, Root, None)
        if newer.version != root.version + 1:
            raise Untrusted("version-rolled-back", f"root {root.version + 1} holds version {newer.version}")
        root = newer
    return root


def read(storage: Storage, file: str) -> bytes:
    """A file of the metadata; raises Untrusted where it is missing."""
    content = find(storage, file)
    if content is None:
        raise Untrusted(
            "metadata-missing", f"the registry has no {file}", hint="restore the registry folder from a copy"
        )
    return content


def find(storage: Storage, file: str) -> bytes | None:
    """A file of the metadata; None where it is missing."""
    try:
        return protocol.read(storage, METADATA + file)
    except NotFound:
        return None


def last_signed(layout: Layout) -> int:
    """The newest version of the timestamp that this home signed; 0 before the first."""
    try:
        return int(json.loads(layout.last_signed.read_bytes())["timestamp"])
    except FileNotFoundError:
        return 0


def _described(storage: Storage, kind: type[roles.Kind], meta: MetaFile, by: list[Root]) -> roles.Kind:
    content = read(storage, f"{meta.version}.{kind.type}.json")
    try:
        meta.verify_length_and_hashes(content)
    except RepositoryError as error:
        raise Untrusted("hash-mismatch", f"{kind.type} metadata is not what was signed: {error}") from error
    return _verified(content, kind, by)


def _verified(content: bytes, kind: type[roles.Kind], by: list[Root]) -> roles.Kind:
    for each in by[:-1]:
        try:
            return roles.verified(content, kind, each)
        except Untrusted:
            continue
    return roles.verified(content, kind, by[-1])
