"""What holders are asked to sign, as one file that tells the whole of it, and their signatures.

A request holds the next root, or the next targets, or both, unsigned; and the signed ones before them, so
that whoever signs can see what changes without believing the server. Its fingerprint is read out from screen
to screen. No I/O.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Targets

from andon.kernel.errors import InvalidInput, Untrusted
from andon.releases import roles
from andon.releases.ceremony.holders import holder_of

MOST_BYTES = 160 << 20
_FORMAT, _SIGNATURE_FORMAT = "andon-request/1", "andon-signature/1"
PARTS = (Root.type, Targets.type)
_GARBAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, RepositoryError)


@dataclass(frozen=True, slots=True)
class Request:
    """former_root, former_targets: signed files. root, targets: what should follow; at least one of them."""

    reason: str
    by: str
    created_at: datetime
    former_root: bytes
    former_targets: bytes
    root: Root | None = None
    targets: Targets | None = None

    @property
    def former(self) -> Root:
        """The root that is in force."""
        return Metadata[Root].from_bytes(self.former_root).signed

    @property
    def trusted(self) -> Root:
        """The root that will be in force afterwards."""
        return self.root or self.former

    def payload(self, part: str) -> bytes:
        """The bytes that are signed of a part."""
        metadata: Metadata[Any] = Metadata(self.part(part))
        return metadata.signed_bytes

    def part(self, part: str) -> Signed:
        """The next root or targets; raises KeyError where the request has none."""
        found = {Root.type: self.root, Targets.type: self.targets}[part]
        if found is None:
            raise KeyError(part)
        return found

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of `PARTS` it has."""
        return tuple(
            name for name, value in zip(PARTS, (self.root, self.targets), strict=True) if value is not None
        )

    @property
    def fingerprint(self) -> str:
        """Eight groups of four, of all that is signed."""
        digest = hashlib.sha256()
        for each in self.parts:
            digest.update(each.encode() + b"\0" + hashlib.sha256(self.payload(each)).digest())
        text = digest.hexdigest()[:32]
        return " ".join(text[at : at + 4] for at in range(0, 32, 4))


@dataclass(frozen=True, slots=True)
class Signatures:
    """What one holder signed of a request. by_part: hex, by `PARTS`."""

    fingerprint: str
    key_id: str
    by_part: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Missing:
    """Signatures that a part lacks. of: which root asks for them, `former` or `next`; holders: who could."""

    part: str
    of: str
    signed: tuple[str, ...]
    threshold: int
    holders: tuple[str, ...]


