"""The check of a vendor's file: what the MES would say of it, before the application is on the line.

The bytes are read (`reading.py`), brought to the form that the MES takes (aliases, the zone of a time that
has none), and held against the contract's schema (`terms.py`). Nothing is guessed and nothing is asked of a
network: a vendor runs it at home with the contract as a file.
"""

import difflib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from andon_mes.kernel.errors import InvalidInput, Words
from andon_mes.processes import limits
from andon_mes.vendor.model import Checked, Contract, Finding, Kind, Terms, Weight, error, warning
from andon_mes.vendor.reading import read
from andon_mes.vendor.says import said_of
from andon_mes.vendor.terms import ALIASES, schema_of


def check(content: bytes, contract: Contract, kind: Kind, *, zone: ZoneInfo | None = None) -> Checked:
    """What the MES would say of a file with these bytes; `zone` is the folder's, for times without one."""
    found = read(content)
    if isinstance(found, Finding):
        return Checked(None, (found,))
    document, findings = _brought_into_form(found, zone)
    code = document.get("process_code")
    terms = contract.of(code) if isinstance(code, str) else None
    if terms is None:
        findings.append(_unknown_process(code, contract))
        return Checked(None, tuple(findings))
    findings.extend(_against_schema(document, kind, terms))
    findings.extend(_unknown_names(document, kind, terms))
    if kind is Kind.COMPLETE and not any(each.weight is Weight.ERROR for each in findings):
        findings.extend(_against_limits(document, terms))
    checked = Checked(document, tuple(findings))
    return checked if checked.is_accepted else Checked(None, checked.findings)


def _brought_into_form(found: dict[str, Any], zone: ZoneInfo | None) -> tuple[dict[str, Any], list[Finding]]:
    findings = []
    document: dict[str, Any] = {}
    for name, value in found.items():
        known = ALIASES.get(name, name)
        if known in document or (known != name and known in found):
            findings.append(_said_twice(name, known))
            continue
        document[known] = value
    written = document.get("timestamp")
    if zone is not None and isinstance(written, str):
        at = _instant(written)
        if at is not None and at.tzinfo is None:
            document["timestamp"] = at.replace(tzinfo=zone).isoformat()
    return document, findings


def _instant(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written.strip())
    except ValueError:
        return None


def _against_schema(document: dict[str, Any], kind: Kind, terms: Terms) -> Iterator[Finding]:
    validator = Draft202012Validator(schema_of(kind, terms))
    for wrong in sorted(validator.iter_errors(document), key=_place_of):
        yield said_of(wrong, document)
    written = document.get("timestamp")
    if isinstance(written, str) and _instant(written) is None:
        yield error(
            "TIME_UNREADABLE",
            "timestamp",
            Words(f"{written[:40]!r} is no time", f"{written[:40]!r}은(는) 시각이 아닙니다"),
            Words("Write it like 2025-11-10T14:30:00+09:00", "2025-11-10T14:30:00+09:00 형식으로 쓰세요"),
        )


def _place_of(wrong: ValidationError) -> list[str]:
    return [str(part) for part in wrong.absolute_path]


def _unknown_names(document: dict[str, Any], kind: Kind, terms: Terms) -> Iterator[Finding]:
    known = list(schema_of(kind, terms)["properties"])
    for name in document:
        if name in known:
            continue
        near = difflib.get_close_matches(name.lower(), known, 1, 0.75)
        fix = (
            Words(f"If {near[0]} is meant, call it so", f"{near[0]}을(를) 뜻한다면 그 이름으로 쓰세요")
            if near
            else Words(
                "Put your own values into process_specific_data", "고유 값은 process_specific_data에 넣으세요"
            )
        )
        yield warning(
            "NAME_UNKNOWN",
            name[:60],
            Words(f"{name[:60]!r} is passed over", f"{name[:60]!r} 항목은 무시됩니다"),
            fix,
        )


def _against_limits(document: dict[str, Any], terms: Terms) -> Iterator[Finding]:
    try:
        found = limits.breaches(document.get("process_specific_data") or {}, terms.characteristics)
    except InvalidInput as wrong:
        yield error(wrong.problem.code, wrong.problem.field, wrong.problem.detail, wrong.problem.fix)
        return
    for each in found if document.get("is_pass") else ():
        name, unit = each.characteristic.name, each.characteristic.unit
        yield warning(
            "OUT_OF_LIMITS",
            f"process_specific_data.{name}",
            Words(
                f"{name} is {each.value:g} {unit}: the part fails with {each.characteristic.defect_code}"
                " although is_pass is true",
                f"{name} 값 {each.value:g} {unit}: is_pass가 true여도 "
                f"{each.characteristic.defect_code} 불합격으로 처리됩니다",
            ),
            Words("Check the unit and the limits of the contract", "단위와 계약의 한계값을 확인하세요"),
        )


def _unknown_process(code: object, contract: Contract) -> Finding:
    listed = ", ".join(contract.codes())
    return error(
        "PROCESS_UNKNOWN" if code is not None else "MISSING",
        "process_code",
        Words(f"process_code is {code!r}"[:80], f"process_code 값: {code!r}"[:80]),
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
    )


def _said_twice(name: str, known: str) -> Finding:
    return error(
        "DOUBLE_NAME",
        name,
        Words(f"{name} and {known} say the same thing twice", f"{name}와(과) {known}이(가) 중복됩니다"),
        Words(f"Keep {known} alone", f"{known}만 남기세요"),
    )
