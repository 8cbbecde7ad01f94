"""Signing keys: making development ones, and loading those that a role needs.

    keys/root/<key id>.pem        keys/targets/...    keys/snapshot/...    keys/timestamp/...
    keys/provenance/<key id>.pem  signs statements about builds; no role of TUF
    keys/last-signed.json         so that nobody makes us sign on top of an old state

A role's folder may hold several keys, and the threshold is the root's: production keeps `root` (2 of 3), and
`targets` where it wants, on media that are not here. How keys change is `ceremony/`.
"""

import json
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from andon.kernel import files
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound
from andon.releases import roles
from andon.releases.layout import Layout, make_folder
from andon.releases.locking import exclusive
from andon.releases.roles import Lifetimes
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import METADATA, Storage

PROVENANCE = "provenance"
NOTICE = (
    "These are DEVELOPMENT keys: one key per role, unencrypted, on this machine. Whoever reads them can "
    "sign a release. Do not use them for a plant; docs/operations/keys.md says what to use."
)
FOLLOWS = (
    "This home follows a registry that is signed elsewhere. Bring its releases: andon bundle import FILE. "
    "docs/operations/registry.md says how."
)
_FOLLOWING_MARK = "FOLLOWING"
_PRIVATE = 0o600
_MARK = "DEVELOPMENT"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `init_development` made. `notice` is for the person who asked."""

    keys: Path
    registry: Path
    root_key_ids: tuple[str, ...]
    notice: str = NOTICE


def init_development(
    home: Path, clock: Clock, lives: Lifetimes | None = None, storage: Storage | None = None
) -> Initialised:
    """Make development keys and an empty registry in `home`, and pin its root as trusted.

    An initialisation that was cut short is finished with the keys it had made. storage: where the registry
    lies; None: in `home`.

    Raises:
        Conflict: there are keys and a registry already; they are never overwritten.
    """
    layout = Layout(home.resolve())
    _refuse_initialised(layout)
    if not layout.keys.exists():
        _make_keys(layout, (*roles.ROLES, PROVENANCE), _MARK, NOTICE)
    root_keys = load(layout, Root.type)
    _make_registry(layout, clock, lives or Lifetimes(), storage or Folder(layout.registry))
    return Initialised(
        layout.keys, layout.registry, tuple(sorted(each.public_key.keyid for each in root_keys))
    )


def init_following(home: Path, root: bytes) -> None:
    """Let `home` follow a registry that is signed elsewhere: trust `root`, and hold none of its keys.

    Its own builds are none, but what it states itself, such as a set of releases, it signs by its own key.

    Raises:
        Conflict: there are keys or a registry already. Untrusted: `root` is no signed root.
    """
    layout = Layout(home.resolve())
    roles.verified(root, Root, None)
    _refuse_initialised(layout)
    if not layout.keys.exists():
        _make_keys(layout, (PROVENANCE,), _FOLLOWING_MARK, FOLLOWS)
    make_folder(layout.trust)
    _pin_provenance(layout)
    files.write(layout.pinned_root, root)


def is_following(layout: Layout) -> bool:
    """Whether the registry of this home is signed elsewhere."""
    return (layout.keys / _FOLLOWING_MARK).exists()


def _refuse_initialised(layout: Layout) -> None:
    foreign = not layout.keys.exists() and layout.metadata.exists()
    if layout.pinned_root.exists() or layout.last_signed.exists() or foreign:
        raise Conflict(
            "already-initialised",
            f"{layout.home} already has keys or a registry",
            hint="choose another home folder; keys are never overwritten",
        )


def is_development(home: Path) -> bool:
    """Whether the keys in `home` are the ones that `init_development` makes."""
    return (Layout(home).keys / _MARK).exists()


def load(layout: Layout, role: str) -> list[CryptoSigner]:
    """All private keys of `role` that are here; none where they are kept offline.

    Raises:
        Forbidden: somebody else may read a key file.
        Damaged: a file there is not a private key.
    """
    return load_from(layout.keys / role)


def load_from(folder: Path) -> list[CryptoSigner]:
    """All private keys in a folder. Raises like `load`."""
    return [_load(path) for path in sorted(folder.glob("*.pem"))]


def unmark_development(layout: Layout) -> None:
    """The root's private keys are not here any more."""
    (layout.keys / _MARK).unlink(missing_ok=True)


