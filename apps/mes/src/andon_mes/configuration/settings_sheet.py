"""A setting's document as lines of a sheet, and back: a path, the type of the value, the value.

A path is `shifts[1].starts`; places count from 1 and may have gaps, so that a line can be taken out. A name
that is not plain stands as `["a b"]`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from andon_mes.configuration.files import unreadable
from andon_mes.configuration.workbook_cells import Sheet

_STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,5})\]|\[("(?:[^"\\]|\\.)*")\]')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_EMPTY: dict[str, type[list[Any]] | type[dict[str, Any]]] = {"list": list, "object": dict}
_DEEPEST = 20


def flat(document: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """The leaves of `document` as (path, type, value). What is empty is a leaf."""
    if isinstance(document, Mapping) and document:
        for name, value in document.items():
            step = name if _PLAIN.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
            yield from flat(value, f"{path}.{step}" if path and not step.startswith("[") else path + step)
    elif isinstance(document, list) and document:
        for at, value in enumerate(document, start=1):
            yield from flat(value, f"{path}[{at}]")
    else:
        yield path, _word(document), None if isinstance(document, Mapping | list) else document


def grown(sheet: Sheet) -> dict[str, Any]:
    """The documents that the lines of `sheet` say, by their names.

    Raises: InvalidInput with the cell of a path or value that cannot be read.
    """
    whole: dict[Any, Any] = {}
    for at, row in enumerate(sheet.rows):
        name, path = row.get("setting"), row.get("path") or ""
        if not isinstance(name, str) or not isinstance(path, str):
            raise _wrong(sheet.cell(at, "setting"))
        steps = [name, *_steps(path, sheet.cell(at, "path"))]
        _put(whole, steps, _leaf(row, sheet.cell(at, "value")), sheet.cell(at, "path"))
    grown_whole = _lists(whole)
    assert isinstance(grown_whole, dict)
    return grown_whole


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number" if isinstance(value, float) else "whole"
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, Mapping) else "text"


def _leaf(row: Mapping[str, Any], where: str) -> Any:
    word, value = row.get("type"), row.get("value")
    if isinstance(word, str) and word in _EMPTY:
        return _EMPTY[word]()
    if word in {None, "text"}:
        if value is None:
            return ""
        return (
            str(int(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        )
    try:
        if word == "flag" and str(value).lower() in {"true", "false"}:
            return str(value).lower() == "true"
        if word == "number":
            return float(str(value))
        if word == "whole":
            return int(str(value).removesuffix(".0"))
    except ValueError:
        pass
    raise _wrong(where)


def _steps(path: str, where: str) -> Iterator[str | int]:
    at = 0
    for number in range(_DEEPEST):
        if at == len(path):
            return
        found = _STEP.match(path, at)
        if found is None or (number == 0 and path.startswith(".")):
            raise _wrong(where)
        at = found.end()
        if found[2] is not None:
            yield int(found[2])
        else:
            yield found[1] or json.loads(found[3])
    raise _wrong(where)


def _put(whole: dict[Any, Any], steps: list[str | int], value: Any, where: str) -> None:
    here = whole
    for step in steps[:-1]:
        here = here.setdefault(step, {})
        if not isinstance(here, dict):
            raise _wrong(where)
    if steps[-1] in here:
        raise _wrong(where)
    here[steps[-1]] = value


def _lists(value: Any) -> Any:
    """Whole numbers as names were places in a list."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(name, int) for name in value):
        return [_lists(value[at]) for at in sorted(value)]
    return {str(name): _lists(each) for name, each in value.items()}


def _wrong(where: str) -> Exception:
    return unreadable(
        f"{where}: it is no path with a value of its type, or stands there twice",
        f"{where}: 경로나 값이 올바르지 않거나 중복됩니다",
        "Write a path such as shifts[1].starts, and its type and value",
        "shifts[1].starts 같은 경로와 형식, 값을 쓰세요",
    )
