"""Andon's own mark on each signature: Ed25519 over all its fields, so that no other hand makes one.

The key file holds the private key in force and the public keys of the former ones, as PEM blocks in this
order. Each key is known by an id that stands in the seal, so that a rotation leaves old seals verifiable.
What is not here: who may sign (`commands.py`), and where the rows are (`store.py`).
"""

import hashlib
import json
import re
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from andon.access.signatures.model import Document, Signature, Standing
from andon.kernel import files
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound

_PRIVATE = 0o600
# What is sealed begins with these words, so that the key's work can never pass for anything else.
_DOMAIN = b"andon electronic signature v1\n"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----\n?", re.DOTALL)


def make(path: Path) -> str:
    """Make a key at `path`, readable by its owner alone; gives its id.

    Raises:
        Conflict: there is a file already; a key is never overwritten.
    """
    if path.exists():
        raise Conflict("already-initialised", f"{path} is there already", hint="keys are never overwritten")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    files.write(path, _private_pem(key), mode=_PRIVATE)
    return key_id(key.public_key())


def rotate(path: Path) -> str:
    """Seal with a new key from the next start on; gives its id. The former one stays for verifying only.

    Raises:
        NotFound, Forbidden, Damaged: as `Sealer.load`.
    """
    former = Sealer.load(path)
    key = Ed25519PrivateKey.generate()
    public = b"".join(_public_pem(each) for each in former.public_keys)
    files.write(path, _private_pem(key) + public, mode=_PRIVATE)
    return key_id(key.public_key())


def key_id(key: Ed25519PublicKey) -> str:
    """The first 64 bits, hex, of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


class Sealer:
    """Seals signatures with the key in force, and verifies the seals of all known keys."""

    def __init__(self, key: Ed25519PrivateKey, former: tuple[Ed25519PublicKey, ...] = ()) -> None:
        self._key = key
        self._id = key_id(key.public_key())
        self._known = {key_id(each): each for each in (key.public_key(), *former)}

    @classmethod
    def load(cls, path: Path) -> "Sealer":
        """The keys in the file at `path`.

        Raises:
            NotFound: there is none. Forbidden: others may read it. Damaged: it does not hold keys.
        """
        try:
            mode, content = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound("not-initialised", f"there is no key {path}", hint="andon init") from error
        if mode & 0o077:
            raise Forbidden(
                "key-readable-by-others", f"others may read the key {path}", hint=f"chmod 600 {path}"
            )
        blocks = [found[0] for found in _BLOCK.finditer(content)]
        try:
            key = load_pem_private_key(blocks[0], None)
            former = [load_pem_public_key(each) for each in blocks[1:]]
        except (IndexError, TypeError, ValueError) as error:
            raise Damaged("bad-key", f"{path} does not hold keys: {error}", hint="restore it") from error
        known = [each for each in former if isinstance(each, Ed25519PublicKey)]
        if not isinstance(key, Ed25519PrivateKey) or len(known) != len(former):
            raise Damaged("bad-key", f"{path} holds keys of another kind than Ed25519", hint="restore it")
        return cls(key, tuple(known))

    @property
    def public_keys(self) -> tuple[Ed25519PublicKey, ...]:
        """The key in force, then the former ones."""
        return tuple(self._known.values())

    def seal(self, signature: Signature) -> str:
        """The seal of `signature`: the key's id, a dot, and the signature in hex."""
        return f"{self._id}.{self._key.sign(_DOMAIN + sealed_text(signature).encode()).hex()}"

    def standing(self, signature: Signature, present: Document | None = None) -> Standing:
        """What `signature` is worth for the document as it is now; None: as it was signed."""
        if not self._is_genuine(signature) or signature.document.hash != signature.document_hash:
            return Standing.FORGED
        if present is not None and present.hash != signature.document_hash:
            return Standing.UNSIGNED
        return Standing.VALID

    def _is_genuine(self, signature: Signature) -> bool:
        name, _, seal = signature.seal.partition(".")
        key = self._known.get(name)
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(seal), _DOMAIN + sealed_text(signature).encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def sealed_text(signature: Signature) -> str:
    """Canonical JSON of all fields but the seal; the time in UTC to the microsecond."""
    whole = {
        "id": signature.id,
        "document": json.loads(signature.document.canonical()),
        "document_hash": signature.document_hash,
        "signer_id": signature.signer_id,
        "signer": signature.signer,
        "display_name": signature.display_name,
        "meaning": signature.meaning.value,
        "reason": signature.reason,
        "at": signature.at.isoformat(timespec="microseconds"),
        "method": signature.method,
    }
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
