"""The roles of TUF: how long each lives, and how a version of one is signed and checked.

No I/O. Which files they become is `publish.py`; the installing side uses the library's own client.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from securesystemslib.signer import Signature, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from andon.kernel.errors import Conflict, Untrusted

ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
Kind = TypeVar("Kind", Root, Timestamp, Snapshot, Targets)
_COMPACT = JSONSerializer(compact=True)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a signature of each role is believed; half of it is when a new one is made.

    A client that is shown old files notices at the latest when the timestamp's life is over.
    """

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=365)
    snapshot: timedelta = timedelta(days=30)
    timestamp: timedelta = timedelta(days=30)

    def of(self, role: str) -> timedelta:
        """The life of `role`, one of `ROLES`."""
        return {
            Root.type: self.root,
            Targets.type: self.targets,
            Snapshot.type: self.snapshot,
            Timestamp.type: self.timestamp,
        }[role]


@dataclass(slots=True)
class Roles:
    """The four roles as they are now, verified. Changed only under the writer's lock."""

    root: Root
    targets: Targets
    snapshot: Snapshot
    timestamp: Timestamp

    def of(self, role: str) -> Signed:
        """The signed part of `role`, one of `ROLES`."""
        by_role: dict[str, Signed] = {
            Root.type: self.root,
            Targets.type: self.targets,
            Snapshot.type: self.snapshot,
            Timestamp.type: self.timestamp,
        }
        return by_role[role]


def is_half_over(signed: Signed, life: timedelta, now: datetime) -> bool:
    """Whether less than half of its life is left, so that it should be signed again."""
    return signed.expires - now < life / 2


def first(signers: Mapping[str, Sequence[Signer]], lives: Lifetimes, now: datetime) -> Roles:
    """Version 1 of all roles, without any release. The threshold is 1 of the keys given for each role."""
    root = Root(expires=_until(now + lives.root), consistent_snapshot=True)
    for role in ROLES:
        for signer in signers[role]:
            root.add_key(signer.public_key, role)
    return Roles(
        root,
        Targets(expires=_until(now + lives.targets)),
        Snapshot(expires=_until(now + lives.snapshot)),
        Timestamp(expires=_until(now + lives.timestamp)),
    )


def next_version(signed: Signed, life: timedelta, now: datetime) -> None:
    """Make `signed` its own successor, with a new life."""
    signed.version += 1
    signed.expires = _until(now + life)


def can_sign(role: str, root: Root, signers: Sequence[Signer]) -> bool:
    """Whether enough of the role's keys are here."""
    return len(_usable(role, root, signers)) >= root.get_delegated_role(role).threshold


def sign(signed: Signed, root: Root, signers: Sequence[Signer], *, also: Root | None = None) -> bytes:
    """The signed file of a role.

    also: the root that comes into force next. Then enough of its keys must be here, and keys of the present
    one sign beside them where they are here, so that the file holds before and after.

    Raises:
        Conflict: fewer keys are here than the root asks for.
    """
    asking = root if also is None else also
    found = _usable(signed.type, asking, signers)
    wanted = asking.get_delegated_role(signed.type).threshold
    if len(found) < wanted:
        raise Conflict(
            "keys-missing",
            f"role {signed.type} needs {wanted} of its keys, {len(found)} are here",
            hint="andon keys status says which; see docs/operations/keys.md",
        )
    usable = {each.public_key.keyid: each for each in (*_usable(signed.type, root, signers), *found)}
    metadata: Metadata[Any] = Metadata(signed)
    for signer in usable.values():
        metadata.sign(signer, append=True)
    return metadata.to_bytes(_COMPACT)


def assembled(signed: Signed, signatures: Mapping[str, Signature]) -> bytes:
    """The signed file of a role, from signatures that were made elsewhere and have been checked."""
    metadata: Metadata[Any] = Metadata(signed, dict(signatures))
    return metadata.to_bytes(_COMPACT)


def _usable(role: str, root: Root, signers: Sequence[Signer]) -> list[Signer]:
    wanted = root.get_delegated_role(role)
    return [each for each in signers if each.public_key.keyid in wanted.keyids]


def described(signed: Signed, content: bytes) -> MetaFile:
    """What the role above says about this file: version, length and hash."""
    return MetaFile.from_data(signed.version, content, ["sha256"])


def verified(content: bytes, kind: type[Kind], delegator: Root | None) -> Kind:
    """The role in `content`, when `delegator` says that its signatures count. Expiry is not looked at.

    `delegator` is None for a root that is trusted because it was pinned: it must be signed by itself.

    Raises:
        Untrusted: garbage, another role, or not enough good signatures.
    """
    try:
        metadata: Metadata[Kind] = Metadata.from_bytes(content)
        signed = metadata.signed
        if not isinstance(signed, kind):
            raise Untrusted("wrong-role", f"the {kind.type} file holds a {signed.type}")
        by = delegator or signed
        if not isinstance(by, Root):
            raise TypeError("only a root can stand for itself")
        by.verify_delegate(kind.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise Untrusted(
            "bad-signature",
            f"the registry's {kind.type} metadata is not what was signed: {error}",
            hint="restore the registry folder from a copy; see docs/operations/keys.md",
        ) from error
    return metadata.signed


def is_root(content: bytes) -> bool:
    """Whether this is a root that is signed by itself; whose it is, the bytes do not say."""
    try:
        verified(content, Root, None)
    except Untrusted:
        return False
    return True


def _until(at: datetime) -> datetime:
    return at.replace(microsecond=0)  # TUF's times have whole seconds
