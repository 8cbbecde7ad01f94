"""Signed statements, such as in-toto provenance, in DSSE envelopes. The cryptography is the library's."""

import json
from collections.abc import Sequence

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, Signer

from andon.kernel.errors import Untrusted

IN_TOTO = "application/vnd.in-toto+json"  # the payload type of in-toto statements


def sign_envelope(payload_type: str, payload: bytes, signer: Signer) -> bytes:
    """`payload` in a DSSE envelope (JSON) signed by `signer`; the type is signed with it."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), sort_keys=True).encode()


def verify_envelope(envelope: bytes, payload_type: str, keys: Sequence[Key], *, threshold: int = 1) -> bytes:
    """The payload, when at least `threshold` of `keys` signed it as `payload_type`.

    Raises:
        Untrusted: garbage, another type, or not enough good signatures.
    """
    try:
        opened = Envelope.from_dict(json.loads(envelope))
        opened.verify(list(keys), threshold)
    except (ValueError, KeyError, TypeError, AttributeError, VerificationError) as error:
        raise Untrusted("bad-envelope", f"a signed statement does not verify: {error}") from error
    if opened.payload_type != payload_type:
        raise Untrusted(
            "wrong-payload-type",
            f"a signed statement is of type {opened.payload_type!r}, not {payload_type!r}",
        )
    return opened.payload
