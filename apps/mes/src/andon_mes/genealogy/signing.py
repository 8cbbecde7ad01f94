"""Signed certificates: the JSON by a detached JWS (RFC 7515, appendix F; ES256), the PDF by PAdES (ETSI EN
319 142), both with the plant's own key. Whoever has the plant's certificate verifies them without this MES.

One file holds the key and its X.509 certificate as PEM, and is its owner's alone (0600).
"""

import base64
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from andon_mes.kernel.errors import Conflict, InvalidInput, Problem, Words, invalid

_ALGORITHM = "ES256"
_LIFE = timedelta(days=3653)
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The plant's private key (P-256) and its certificate."""

    private: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file's signature is worth, and why. `is_trusted` is None where no certificate was given."""

    kind: str
    is_intact: bool
    is_trusted: bool | None
    signer: str | None
    fingerprint: str | None
    reason: str | None = None


def create(name: str, at: datetime) -> SigningKey:
    """A new key with a certificate that it signs itself, for ten years; `name` is the plant's."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )
    return SigningKey(private, certificate)


def of_pem(pem: bytes, where: str) -> SigningKey:
    """The key and certificate in `pem`. Raises: InvalidInput when they are not there or do not fit."""
    try:
        private = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError) as error:
        raise _unusable(where, "It holds no private key and certificate in PEM") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise _unusable(where, "Its key is not an EC key on P-256")
    if private.public_key() != certificate.public_key():
        raise _unusable(where, "Its certificate is of another key")
    return SigningKey(private, certificate)


def load(path: Path | None) -> SigningKey:
    """The plant's key. Raises: Conflict (SIGNING_KEY_MISSING, SIGNING_KEY_EXPOSED); InvalidInput."""
    if path is None or not path.is_file():
        raise _missing(path)
    if path.stat().st_mode & _OTHERS:
        raise _exposed(path)
    return of_pem(path.read_bytes(), str(path))


