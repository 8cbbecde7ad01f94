"""Making certificates: names, keys, extensions. Values in, values out; the files are `authority.py`'s.

Extensions follow RFC 5280 and, for servers, what browsers ask for: names in the subject's alternatives only.
"""

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from andon.access.ca.model import Certificate, Kind
from andon.kernel.errors import Conflict, InvalidInput

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
AUTHORITY_LIFE = timedelta(days=3650)
AGENT_URI = "andon:agent/"
EARLIER = timedelta(
    hours=1
)  # valid from so long before it was made: a station whose clock is a little slow accepts a fresh certificate
_MOST_NAMES = 100
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CLIENT = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that can sign. `above` is what leads from it to the root, the root last."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key on P-256, which every browser and OpenSSL takes."""
    return ec.generate_private_key(ec.SECP256R1())


def authority(name: str, key: PrivateKey, now: datetime, permitted: Sequence[str]) -> x509.Certificate:
    """A root that signs itself. With `permitted` (domains, networks) it counts for these only.

    Raises:
        InvalidInput: the name, a domain or a network is none.
    """
    subject = _subject(name)
    builder = (
        _builder(subject, subject, key, now)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if permitted:
        limits = x509.NameConstraints([_limit(each) for each in permitted], None)
        builder = builder.add_extension(limits, critical=True)
    return builder.sign(key, hashes.SHA256())


def server(
    issuer: Issuer, key: PrivateKey, names: Sequence[str], now: datetime, life: timedelta
) -> x509.Certificate:
    """A certificate for a server that is reached under `names`: DNS names and addresses.

    Raises:
        InvalidInput: a name is none, or there is none.
        Conflict: the authority's own life is over.
    """
    alternatives = [_server_name(each) for each in _once(names)]
    if not 1 <= len(alternatives) <= _MOST_NAMES:
        raise InvalidInput(
            "bad-server-names",
            f"a server certificate needs 1 to {_MOST_NAMES} names, not {len(alternatives)}",
            hint="name the DNS names and addresses under which browsers and stations reach this server",
        )
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    return _leaf(issuer, key, _subject(names[0]), alternatives, (usage, now, life))


def client(issuer: Issuer, key: PrivateKey, name: str, now: datetime, life: timedelta) -> x509.Certificate:
    """A certificate by which an agent names itself: `andon:agent/<name>` in a URI.

    Raises:
        InvalidInput: the name is none.
        Conflict: the authority's own life is over.
    """
    alternatives = [x509.UniformResourceIdentifier(AGENT_URI + client_name(name))]
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    return _leaf(issuer, key, _subject(name), alternatives, (usage, now, life))


def client_name(name: str) -> str:
    """`name`, when an agent may be called so; it also names a file.

    Raises:
        InvalidInput: it may not.
    """
    if not _CLIENT.fullmatch(name) or ".." in name:
        raise InvalidInput(
            "bad-client-name",
            f"{name!r} cannot name a client",
            hint="use lower-case letters, digits, dots and hyphens, at most 64",
        )
    return name


def look(certificate: x509.Certificate) -> Certificate:
    """What a person wants to know of it."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest().upper()
    return Certificate(
        kind=_kind(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=_names(certificate),
        valid_from=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
        serial=f"{certificate.serial_number:x}",
        fingerprint=":".join(digest[at : at + 2] for at in range(0, len(digest), 2)),
    )


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign others."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return constraints.ca
    return constraints.ca and usage.key_cert_sign


def may_serve(certificate: x509.Certificate) -> bool:
    """Whether clients accept it from a server."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in usages


def _leaf(
    issuer: Issuer,
    key: PrivateKey,
    subject: x509.Name,
    alternatives: Sequence[x509.GeneralName],
    terms: tuple[x509.ObjectIdentifier, datetime, timedelta],
) -> x509.Certificate:
    usage, now, life = terms
    ends = issuer.certificate.not_valid_after_utc
    if ends <= now:
        raise Conflict(
            "authority-expired",
            f"the authority's certificate expired on {ends:%Y-%m-%d}",
            hint="make or import a new one: docs/operations/tls.md",
        )
    if life <= timedelta():
        raise InvalidInput("bad-life", "a certificate must live at least a day", hint="--days 90")
    return (
        _builder(subject, issuer.certificate.subject, key, now)
        .not_valid_after(min(now + life, ends))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(_key_of(issuer.certificate), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str) -> x509.Name:
    """The organisation alone where the name is longer than a common name may be (64, RFC 5280)."""
    if not name.strip() or not name.isprintable():
        raise InvalidInput("bad-name", f"{name!r} cannot name a certificate", hint="write 1 to 64 characters")
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Andon")
    if len(name) > 64:
        return x509.Name([organisation])
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(each.strip().lower().rstrip(".") for each in names))


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(_domain(name))


def _limit(permitted: str) -> x509.GeneralName:
    text = permitted.strip().lower()
    try:
        return x509.IPAddress(ipaddress.ip_network(text))
    except ValueError:
        return x509.DNSName(_domain(text.removeprefix(".")))


def _domain(name: str) -> str:
    labels = name.split(".")
    is_number = labels[-1].isdecimal()  # 10.0.0.300 is a mistyped address, not a name
    if len(name) > 253 or is_number or not all(_LABEL.fullmatch(each) for each in labels):
        raise InvalidInput(
            "bad-server-name",
            f"{name!r} is neither a DNS name nor an address",
            hint="write a name such as andon.plant.local, or an address such as 10.20.0.5",
        )
    return name


def _kind(certificate: x509.Certificate) -> Kind:
    if is_authority(certificate):
        return Kind.AUTHORITY
    return Kind.SERVER if may_serve(certificate) else Kind.CLIENT


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in found)
