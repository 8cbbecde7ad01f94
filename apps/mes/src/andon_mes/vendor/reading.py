"""From the bytes of a file to a JSON object. What stands in a vendor's way is named in the vendor's words.

UTF-8 with or without a byte order mark is taken; another encoding is named and refused, because a wrong guess
would keep wrong text for ever. A name that stands twice is refused: JSON does not say which one counts.
"""

import json
from typing import Any

from andon_mes.kernel.errors import Words
from andon_mes.vendor.model import Finding, error

MOST_BYTES = 1_048_576
_BOM = b"\xef\xbb\xbf"
_WIDE = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_LEGACY = ("cp949", "cp1252")


class _DoubleName(ValueError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def read(content: bytes) -> dict[str, Any] | Finding:
    """The object in `content`, or what is wrong with the file as a whole."""
    text = _decode(content)
    if isinstance(text, Finding):
        return text
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except _DoubleName as twice:
        return _double(twice.name)
    except json.JSONDecodeError as wrong:
        return _not_json(text, wrong)
    except RecursionError:
        return _too_deep()
    except ValueError as wrong:
        return _no_number(str(wrong))
    if not isinstance(found, dict):
        return error(
            "NOT_AN_OBJECT",
            "",
            Words(
                f"The file holds a JSON {type(found).__name__}",
                f"파일의 최상위 값이 {type(found).__name__}입니다",
            ),
            Words("Write one object in braces { }", "중괄호 { }로 된 객체 하나를 쓰세요"),
        )
    return found


def _decode(content: bytes) -> str | Finding:
    if not content.strip(b"\0 \t\r\n"):
        return error(
            "EMPTY",
            "",
            Words("The file is empty", "파일이 비어 있습니다"),
            Words(
                "Write to a temporary name, then rename it when it is whole",
                "임시 이름으로 모두 쓴 다음 이름을 바꾸세요",
            ),
        )
    if len(content) > MOST_BYTES:
        return error(
            "TOO_LARGE",
            "",
            Words(f"The file has {len(content)} bytes", f"파일 크기가 {len(content)}바이트입니다"),
            Words(
                f"Send at most {MOST_BYTES}; keep curves and pictures elsewhere and send their path",
                f"최대 {MOST_BYTES}바이트입니다. 파형이나 사진은 따로 두고 경로만 보내세요",
            ),
        )
    for mark, name in _WIDE:
        if content.startswith(mark):
            return _encoding(name)
    try:
        return content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as wrong:
        return _encoding(_likely(content), wrong.start)


def _likely(content: bytes) -> str:
    if content[1::2].count(0) > len(content) // 4:
        return "UTF-16"
    for name in _LEGACY:
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return name.upper()
    return "?"


def _encoding(name: str, at: int = 0) -> Finding:
    return error(
        "NOT_UTF8",
        "",
        Words(
            f"The file is not in UTF-8 (byte {at}); it looks like {name}",
            f"파일이 UTF-8이 아닙니다(바이트 {at}). {name} 인코딩으로 보입니다",
        ),
        Words(
            "Save it as UTF-8, with or without a byte order mark", "UTF-8로 저장하세요(BOM은 있어도 됩니다)"
        ),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _DoubleName(name)
        found[name] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _double(name: str) -> Finding:
    shown = name[:60]
    return error(
        "DOUBLE_NAME",
        shown,
        Words(f"The name {shown!r} stands twice", f"{shown!r} 항목이 두 번 있습니다"),
        Words("Write each name once", "각 항목은 한 번만 쓰세요"),
    )


def _not_json(text: str, wrong: json.JSONDecodeError) -> Finding:
    near = text[max(0, wrong.pos - 10) : wrong.pos + 10].replace("\n", " ")
    place = f"line {wrong.lineno}, column {wrong.colno}"
    is_cut = wrong.pos >= len(text.rstrip())
    fix = (
        Words(
            "It ends too early: write to a temporary name, then rename it when it is whole",
            "중간에 끊겼습니다. 임시 이름으로 모두 쓴 다음 이름을 바꾸세요",
        )
        if is_cut
        else Words(f"Correct it near {near!r}", f"{near!r} 근처를 고치세요")
    )
    return error(
        "NOT_JSON",
        place,
        Words(f"It is no JSON: {wrong.msg} at {place}", f"JSON이 아닙니다: {wrong.lineno}행 {wrong.colno}열"),
        fix,
    )


def _no_number(name: str) -> Finding:
    return error(
        "NOT_A_NUMBER",
        "",
        Words(f"{name[:40]} is no number of JSON", f"{name[:40]}은(는) JSON 숫자가 아닙니다"),
        Words("Send null where nothing was measured", "측정값이 없으면 null을 보내세요"),
    )


def _too_deep() -> Finding:
    return error(
        "TOO_DEEP",
        "",
        Words("The file is nested too deep", "파일의 중첩이 너무 깊습니다"),
        Words("Send it flatter", "구조를 단순하게 하여 보내세요"),
    )