def provenance_signer(layout: Layout) -> CryptoSigner:
    """The key that signs statements about builds.

    Raises:
        NotFound: there is none.
    """
    signers = load(layout, PROVENANCE)
    if not signers:
        raise NotFound("not-initialised", "there is no key to sign provenance with", hint="andon init")
    return signers[0]


def provenance_keys(layout: Layout) -> list[Key]:
    """The pinned public keys that provenance is verified with.

    Raises:
        NotFound: nothing was pinned here.
    """
    try:
        pinned = json.loads(layout.provenance_key.read_bytes())
    except FileNotFoundError as error:
        raise NotFound("not-initialised", "no provenance key is pinned here", hint="andon init") from error
    return [SSlibKey.from_dict(key_id, key) for key_id, key in pinned.items()]


def exchange_provenance(layout: Layout) -> tuple[str, str]:
    """A fresh key for statements about builds; gives the former one's id and its own.

    The former public key stays pinned, so that what it signed still verifies; the private one is removed.

    Raises:
        NotFound: there is no registry here yet.
    """
    with exclusive(layout.keys / ".lock"):
        former, fresh = provenance_signer(layout), CryptoSigner.generate_ed25519()
        pinned = {key.keyid: key.to_dict() for key in (*provenance_keys(layout), fresh.public_key)}
        files.write(layout.provenance_key, json.dumps(pinned).encode())
        folder = layout.keys / PROVENANCE
        files.write(folder / f"{fresh.public_key.keyid}.pem", fresh.private_bytes, mode=_PRIVATE)
        for path in folder.glob("*.pem"):
            if path.stem != fresh.public_key.keyid:
                path.unlink()
    return former.public_key.keyid, fresh.public_key.keyid


def _load(path: Path) -> CryptoSigner:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Forbidden("key-readable-by-others", f"others may read the key {path}", hint=f"chmod 600 {path}")
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except (ValueError, TypeError) as error:
        raise Damaged("bad-key", f"{path} is not a private key: {error}", hint="restore it") from error


def _make_keys(layout: Layout, which: Sequence[str], mark: str, notice: str) -> None:
    """All keys appear in one rename, so that an interrupted run leaves none or all."""
    make_folder(layout.home)
    fresh = layout.home / f".keys-{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o700)
    for role in which:
        folder = fresh / role
        folder.mkdir(mode=0o700)
        signer = CryptoSigner.generate_ed25519()
        files.write(folder / f"{signer.public_key.keyid}.pem", signer.private_bytes, mode=_PRIVATE)
    files.write(fresh / mark, notice.encode() + b"\n", mode=_PRIVATE)
    files.move(fresh, layout.keys)


def _make_registry(layout: Layout, clock: Clock, lives: Lifetimes, storage: Storage) -> None:
    """The pinned root is the last file: without it, this is done again."""
    make_folder(layout.trust)
    signers = {role: load(layout, role) for role in roles.ROLES}
    now = roles.first(signers, lives, clock.now())
    root = roles.sign(now.root, now.root, signers[Root.type])
    targets = roles.sign(now.targets, now.root, signers[Targets.type])
    now.snapshot.meta["targets.json"] = roles.described(now.targets, targets)
    snapshot = roles.sign(now.snapshot, now.root, signers[Snapshot.type])
    now.timestamp.snapshot_meta = roles.described(now.snapshot, snapshot)
    timestamp = roles.sign(now.timestamp, now.root, signers[Timestamp.type])
    storage.write(METADATA + "1.root.json", root)
    storage.write(METADATA + "1.targets.json", targets)
    storage.write(METADATA + "1.snapshot.json", snapshot)
    storage.write(METADATA + "timestamp.json", timestamp)
    _pin_provenance(layout)
    files.write(layout.pinned_root, root)


def _pin_provenance(layout: Layout) -> None:
    pinned = {signer.public_key.keyid: signer.public_key.to_dict() for signer in load(layout, PROVENANCE)}
    files.write(layout.provenance_key, json.dumps(pinned).encode())
