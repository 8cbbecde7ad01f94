"""The one-time token by which a machine becomes a station.

    andon1.<secret, 32 hex>.<pin, 32 hex>

The secret is what the control plane knows a hash of, and forgets once it was used. The pin names the fleet's
key and the TUF root that the answer has to bring, so that nobody in between can enrol a machine into another
plant, also without TLS. The machine signs its request with the key that it enrols, so that nobody can enrol a
key he does not have.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from andon_wire.errors import Malformed, Untrusted
from andon_wire.protocol import Enrolled

_TOKEN = re.compile(r"andon1\.([0-9a-f]{32})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, taken apart."""

    secret: str
    pin: str

    def __str__(self) -> str:
        """As a person carries it to the station."""
        return f"andon1.{self.secret}.{self.pin}"

    @property
    def hash(self) -> str:
        """What the control plane keeps of it: SHA-256 in hex; no slow hash, as the secret is random."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    @classmethod
    def make(cls, wanted_key: str, root: str) -> "Token":
        """A new one, for the plant whose fleet key (hex) and TUF root (its text) these are."""
        return cls(secrets.token_hex(16), pin_of(wanted_key, root))

    @classmethod
    def parse(cls, text: str) -> "Token":
        """The token that was typed.

        Raises:
            Malformed: it is none.
        """
        found = _TOKEN.fullmatch(text.strip())
        if found is None:
            raise Malformed(
                "bad-enrolment-token",
                "this is not an enrolment token; one is written andon1.<32 hex>.<32 hex>",
                hint="make one: andon fleet enrol-token",
            )
        return cls(found[1], found[2])


def pin_of(wanted_key: str, root: str) -> str:
    """The name of a plant's two keys: half of a SHA-256, in hex."""
    digest = hashlib.sha256(b"andon-enrolment/1\n" + bytes.fromhex(wanted_key) + root.encode())
    return digest.hexdigest()[:32]


def check_enrolled(token: Token, enrolled: Enrolled) -> None:
    """Refuse an answer of another plant than the one that made the token.

    Raises:
        Untrusted: its fleet key or its root is another.
    """
    try:
        pin = pin_of(enrolled.wanted_key, enrolled.root)
    except ValueError as error:
        raise Untrusted("other-plant", "the fleet's key in the answer is none") from error
    if not hmac.compare_digest(pin, token.pin):
        raise Untrusted(
            "other-plant",
            "the answer to the enrolment has other keys than the token was made for",
            hint="make a new token if the root key was replaced since; else somebody sits in between",
        )
