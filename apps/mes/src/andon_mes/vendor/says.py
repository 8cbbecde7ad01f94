"""What a schema's error means, in words that a vendor understands, in English and Korean."""

from collections.abc import Callable
from typing import Any

from jsonschema.exceptions import ValidationError

from andon_mes.kernel.errors import Words, shown
from andon_mes.vendor.model import Finding, error

_TYPES = {
    "string": Words("text in quotes", "따옴표로 묶은 문자열"),
    "boolean": Words("true or false, without quotes", "따옴표 없는 true 또는 false"),
    "number": Words("a number without quotes", "따옴표 없는 숫자"),
    "integer": Words("a whole number without quotes", "따옴표 없는 정수"),
    "object": Words("an object in braces { }", "중괄호 { } 객체"),
    "array": Words("a list in brackets [ ]", "대괄호 [ ] 목록"),
    "null": Words("null", "null"),
}


def said_of(wrong: ValidationError, document: dict[str, Any]) -> Finding:
    """The finding that a vendor reads."""
    field = ".".join(str(part) for part in wrong.absolute_path)
    keyword = str(wrong.validator)
    if field == "timestamp" and keyword == "pattern":
        return _no_zone(wrong)
    if field == "defect_code":
        return _defect(wrong, document)
    return _SAYERS.get(keyword, _other)(wrong, field)


def _missing(wrong: ValidationError, field: str) -> Finding:
    name = wrong.message.split("'")[1] if "'" in wrong.message else wrong.message
    whole = f"{field}.{name}" if field else name
    if name == "defect_code":
        return _defect(wrong, {})
    return error(
        "MISSING",
        whole,
        Words(f"{whole} is missing", f"{whole} 항목이 없습니다"),
        Words("Add it", "추가하세요"),
    )


def _type(wrong: ValidationError, field: str) -> Finding:
    wanted = wrong.validator_value if isinstance(wrong.validator_value, list) else [wrong.validator_value]
    words = [_TYPES.get(each, Words(str(each), str(each))) for each in wanted]
    return error(
        "WRONG_TYPE",
        field,
        Words(f"{field} is {shown(wrong.instance)!r}", f"{field} 값: {shown(wrong.instance)!r}"),
        Words(
            f"Send {' or '.join(each.en for each in words)}",
            f"{' 또는 '.join(each.ko for each in words)}을(를) 보내세요",
        ),
    )


def _short(wrong: ValidationError, field: str) -> Finding:
    return _of_length(wrong, field, f"at least {wrong.validator_value}", f"{wrong.validator_value}자 이상")


def _long(wrong: ValidationError, field: str) -> Finding:
    return _of_length(wrong, field, f"at most {wrong.validator_value}", f"{wrong.validator_value}자 이하")


def _of_length(wrong: ValidationError, field: str, en: str, ko: str) -> Finding:
    return error(
        "WRONG_LENGTH",
        field,
        Words(f"{field} has {len(wrong.instance)} characters", f"{field} 길이: {len(wrong.instance)}자"),
        Words(f"Send {en} characters", f"{ko}로 보내세요"),
    )


def _other(wrong: ValidationError, field: str) -> Finding:
    return error(
        "NOT_ALLOWED",
        field,
        Words(
            f"{field or 'The file'} is {shown(wrong.instance)!r}",
            f"{field or '파일'} 값: {shown(wrong.instance)!r}",
        ),
        Words(f"The contract says: {wrong.message[:200]}", f"계약 조건: {wrong.message[:200]}"),
    )


def _no_zone(wrong: ValidationError) -> Finding:
    return error(
        "TIME_WITHOUT_ZONE",
        "timestamp",
        Words(f"{shown(wrong.instance)!r} has no zone", f"{shown(wrong.instance)!r}에 시간대가 없습니다"),
        Words(
            "Write +09:00 or Z behind it, or have the folder's zone configured (--zone)",
            "뒤에 +09:00 또는 Z를 붙이거나 폴더의 시간대를 설정하세요(--zone)",
        ),
    )


def _defect(wrong: ValidationError, document: dict[str, Any]) -> Finding:
    if document.get("is_pass") is True:
        return error(
            "DEFECT_ON_PASS",
            "defect_code",
            Words("A part that passes has a defect code", "합격 제품에 불량 코드가 있습니다"),
            Words("Send null, or is_pass false", "null을 보내거나 is_pass를 false로 보내세요"),
        )
    known = wrong.validator_value if wrong.validator == "enum" else []
    listed = ", ".join(known)
    fix = (
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}")
        if listed
        else Words("Send the defect code of this process", "이 공정의 불량 코드를 보내세요")
    )
    return error(
        "DEFECT_CODE_UNKNOWN",
        "defect_code",
        Words("A fail needs a defect code of its process", "불합격에는 해당 공정의 불량 코드가 필요합니다"),
        fix,
    )


_SAYERS: dict[str, Callable[[ValidationError, str], Finding]] = {
    "required": _missing,
    "type": _type,
    "minLength": _short,
    "maxLength": _long,
}
