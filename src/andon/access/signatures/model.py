"""An electronic signature: who, when, in what meaning, why, and exactly what. Facts, frozen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Meaning(StrEnum):
    """In what sense a person signs (21 CFR 11.50)."""

    AUTHOR = "author"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    RESPONSIBLE = "responsible"


class Action(StrEnum):
    """What is signed."""

    APPROVE = "approve"  # a gate of a rollout
    ABORT = "abort"
    PROMOTE = "promote"  # waives what the judge still waits for
    ROLLBACK = "rollback"
    RELEASE_CORD = "release-cord"
    EDIT_POLICY = "edit-policy"
    OVERRIDE = "override"  # deploy what did not finish in the environment before


@dataclass(frozen=True, slots=True)
class Document:
    """Exactly what is signed. subject: as on the timeline, such as `rollout/ro-...`; values: JSON."""

    action: Action
    subject: str
    values: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """SHA-256, hex, over the canonical JSON of all three."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def canonical(self) -> str:
        """Sorted keys, compact, no NaN: the same text for the same document."""
        whole = {"action": self.action.value, "subject": self.subject, "values": dict(self.values)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signed document. seal: Andon's Ed25519 signature (hex) over all other fields, so that a row cannot
    be made or changed by whoever owns the database; method: `password` or `directory`."""

    id: str
    document: Document
    document_hash: str
    signer_id: str
    signer: str
    display_name: str
    meaning: Meaning
    reason: str
    at: datetime
    method: str
    seal: str = ""


class Standing(StrEnum):
    """What a signature is worth today."""

    VALID = "valid"
    UNSIGNED = "unsigned"  # what it was made for has changed since
    FORGED = "forged"  # the row does not verify: made, changed or moved by other hands