def certificate_of(path: Path) -> x509.Certificate:
    """The certificate in a PEM file, with or without its key. Raises: InvalidInput when there is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(str(path), "It holds no certificate in PEM") from error


def save(key: SigningKey, path: Path) -> None:
    """Write key and certificate to a new file of its owner's alone. Raises: FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + public_pem(key)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def public_pem(key: SigningKey) -> bytes:
    """The certificate alone: what is given to whoever verifies."""
    return key.certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of the certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def canonical(document: object) -> bytes:
    """What is signed: the document as JSON with its names in order and no spaces, in UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sign_json(document: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """`{"certificate": document, "signature": <detached JWS>}`; the header carries the X.509 certificate."""
    from jwt import PyJWS

    der = key.certificate.public_bytes(serialization.Encoding.DER)
    headers = {"x5c": [base64.b64encode(der).decode()]}
    header, _, signature = PyJWS().encode(canonical(document), key.private, _ALGORITHM, headers).split(".")
    return {"certificate": document, "signature": f"{header}..{signature}"}


def sign_pdf(pdf: bytes, key: SigningKey, reason: str) -> bytes:
    """`pdf` with a PAdES signature over all of it. Not within a running event loop."""
    from asn1crypto import keys
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    private = key.private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(key.certificate.public_bytes(serialization.Encoding.DER)),
        signing_key=keys.PrivateKeyInfo.load(private),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
    )
    meta = signers.PdfSignatureMetadata(
        field_name="Plant",
        reason=reason,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signed = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), meta, signer=signer)
    return bytes(signed.getbuffer())


def verify(content: bytes, trusted: x509.Certificate | None) -> Verdict:
    """What the signature of a file, PDF or JSON, is worth; a bad file is one of no worth.

    Not within a running event loop.
    """
    if content.startswith(b"%PDF"):
        return _verify_pdf(content, trusted)
    return _verify_json(content, trusted)


def _verify_json(content: bytes, trusted: x509.Certificate | None) -> Verdict:
    import jwt

    try:
        document = json.loads(content)
        if "signature" not in document:
            return _broken("JSON", "it is not signed")
        header, empty, signature = document["signature"].split(".")
        signer = _signer_of(header)
        payload = base64.urlsafe_b64encode(canonical(document["certificate"])).rstrip(b"=").decode()
        public = signer.public_key()
        if empty or not isinstance(public, ec.EllipticCurvePublicKey):
            return _broken("JSON", "it is not a detached JWS")
        jwt.PyJWS().decode(f"{header}.{payload}.{signature}", public, algorithms=[_ALGORITHM])
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError, InvalidSignature) as error:
        return _broken("JSON", str(error)[:100] or type(error).__name__)
    return _verdict("JSON", signer, trusted)


def _signer_of(header: str) -> x509.Certificate:
    known = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return x509.load_der_x509_certificate(base64.b64decode(known["x5c"][0]))


def _verify_pdf(content: bytes, trusted: x509.Certificate | None) -> Verdict:
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    try:
        signatures = PdfFileReader(io.BytesIO(content)).embedded_signatures
        if not signatures:
            return _broken("PDF", "it is not signed")
        (found,) = signatures
        der = found.signer_cert.dump()
        context = ValidationContext(trust_roots=[asn1_x509.Certificate.load(der)])
        status = validate_pdf_signature(found, context)
    except (PdfError, SignatureValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
        return _broken("PDF", str(error)[:100] or type(error).__name__)
    if not (status.intact and status.valid):
        return _broken("PDF", "its content is not what was signed")
    if status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        return _broken("PDF", "something was added after it was signed")
    return _verdict("PDF", x509.load_der_x509_certificate(der), trusted)


def _verdict(kind: str, signer: x509.Certificate, trusted: x509.Certificate | None) -> Verdict:
    name = signer.subject.rfc4514_string()
    if trusted is None:
        return Verdict(kind, True, None, name, fingerprint(signer))
    is_trusted = fingerprint(signer) == fingerprint(trusted)
    reason = None if is_trusted else "it was signed with another key than the plant's"
    return Verdict(kind, True, is_trusted, name, fingerprint(signer), reason)


def _broken(kind: str, reason: str) -> Verdict:
    return Verdict(kind, False, None, None, None, reason)


def _missing(path: Path | None) -> Conflict:
    return Conflict(
        Problem(
            "SIGNING_KEY_MISSING",
            Words("The plant has no signing key", "공장 서명 키가 없습니다"),
            Words(
                f"There is no key at {path}" if path else "No signing_key_file is set",
                f"{path}에 키가 없습니다" if path else "signing_key_file 설정이 없습니다",
            ),
            Words(
                "Make one with andon-mes signing-key create and set ANDON_MES_SIGNING_KEY_FILE, "
                "or ask for the unsigned PDF (?signed=false)",
                "andon-mes signing-key create로 키를 만들고 ANDON_MES_SIGNING_KEY_FILE을 설정하거나 "
                "서명 없는 PDF를 요청하세요(?signed=false)",
            ),
        )
    )


def _exposed(path: Path) -> Conflict:
    return Conflict(
        Problem(
            "SIGNING_KEY_EXPOSED",
            Words("Others can read the signing key", "다른 사용자가 서명 키를 읽을 수 있습니다"),
            Words(
                f"{path} is open to more than its owner",
                f"{path} 파일을 소유자 외의 사용자가 읽을 수 있습니다",
            ),
            Words(f"chmod 600 {path}", f"chmod 600 {path}"),
        )
    )


def _unusable(where: str, why: str) -> InvalidInput:
    return invalid(
        "signing_key_file",
        where,
        Words(why, "서명 키 파일을 사용할 수 없습니다"),
        Words(
            "Give an EC P-256 key and its certificate in PEM",
            "EC P-256 키와 인증서를 PEM 형식으로 지정하세요",
        ),
        code="SIGNING_KEY_UNUSABLE",
    )
