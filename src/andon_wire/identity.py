"""Whose word it is: requests that a station signs, and what it should run, which the fleet's key signs.

A request carries `Authorization: Andon-Station <JWT>`, good for this one request: method, path with query,
hash of the body, the control plane it is for, the time and a nonce are all signed. So a token that is read
on the way says nothing else, at no other place, not later and not a second time (`nonces.py`). The control
plane refuses before it reads anything of what was sent but its bytes.

Both are compact JWS with Ed25519 (RFC 7515, 8037), told apart by `typ`, so that neither passes for the
other. Times are seconds since 1970. The token of an enrolment is in enrolment.py.
"""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from andon_wire.errors import Malformed, Untrusted
from andon_wire.protocol import Wanted

SCHEME = "Andon-Station"  # of the header Authorization
TOLERANCE_S = 60.0  # by how much the clocks of both sides may differ
FOR_ENROLMENT = "andon-enrolment"  # audience of the one request that is made before the fleet's key is known
MOST_TOKEN_BYTES = 2048
MOST_WANTED_BYTES = 1 << 20
_REQUEST, _WANTED = "andon-request+jwt", "andon-wanted+jws"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_NONCE = re.compile(r"[0-9a-f]{32}")
_JWS = jwt.PyJWS(algorithms=["EdDSA"])


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """An Ed25519 key: a station's own, or the fleet's."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """Its public half: 32 bytes in hex, as documents carry it."""
        return self.private.public_key().public_bytes_raw().hex()

    def pem(self) -> bytes:
        """As a file has it (PKCS 8); keep it from others."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, pem: bytes) -> "PrivateKey":
        """The key of a file.

        Raises:
            Malformed: it is not an Ed25519 key.
        """
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Malformed("bad-key", "the private key cannot be read") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Malformed("bad-key", "the private key is not an Ed25519 key")
        return cls(private)


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of a request. target: path with query, byte for byte as it stands in the request line.

    audience: the fleet's public key in hex, or FOR_ENROLMENT, so that one plant's request is nothing to
    another.
    """

    method: str
    target: str
    body: bytes
    audience: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says that holds."""

    station: str
    issued: float
    nonce: str


def sign_request(request: Request, *, station: str, key: PrivateKey, now: float) -> str:
    """The token of one request. now: the control plane's time, as far as the station knows it."""
    claims = {
        "sub": station,
        "aud": request.audience,
        "iat": round(now, 3),
        "jti": secrets.token_hex(16),
        "htm": request.method.upper(),
        "htu": request.target,
        "bsh": hashlib.sha256(request.body).hexdigest(),
    }
    return _sign(json.dumps(claims, separators=(",", ":")).encode(), key, _REQUEST)


def authorization(token: str) -> str:
    """The value of the header that carries it."""
    return f"{SCHEME} {token}"


def token_of(header: str | None) -> str | None:
    """The token in a header `Authorization`; None where it has none of a station."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.casefold() == SCHEME.casefold() and token.strip() else None


def claimed_station(token: str) -> str:
    """Who a token says it is of, so that the key to check it by can be looked up. Nothing is shown by it.

    Raises:
        Untrusted: it is no such token.
    """
    if len(token) > MOST_TOKEN_BYTES:
        raise _untrusted("bad-token", "the token of the request is too long")
    _, _, rest = token.partition(".")
    part = rest.partition(".")[0]
    try:
        payload = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise _untrusted("bad-token", "the token of the request cannot be read") from error
    return _claims(payload).station


def check_request(
    token: str, request: Request, *, key: str, now: float, tolerance: float = TOLERANCE_S
) -> Claims:
    """What a token says, when it is that key's word for exactly this request, and of now.

    key: the station's public key in hex. Whether the nonce was used is left: `nonces.Nonces.use`.

    Raises:
        Untrusted: it is not; the code tells stale-request (the clocks differ) from the rest.
    """
    if len(token) > MOST_TOKEN_BYTES:
        raise _untrusted("bad-token", "the token of the request is too long")
    payload = _checked(token, key, _REQUEST)
    claims = _claims(payload)
    said: dict[str, Any] = json.loads(payload)
    meant = {
        "aud": request.audience,
        "htm": request.method.upper(),
        "htu": request.target,
        "bsh": hashlib.sha256(request.body).hexdigest(),
    }
    for name, value in meant.items():
        if said.get(name) != value:
            raise _untrusted("other-request", f"the token was signed for another request: {name} differs")
    if abs(now - claims.issued) > tolerance:
        raise Untrusted(
            "stale-request",
            f"the request was signed {now - claims.issued:+.0f} s ago; {tolerance:.0f} s are allowed",
            hint="the agent signs again by the time in this answer; set the station's clock",
        )
    return claims


def sign_wanted(wanted: Wanted, key: PrivateKey) -> str:
    """What a station should run, as the fleet's key says it."""
    return _sign(wanted.model_dump_json().encode(), key, _WANTED)


def check_wanted(text: str, *, key: str, station: str) -> Wanted:
    """What a station should run. key: the fleet's, in hex, pinned at enrolment.

    That its revision is not lower than one that was seen is for the agent to look at, which remembers.

    Raises:
        Untrusted: it is not that key's word, or for another station.
        Malformed: it is, and cannot be read.
    """
    if len(text) > MOST_WANTED_BYTES:
        raise Malformed("bad-wanted", "what is wanted is longer than 1 MiB")
    payload = _checked(text, key, _WANTED)
    try:
        wanted = Wanted.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Malformed("bad-wanted", f"what is wanted: {where}: {first['msg']}") from error
    if wanted.station != station:
        raise _untrusted("other-station", f"this is wanted of {wanted.station}, not of {station}")
    return wanted


def _sign(payload: bytes, key: PrivateKey, kind: str) -> str:
    return _JWS.encode(payload, key.private, algorithm="EdDSA", headers={"typ": kind})


def _checked(token: str, key: str, kind: str) -> bytes:
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        found = _JWS.decode_complete(token, public, algorithms=["EdDSA"])
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _untrusted("bad-signature", "the signature does not hold") from error
    if found["header"].get("typ") != kind:
        raise _untrusted("bad-signature", f"what was signed is not {kind}")
    payload: bytes = found["payload"]
    return payload


def _claims(payload: bytes) -> Claims:
    """The claims that every token has, of the form they have to have."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _untrusted("bad-token", "the token of the request cannot be read") from error
    match said:
        case {"sub": str(station), "iat": int() | float() as issued, "jti": str(nonce)} if (
            _NAME.fullmatch(station) and _NONCE.fullmatch(nonce) and -1e12 < issued < 1e12
        ):
            return Claims(station, float(issued), nonce)
        case _:
            raise _untrusted("bad-token", "the token of the request lacks what one has to say")


def _untrusted(code: str, message: str) -> Untrusted:
    return Untrusted(code, message)