def encode(request: Request) -> bytes:
    """The file that goes to the holders."""
    document = {
        "format": _FORMAT,
        "reason": request.reason,
        "by": request.by,
        "created_at": request.created_at.isoformat(),
        "former_root": json.loads(request.former_root),
        "former_targets": json.loads(request.former_targets),
        "root": request.root.to_dict() if request.root else None,
        "targets": request.targets.to_dict() if request.targets else None,
        "fingerprint": request.fingerprint,
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def decode(content: bytes) -> Request:
    """The request in a file, checked as far as it can be without knowing what was trusted before.

    Raises:
        InvalidInput: it is none. Untrusted: it contradicts itself: its former metadata is not signed, or what
            should follow does not follow.
    """
    try:
        document = _of_format(content, _FORMAT)
        request = _request(document)
        fingerprint = request.fingerprint
    except _GARBAGE as error:
        raise InvalidInput("bad-request", f"this is not a request for signatures: {error}") from error
    if fingerprint != document.get("fingerprint"):
        raise Untrusted("bad-request", "the request was altered: its fingerprint is another")
    _check(request)
    return request


def _request(document: dict[str, Any]) -> Request:
    return Request(
        reason=str(document["reason"]),
        by=str(document["by"]),
        created_at=datetime.fromisoformat(document["created_at"]),
        former_root=_compact(document["former_root"]),
        former_targets=_compact(document["former_targets"]),
        root=Root.from_dict(document["root"]) if document["root"] else None,
        targets=Targets.from_dict(document["targets"]) if document["targets"] else None,
    )


def _of_format(content: bytes, format_: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    if document["format"] != format_:
        raise ValueError(f"format {document['format']!r}")
    return document


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _check(request: Request) -> None:
    former = roles.verified(request.former_root, Root, None)
    targets = roles.verified(request.former_targets, Targets, former)
    if not request.parts:
        raise InvalidInput("bad-request", "the request asks for nothing")
    if request.root is not None:
        check_root(request.root)
        _follows(former, request.root)
    if request.targets is not None:
        _follows(targets, request.targets)


def _follows(former: Signed, coming: Signed) -> None:
    if coming.version != former.version + 1:
        raise Untrusted("bad-request", f"{coming.type} {coming.version} does not follow on {former.version}")


def check_root(root: Root) -> None:
    """Refuse a root under which some role could never be signed.

    Raises:
        InvalidInput: a threshold is larger than the number of keys.
    """
    for role in roles.ROLES:
        wanted = root.get_delegated_role(role)
        if not 1 <= wanted.threshold <= len(wanted.keyids):
            raise InvalidInput(
                "bad-threshold",
                f"role {role} would want {wanted.threshold} of {len(wanted.keyids)} keys",
                hint="give --threshold, or --add a key",
            )


def encode_signatures(signatures: Signatures) -> bytes:
    """The file that comes back from a holder."""
    document = {
        "format": _SIGNATURE_FORMAT,
        "fingerprint": signatures.fingerprint,
        "keyid": signatures.key_id,
        "signatures": dict(signatures.by_part),
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def decode_signatures(content: bytes) -> Signatures:
    """The signatures in a holder's file; whether they are good is seen when they are counted.

    Raises:
        InvalidInput: there are none.
    """
    try:
        document = _of_format(content, _SIGNATURE_FORMAT)
        by_part = {str(part): bytes.fromhex(sig).hex() for part, sig in document["signatures"].items()}
        return Signatures(str(document["fingerprint"]), str(document["keyid"]), by_part)
    except _GARBAGE as error:
        raise InvalidInput("bad-signatures", f"this is no file of signatures: {error}") from error


def entitled(request: Request, key_id: str) -> tuple[str, ...]:
    """The parts to which this key's signature counts."""
    roots = (request.former, request.trusted)
    return tuple(
        part
        for part in request.parts
        if any(key_id in each.get_delegated_role(part).keyids for each in roots)
    )


def missing(request: Request, collected: Mapping[str, Signatures]) -> list[Missing]:
    """What is lacking still; empty when it can be published. Signatures that are not good do not count."""
    return [each for each in _counted(request, collected) if len(each.signed) < each.threshold]


def _counted(request: Request, collected: Mapping[str, Signatures]) -> Iterator[Missing]:
    for part in request.parts:
        payload, signatures = request.payload(part), usable(part, collected)
        # Targets count by the next root alone: their former keys may be the ones that are lost.
        asking = {"former": request.former, "next": request.trusted}
        if part == Targets.type:
            asking.pop("former")
        for of, root in asking.items():
            result = root.get_verification_result(part, payload, signatures)
            yield Missing(
                part,
                of,
                tuple(sorted(map(label, result.signed.values()))),
                result.threshold,
                tuple(sorted(map(label, result.unsigned.values()))),
            )


def usable(part: str, collected: Mapping[str, Signatures]) -> dict[str, Signature]:
    """Signatures of a part, by key id, as the library takes them."""
    return {
        key_id: Signature(key_id, each.by_part[part])
        for key_id, each in collected.items()
        if part in each.by_part
    }


def label(key: Key) -> str:
    """`kim (3fa9c81d)`; `a key of this Andon (...)` for one that no person holds."""
    return f"{holder_of(key) or 'a key of Andon'} ({key.keyid[:8]})"


def changes(request: Request) -> list[str]:
    """What would be otherwise, one sentence each, for whoever signs."""
    found = []
    if request.root is not None:
        former, coming = request.former, request.root
        found.append(f"root {former.version} -> {coming.version}, valid until {coming.expires:%Y-%m-%d}")
        for role in roles.ROLES:
            found += _role_changes(role, former, coming)
    if request.targets is not None:
        former_targets = Metadata[Targets].from_bytes(request.former_targets).signed
        found.append(
            f"targets {former_targets.version} -> {request.targets.version}, "
            f"valid until {request.targets.expires:%Y-%m-%d}"
        )
        found += _target_changes(former_targets, request.targets)
    return found


def _role_changes(role: str, former: Root, coming: Root) -> Iterator[str]:
    before, after = former.get_delegated_role(role), coming.get_delegated_role(role)
    gone = [label(former.get_key(each)) for each in before.keyids if each not in after.keyids]
    come = [label(coming.get_key(each)) for each in after.keyids if each not in before.keyids]
    if gone:
        yield f"{role}: no longer {', '.join(gone)}"
    if come:
        yield f"{role}: from now on {', '.join(come)}"
    counts = [(each.threshold, len(each.keyids)) for each in (before, after)]
    if counts[0] != counts[1]:
        yield f"{role}: {counts[0][0]} of {counts[0][1]} -> {counts[1][0]} of {counts[1][1]}"


def _target_changes(former: Targets, coming: Targets) -> Iterator[str]:
    before, after = former.targets, coming.targets
    for verb, paths in (
        ("adds", [each for each in after if each not in before]),
        ("takes away", [each for each in before if each not in after]),
        ("changes", [each for each in after if each in before and before[each] != after[each]]),
    ):
        folders = sorted({path.rpartition("/")[0] for path in paths})
        for folder in folders:
            count = sum(path.rpartition("/")[0] == folder for path in paths)
            yield f"{verb} {folder.replace('/', '@', 1)} ({count} files)"
