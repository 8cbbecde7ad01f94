"""Signs notes: as a log its checkpoints, as a witness what it cosigns. Checking them is in note.py."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from andon_wire.note import COSIGNER_KEY, LOG_KEY, Key, Malformed, Signature, cosigned_text


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key with its name. kind: LOG_KEY or COSIGNER_KEY."""

    name: str
    kind: int
    private: Ed25519PrivateKey

    @property
    def key(self) -> Key:
        """Its public half."""
        return Key(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, at: int = 0) -> Signature:
        """Sign a note's text; a cosigner states the time `at`, in seconds since 1970, with it."""
        if self.kind == LOG_KEY:
            return Signature(self.name, self.key.id, self.private.sign(text.encode()))
        signed = self.private.sign(cosigned_text(text, at).encode())
        return Signature(self.name, self.key.id, at.to_bytes(8, "big") + signed)

    def pem(self) -> bytes:
        """The private key as a file has it; keep it from others."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def generate(cls, name: str, kind: int) -> "Signer":
        """A new key."""
        return cls(name, kind, Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, name: str, kind: int, pem: bytes) -> "Signer":
        """The key of a file.

        Raises:
            Malformed: it is not an Ed25519 key.
        """
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise Malformed(f"the key of {name} cannot be read") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Malformed(f"the key of {name} is not an Ed25519 key")
        return cls(name, kind, private)


def check(key: bytes, signature: bytes, message: bytes) -> bool:
    """What `andon_wire.ed25519.verify` does, a hundred times as fast; for where this library is installed."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


__all__ = ["COSIGNER_KEY", "LOG_KEY", "Signer", "check"]
