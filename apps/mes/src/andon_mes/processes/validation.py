"""Whether serials may start, answered part by part as IPC-2591 CFX does for ValidateUnits. Writes nothing.

The words are CFX's, except StationValidation, which CFX leaves to the endpoint that asks.
"""

from typing import Any

from andon_mes.kernel.errors import as_document
from andon_mes.numbers.checksum import is_intact
from andon_mes.processes.decide import validate
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.situations.store import Asked, find_subject
from andon_mes.store.engine import Connection

PASSED, FAILED, SKIPPED = "Passed", "Failed", "Skipped"
_STATUS, _ROUTE = "UnitStatusValidation", "UnitRouteValidation"
_TRACE, _STATION = "UnitTraceValidation", "StationValidation"


def of_unit(connection: Connection, checksum: str | None, asked: Asked) -> dict[str, Any]:
    """Whether the serial may start the process, as a document; what cannot be asked is skipped."""
    about: dict[str, object] = {"serial": asked.serial_number}
    subject = find_subject(connection, asked, locks=False)
    refused = None
    if checksum is not None and not is_intact(asked.serial_number, checksum):
        refused = Refuse(Refusal.CHECKSUM_BAD, {"checksum": checksum, "near": ""})
    elif subject is None:
        refused = Refuse(Refusal.SERIAL_UNKNOWN, {})
    if refused is not None or subject is None:
        parts = [_part(_STATUS, refused, about)]
        parts += [{"validation": each, "result": SKIPPED} for each in (_ROUTE, _TRACE, _STATION)]
        return _unit(asked.serial_number, parts)
    found = validate(subject.seen, asked.process)
    about["lot"] = subject.lot_number
    parts = [
        _part(_STATUS, found.status, about),
        _part(_ROUTE, found.route, about),
        _part(_TRACE, found.trace, about),
        _part(_STATION, found.station, about),
    ]
    return _unit(asked.serial_number, parts)


def _unit(number: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    has_failed = any(each["result"] == FAILED for each in parts)
    return {"serial_number": number, "result": FAILED if has_failed else PASSED, "validations": parts}


def _part(name: str, refused: Refuse | None, about: dict[str, object]) -> dict[str, Any]:
    if refused is None:
        return {"validation": name, "result": PASSED}
    said = as_document(problem_of(refused.code, about | refused.about), 409)
    return {
        "validation": name,
        "result": FAILED,
        "code": refused.code,
        "message": said["detail"],
        "message_ko": said["detail_ko"],
    }
