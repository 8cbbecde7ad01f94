"""The text by which a machine becomes a station, once, and of which plant.

    <token>.<pin, 32 hex>

The token is what the control plane knows a hash of, and uses up. The pin names the fleet's key and the TUF
root that the answer has to bring, so that nobody in between can enrol a machine into another plant, also
without TLS; it is not sent. A text without one is good over TLS alone. The machine signs its request with the
key that it enrols, so that nobody can enrol a key he does not have.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from andon_wire.errors import Malformed, Untrusted
from andon_wire.protocol import Enrolled

_TEXT = re.compile(r"([A-Za-z0-9_-]{16,150})(?:\.([0-9a-f]{32}))?")


@dataclass(frozen=True, slots=True)
class EnrolmentText:
    """A text, taken apart. token: what is sent; pin: empty where there is none."""

    token: str
    pin: str = ""

    def __str__(self) -> str:
        """As a person carries it to the station."""
        return f"{self.token}.{self.pin}" if self.pin else self.token

    @classmethod
    def parse(cls, text: str) -> "EnrolmentText":
        """The text that was typed.

        Raises:
            Malformed: it is none.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise Malformed(
                "bad-enrolment-token",
                "this is no text to enrol by; one is a token, a dot and 32 hex digits",
                hint="an administrator makes one with `andon fleet`",
            )
        return cls(found[1], found[2] or "")


def pinned(token: str, *, wanted_key: str, root: str) -> str:
    """The text of a token of the plant whose fleet key (hex) and TUF root (its text) these are."""
    return str(EnrolmentText(token, pin_of(wanted_key, root)))


def pin_of(wanted_key: str, root: str) -> str:
    """The name of a plant's two keys: half of a SHA-256, in hex."""
    digest = hashlib.sha256(b"andon-enrolment/1\n" + bytes.fromhex(wanted_key) + root.encode())
    return digest.hexdigest()[:32]


def check_enrolled(text: EnrolmentText, enrolled: Enrolled) -> None:
    """Refuse an answer of another plant than the one that made the text; all pass where it has no pin.

    Raises:
        Untrusted: its fleet key or its root is another.
    """
    try:
        pin = pin_of(enrolled.wanted_key, enrolled.root)
    except ValueError as error:
        raise Untrusted("other-plant", "the fleet's key in the answer is none") from error
    if text.pin and not hmac.compare_digest(pin, text.pin):
        raise Untrusted(
            "other-plant",
            "the answer to the enrolment has other keys than the token was made for",
            hint="make a new token if a key of the plant was replaced since; else somebody sits in between",
        )
