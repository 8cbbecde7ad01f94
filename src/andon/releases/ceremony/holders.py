"""Private keys of people, sealed by a passphrase, each on a medium of its own. No home is needed here.

kim.key.json     sealed private key; scrypt makes a key of the passphrase, AES-256-GCM seals with it
kim.pub.json     the public half, with the holder's name; this is what the server is given
kim.signed.json  what was signed last, so that one version is never signed twice with other content
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from andon.kernel import files
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound

KEY, PUBLIC, SIGNED = ".key.json", ".pub.json", ".signed.json"
HOLDER = "x-andon-holder"  # field of a public key in the root: whose it is
SHORTEST_PASSPHRASE = 12
_FORMAT, _PUBLIC_FORMAT = "andon-key/1", "andon-public-key/1"
_COST, _BLOCK, _LANES = 1 << 17, 8, 1  # scrypt: 128 MiB and about half a second a guess
_MOST_COST = 1 << 20
PublicKey: TypeAlias = Key
PrivateKey: TypeAlias = CryptoSigner
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Made:
    """A new key: where its halves are, and its id as the root names it."""

    key: Path
    public: Path
    key_id: str


def make(folder: Path, holder: str, passphrase: str) -> Made:
    """Make a key for `holder` in `folder`, the medium.

    Raises:
        InvalidInput: the name or the passphrase will not do. Conflict: the holder has a key there.
    """
    if not _NAME.fullmatch(holder):
        raise InvalidInput(
            "bad-name", f"holder {holder!r} is not a name", hint="lower-case letters, digits, hyphens"
        )
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InvalidInput(
            "passphrase-too-short",
            f"the passphrase has {len(passphrase)} characters, at least {SHORTEST_PASSPHRASE} are needed",
            hint="five words that nobody would put together are long and can be remembered",
        )
    made = Made(folder / f"{holder}{KEY}", folder / f"{holder}{PUBLIC}", "")
    if made.key.exists() or made.public.exists():
        raise Conflict("key-exists", f"{made.key} is there; keys are never overwritten")
    if not folder.is_dir():
        raise NotFound("no-such-folder", f"there is no folder {folder}", hint="is the medium in its place?")
    private, signer = _generated(holder)
    key = signer.public_key
    sealed = _seal(private.private_bytes_raw(), passphrase, holder, key.keyid)
    public = {"format": _PUBLIC_FORMAT, "holder": holder, "keyid": key.keyid, "key": key.to_dict()}
    files.write(made.key, _text(sealed), mode=0o600)
    files.write(made.public, _text(public))
    return Made(made.key, made.public, key.keyid)


def generate(holder: str) -> PrivateKey:
    """A fresh key of `holder` that is nowhere but in memory."""
    return _generated(holder)[1]


def load(path: Path, passphrase: str) -> PrivateKey:
    """The private key in the file `path`.

    Raises:
        NotFound, InvalidInput: no such file, or no key. Forbidden: another passphrase.
    """
    document = _read(path, _FORMAT)
    try:
        holder, key_id = str(document["holder"]), str(document["keyid"])
        raw = AESGCM(_derived(document["kdf"], passphrase)).decrypt(
            bytes.fromhex(document["nonce"]), bytes.fromhex(document["sealed"]), _bound(holder, key_id)
        )
        private = Ed25519PrivateKey.from_private_bytes(raw)
    except InvalidTag as error:
        raise Forbidden(
            "wrong-passphrase", f"{path} does not open with this passphrase", hint="type it again"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            "bad-key-file", f"{path} is damaged: {error}", hint="take the copy of it"
        ) from error
    return CryptoSigner(private, _named(CryptoSigner(private).public_key, holder))


def public(path: Path) -> PublicKey:
    """The public key in the file `path`, as `make` wrote it.

    Raises:
        NotFound, InvalidInput: no such file, or no public key.
    """
    document = _read(path, _PUBLIC_FORMAT)
    try:
        key = SSlibKey.from_dict(str(document["keyid"]), dict(document["key"]))
        whose = _named(key, str(document["holder"]))
        value = bytes.fromhex(key.keyval["public"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput("bad-key-file", f"{path} is damaged: {error}", hint="copy it again") from error
    if (key.keytype, key.scheme, len(value)) != ("ed25519", "ed25519", 32):
        raise InvalidInput("bad-key-file", f"{path} holds no Ed25519 key", hint="andon keys make")
    if not _NAME.fullmatch(whose.unrecognized_fields[HOLDER]):
        raise InvalidInput("bad-key-file", f"{path} names no holder", hint="andon keys make")
    return whose


def holder_of(key: Key) -> str:
    """Whose key it is; empty for one that no person holds."""
    return str(key.unrecognized_fields.get(HOLDER, ""))


def _generated(holder: str) -> tuple[Ed25519PrivateKey, CryptoSigner]:
    private = Ed25519PrivateKey.generate()
    return private, CryptoSigner(private, _named(CryptoSigner(private).public_key, holder))


def _named(key: Key, holder: str) -> SSlibKey:
    return SSlibKey(key.keyid, key.keytype, key.scheme, key.keyval, {HOLDER: holder})


def _seal(raw: bytes, passphrase: str, holder: str, key_id: str) -> dict[str, Any]:
    salt, nonce = os.urandom(16), os.urandom(12)
    derived = Scrypt(salt, 32, _COST, _BLOCK, _LANES).derive(passphrase.encode())
    return {
        "format": _FORMAT,
        "holder": holder,
        "keyid": key_id,
        "kdf": {"name": "scrypt", "n": _COST, "r": _BLOCK, "p": _LANES, "salt": salt.hex()},
        "nonce": nonce.hex(),
        "sealed": AESGCM(derived).encrypt(nonce, raw, _bound(holder, key_id)).hex(),
    }


def _derived(kdf: dict[str, Any], passphrase: str) -> bytes:
    cost, block, lanes = int(kdf["n"]), int(kdf["r"]), int(kdf["p"])
    if cost > _MOST_COST or block > _BLOCK or lanes > _LANES:
        raise ValueError("it asks for too much memory")
    return Scrypt(bytes.fromhex(kdf["salt"]), 32, cost, block, lanes).derive(passphrase.encode())


def _bound(holder: str, key_id: str) -> bytes:
    return f"{_FORMAT} {holder} {key_id}".encode()


def _read(path: Path, format_: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes()[: 1 << 16])
    except FileNotFoundError as error:
        raise NotFound("no-such-file", f"there is no {path}", hint="is the medium in its place?") from error
    except (OSError, ValueError) as error:
        raise InvalidInput("bad-key-file", f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("format") != format_:
        raise InvalidInput("bad-key-file", f"{path} is not a file of the format {format_}")
    return document


def _text(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
