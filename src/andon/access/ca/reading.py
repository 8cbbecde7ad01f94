"""Reading certificates and keys that people bring, and saying what is wrong with them.

Everything is checked before anything is kept: that the key belongs to the certificate, that the chain leads
to a root, that each is in its life. Revocation is not checked: a closed network has nobody to ask.
"""

import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from andon.access.ca.certificates import PrivateKey, is_authority
from andon.kernel.errors import Damaged, Forbidden, InvalidInput, NotFound, Untrusted

_SMALLEST_RSA_BITS = 2048


def certificates(path: Path) -> list[x509.Certificate]:
    """All certificates of a PEM file, in its order.

    Raises:
        NotFound: there is no such file.
        InvalidInput: there is none in it, or one cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(_bytes(path))
    except ValueError as error:
        raise InvalidInput(
            "bad-certificate",
            f"{path} holds no readable certificate",
            hint="it must be PEM, beginning with -----BEGIN CERTIFICATE-----",
        ) from error


def private_key(path: Path) -> PrivateKey:
    """The private key in a PEM file.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is not one, is encrypted, or of a kind that browsers do not take.
    """
    try:
        key = load_pem_private_key(_bytes(path), None)
    except TypeError as error:
        raise InvalidInput(
            "encrypted-key",
            f"the key in {path} is protected by a passphrase",
            hint=f"openssl pkey -in {path} -out plain.key, and give that file",
        ) from error
    except ValueError as error:
        raise InvalidInput(
            "bad-key", f"{path} holds no readable private key", hint="it must be PEM, PKCS#8 or traditional"
        ) from error
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key
    raise InvalidInput(
        "unfit-key",
        f"the key in {path} is of a kind or size that clients do not accept",
        hint=f"use an elliptic curve (P-256, P-384) or RSA from {_SMALLEST_RSA_BITS} bits",
    )


def own_key(path: Path) -> PrivateKey:
    """A key of ours.

    Raises:
        NotFound: it is not here.
        Forbidden: somebody else may read it.
        Damaged: it is not a key.
    """
    refuse_shared(path)
    try:
        return private_key(path)
    except InvalidInput as error:
        raise Damaged(error.code, error.message, hint="put it back from a backup") from error


def refuse_shared(path: Path) -> None:
    """Raises Forbidden where somebody else may read `path`; nothing happens where it is missing."""
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Forbidden("key-readable-by-others", f"others may read the key {path}", hint=f"chmod 600 {path}")


def check_pair(certificate: x509.Certificate, key: PrivateKey) -> None:
    """Raises InvalidInput unless the key belongs to the certificate."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise InvalidInput(
            "key-mismatch",
            f"the key does not belong to the certificate of {_name(certificate)}",
            hint="give the key that the certificate was requested with",
        )


def check_life(certificate: x509.Certificate, now: datetime) -> None:
    """Raises InvalidInput unless `now` lies in the certificate's life."""
    if now >= certificate.not_valid_after_utc:
        raise InvalidInput(
            "certificate-expired",
            f"the certificate of {_name(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint="ask its issuer for a new one",
        )
    if now < certificate.not_valid_before_utc:
        raise InvalidInput(
            "certificate-not-yet-valid",
            f"the certificate of {_name(certificate)} is valid from "
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            hint="check this machine's clock",
        )


def chain(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...]:
    """What leads from `leaf` to a root among `others`, the root last; empty where the leaf is a root.

    Raises:
        Untrusted: a signature on the way does not hold, or an issuer is no authority.
        InvalidInput: an issuer is missing or out of its life.
    """
    way: list[x509.Certificate] = []
    at = leaf
    check_life(at, now)
    while at.issuer != at.subject:
        at = _issuer(at, others)
        if at in way:
            raise Untrusted("bad-chain", f"the chain of {_name(leaf)} goes round in a circle")
        check_life(at, now)
        way.append(at)
    if not is_signed_by(at, at):
        raise Untrusted("bad-signature", f"the root {_name(at)} is not signed by itself")
    return tuple(way)


def _issuer(of: x509.Certificate, others: Sequence[x509.Certificate]) -> x509.Certificate:
    named = [each for each in others if each.subject == of.issuer]
    if not named:
        raise InvalidInput(
            "issuer-missing",
            f"the certificate of the issuer {of.issuer.rfc4514_string()} was not given",
            hint="give the whole chain up to the root, one after the other in one PEM file",
        )
    found = next((each for each in named if is_signed_by(of, each)), None)
    if found is None:
        raise Untrusted(
            "bad-signature",
            f"the certificate of {_name(of)} is not signed by {_name(named[0])}",
            hint="give the chain that its issuer handed out with it",
        )
    if not is_authority(found):
        raise Untrusted("not-an-authority", f"{_name(found)} may not sign certificates")
    return found


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether this very issuer signed it. Neither life nor right to sign is looked at."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound("no-such-file", f"there is no file {path}") from error
    except OSError as error:
        raise InvalidInput("unreadable-file", f"cannot read {path}: {error.strerror}") from error


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "(no name)"
