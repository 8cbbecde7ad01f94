"""A person's signed word that a serial may be used as it is: what is signed, and whether it still stands.

The signature is the person's own (the password is entered again with it), says its meaning, and is bound to
what was signed by the digest of a document that is kept beside it (21 CFR 11.50, 11.70 and 11.200). Pure.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from andon_mes.defects.model import Defect, Disposition, Meaning


class SignatureStanding(StrEnum):
    """What a signature is worth today."""

    VALID = "valid"
    UNSIGNED = "unsigned"  # the row says something else than what was signed
    FORGED = "forged"  # the document does not have the digest that was written


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, in what sense, why. Whoever makes one has checked the password."""

    username: str
    full_name: str
    meaning: Meaning
    reason: str


def sign(defect: Defect, signer: Signer, at: datetime) -> dict[str, Any]:
    """The signature of a concession as it is stored, with the document that it binds."""
    document = {
        **_subject(defect),
        "disposition": Disposition.USE_AS_IS.value,
        "signed_by": signer.username,
        "meaning": signer.meaning.value,
        "reason": signer.reason,
        "signed_at": at.isoformat(),
    }
    return {
        "user": signer.username,
        "full_name": signer.full_name,
        "meaning": signer.meaning.value,
        "reason": signer.reason,
        "signed_at": at.isoformat(),
        "digest": digest(document),
        "document": document,
    }


def standing(defect: Defect) -> SignatureStanding | None:
    """Whether the defect is still what was signed; None where nothing was."""
    if defect.signature is None:
        return None
    document = defect.signature.get("document") or {}
    if digest(document) != defect.signature.get("digest"):
        return SignatureStanding.FORGED
    is_same = defect.disposition is Disposition.USE_AS_IS and _subject(defect).items() <= document.items()
    return SignatureStanding.VALID if is_same else SignatureStanding.UNSIGNED


def digest(document: dict[str, Any]) -> str:
    """SHA-256 of the document as JSON with sorted keys, no spaces, UTF-8: 64 hexadecimal digits."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _subject(defect: Defect) -> dict[str, Any]:
    return {
        "defect": defect.id,
        "serial_number": defect.serial_number,
        "lot_number": defect.lot_number,
        "process": defect.process,
        "attempt": defect.attempt_id,
        "defect_code": defect.defect_code,
        "description": defect.description,
    }
