"""The contract as the document that a plant publishes and a vendor takes home."""

from typing import Any

from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.processes.limits import Characteristic
from andon_mes.vendor.model import Contract, Kind, Terms
from andon_mes.vendor.terms import ALIASES, schema_of

VERSION = 1


def as_document(contract: Contract) -> dict[str, Any]:
    """The published form: what each process demands, and the JSON Schema of both of its files."""
    return {
        "contract": "andon-mes vendor files",
        "version": VERSION,
        "encoding": "UTF-8, with or without a byte order mark",
        "aliases": ALIASES,
        "processes": [_of_terms(each) for each in contract.terms],
    }


def contract_of(document: object) -> Contract:
    """The contract in a published document.

    Raises: InvalidInput when it is none, or of a version that this release does not know.
    """
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = document.get("version") if isinstance(document, dict) else None
        raise invalid(
            "version",
            version,
            Words("This is no vendor contract of version 1", "버전 1의 업체 계약 문서가 아닙니다"),
            Words(
                "Take it again from the plant: GET /api/v1/vendor-contract",
                "공장에서 다시 받으세요: GET /api/v1/vendor-contract",
            ),
        )
    try:
        return Contract(tuple(_terms(each) for each in document["processes"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise _broken(error) from error


def _of_terms(terms: Terms) -> dict[str, Any]:
    return {
        "process": terms.process,
        "name": terms.name,
        "defect_codes": list(terms.defect_codes),
        "characteristics": [
            {
                "name": each.name,
                "unit": each.unit,
                "lower": each.lower,
                "upper": each.upper,
                "defect_code": each.defect_code,
            }
            for each in terms.characteristics
        ],
        "measurements": terms.schema,
        "start": schema_of(Kind.START, terms),
        "complete": schema_of(Kind.COMPLETE, terms),
    }


def _terms(known: dict[str, Any]) -> Terms:
    return Terms(
        str(known["process"]),
        str(known["name"]),
        tuple(str(each) for each in known["defect_codes"]),
        tuple(Characteristic(**each) for each in known["characteristics"]),
        known["measurements"],
    )


def _broken(error: Exception) -> InvalidInput:
    return invalid(
        "processes",
        str(error),
        Words("The contract is damaged", "계약 문서가 손상되었습니다"),
        Words(
            "Take it again from the plant: GET /api/v1/vendor-contract",
            "공장에서 다시 받으세요: GET /api/v1/vendor-contract",
        ),
    )
