"""A whole configuration as one document, whatever the form of the file: read with every error in its place.

The document is {"format": 1, "<kind>": [row, ...], ..., "settings": {"<name>": {...}}}. A kind that it does
not hold is left alone; of one that it holds, what is left out is deactivated (plan.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from andon_mes.configuration.controller import refusal
from andon_mes.configuration.model import Finding, Key, Kind, Plant, Row, key_text
from andon_mes.configuration.reading import is_plain, read_row
from andon_mes.configuration.shapes import SHAPES
from andon_mes.kernel.errors import InvalidInput, Words, invalid, shown

FORMAT = 1
MOST_ROWS = 50_000
"""Rows of a kind."""

_OTHER_KEYS = ("format", "settings")

Locate = Callable[[Kind | None, int, str], str]
"""Where in the file the field of a row is, for people; rows of a kind count from 0, a setting has no kind."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as a document, and how its places are called."""

    document: Mapping[str, Any]
    locate: Locate
    places: dict[tuple[Kind, Key], int] = field(default_factory=dict)

    def where(self, finding: Finding) -> str:
        """Where in the file `finding` is; what is not in it is called by its key."""
        if finding.kind is None:
            return self.locate(None, 0, f"{finding.key[0]}.{finding.field}")
        at = self.places.get((finding.kind, finding.key))
        if at is None:
            return f"{finding.kind} {key_text(finding.key)}"
        return self.locate(finding.kind, at, finding.field)


def plant_in(source: Source) -> Plant:
    """The configuration that the file holds; only the kinds and settings that it says.

    Raises: InvalidInput with all that is wrong, each with its place.
    """
    _check_format(source.document.get("format"))
    foreign = [str(name)[:50] for name in source.document if name not in {*Kind, *_OTHER_KEYS}]
    found = [(_unknown_section(name), name) for name in foreign]
    rows = {kind: _rows(source, kind, found) for kind in Kind if kind in source.document}
    settings = _settings(source, found)
    if found:
        raise refusal(found)
    return Plant(rows, settings)


def pruned(value: Any) -> Any:
    """`value` without what is null: a file cannot say it, and it says nothing."""
    if isinstance(value, Mapping):
        return {key: pruned(each) for key, each in value.items() if each is not None}
    return [pruned(each) for each in value if each is not None] if isinstance(value, list) else value


def unreadable(why: str, why_ko: str, fix: str, fix_ko: str) -> InvalidInput:
    """That a file cannot be read at all."""
    return invalid("file", None, Words(why, why_ko), Words(fix, fix_ko), code="FILE_UNREADABLE")


def _rows(source: Source, kind: Kind, found: list[tuple[Finding, str]]) -> dict[Key, Row]:
    shape, raw = SHAPES[kind], source.document[kind]
    if (
        not isinstance(raw, list)
        or len(raw) > MOST_ROWS
        or not all(isinstance(each, Mapping) for each in raw)
    ):
        found.append((_no_rows(kind, raw), kind))
        return {}
    rows: dict[Key, Row] = {}
    for at, each in enumerate(raw):
        row, wrong = read_row(shape, each)
        found += [(finding, source.locate(kind, at, finding.field)) for finding in wrong]
        if wrong:
            continue
        key = shape.key_of(row)
        if key in rows:
            first = source.locate(kind, source.places[kind, key], shape.key[0])
            found.append((_twice(kind, key, shape.key[0], first), source.locate(kind, at, shape.key[0])))
        source.places[kind, key] = at
        rows[key] = row
    return rows


def _settings(source: Source, found: list[tuple[Finding, str]]) -> dict[str, Any]:
    raw = source.document.get("settings", {})
    if not isinstance(raw, Mapping):
        found.append((_no_setting("settings", raw), "settings"))
        return {}
    for name, document in raw.items():
        if not isinstance(document, dict) or not is_plain(document, may_be_null=False):
            found.append((_no_setting(str(name)[:50], document), source.locate(None, 0, str(name)[:50])))
    return dict(raw)


def _check_format(said: object) -> None:
    if said == FORMAT and not isinstance(said, bool):
        return
    raise invalid(
        "format",
        shown(said),
        Words(
            f"The file is of the format {shown(said)!r}; this release reads format {FORMAT}",
            f"파일 형식이 {shown(said)!r}입니다. 이 버전은 형식 {FORMAT}을(를) 읽습니다",
        ),
        Words(
            "Export a file with this release and make your changes there",
            "이 버전에서 내보낸 파일에 변경 내용을 적으세요",
        ),
        code="FORMAT_UNKNOWN",
    )


def _unknown_section(name: str) -> Finding:
    listed = ", ".join([*Kind, "settings"])
    return Finding(
        None,
        (name,),
        name,
        None,
        Words(f"There is nothing called {name!r}", f"{name!r}은(는) 없는 항목입니다"),
        Words(f"Use: {listed}", f"가능한 항목: {listed}"),
        "UNKNOWN_FIELD",
    )


def _no_rows(kind: Kind, raw: object) -> Finding:
    return Finding(
        kind,
        (),
        kind,
        shown(raw),
        Words(
            f"{kind} is no list of at most {MOST_ROWS} rows", f"{kind}은(는) {MOST_ROWS}행 이하여야 합니다"
        ),
        Words(f"Write each as [[{kind}]] or as a line of its sheet", f"[[{kind}]] 또는 시트의 행으로 쓰세요"),
    )


def _no_setting(name: str, raw: object) -> Finding:
    return Finding(
        None,
        (name,),
        name,
        shown(raw),
        Words(f"{name} is no document", f"{name}은(는) 문서가 아닙니다"),
        Words(f"Write it as [settings.{name}]", f"[settings.{name}] 형식으로 쓰세요"),
    )


def _twice(kind: Kind, key: Key, field_name: str, first: str) -> Finding:
    return Finding(
        kind,
        key,
        field_name,
        key_text(key),
        Words(
            f"{key_text(key)} stands there twice, first in {first}", f"{key_text(key)} 중복. 처음: {first}"
        ),
        Words("Leave one", "하나만 남기세요"),
        "TWICE",
    )
