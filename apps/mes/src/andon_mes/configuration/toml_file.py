"""The configuration as a TOML file that a person edits and git keeps: the same content is the same bytes."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from andon_mes.configuration.files import FORMAT, Source, pruned, unreadable
from andon_mes.configuration.model import Document, Field, Group, Kind, Plant, Row, Shape, Table
from andon_mes.configuration.shapes import SHAPES
from andon_mes.kernel.errors import InvalidInput, Words

MOST_BYTES = 16 * 1024 * 1024
_LONGEST_LINE = 200_000
_NAMES = (
    *("zone", "shifts", "working_days", "holidays", "extra_working_days"),
    *("code", "starts", "ends", "is_worked", "breaks", "minutes", "date", "name"),
)
_ORDER = {name: at for at, name in enumerate(_NAMES)}
"""In which order the parts of a setting are written; the others follow by their names."""

_DEEP = re.compile(r"""(?:[\w"'-]{1,60}[ \t]*\.[ \t]*){40}""")
"""A name of more parts than any that is meant: reading takes time by the square of them."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONG = re.compile(r"\"\"\"(?:\\.|[^\\])*?\"\"\"|'''.*?'''", re.DOTALL)
_HEAD = f"""\
# The configuration of a plant. andon-mes import FILE takes it, --dry-run shows what that would change.
# All of it is taken or nothing. Nothing is deleted: what a section leaves out is deactivated (a qualification
# ends); a section that is left out as a whole stays as it is. A field that is left out has its default.
# Comments are yours until the next export, which writes these.
# 공장 설정 파일입니다. andon-mes import FILE --dry-run으로 변경 내용을 먼저 확인하세요.
format = {FORMAT}
"""


def render(plant: Plant) -> bytes:
    """`plant` as a file; a setting's nulls are left out, as they say nothing."""
    pieces = [_HEAD, *(f"{kind} = []\n" for kind in SHAPES if plant.rows.get(kind) == {})]
    for kind, shape in SHAPES.items():
        if plant.of(kind):
            pieces += [_about(shape), *(_row(shape, row) for row in plant.of(kind).values())]
        elif plant.rows.get(kind) == {}:
            hint = f"# There are none. Take `{kind} = []` out at the top before you add [[{kind}]].\n"
            pieces += [_about(shape), hint]
    for name, document in sorted(plant.settings.items()):
        pieces.append(f"\n[settings.{_key(name)}]\n")
        pieces += [f"{_key(each)} = {_value(value)}\n" for each, value in _ordered(pruned(document))]
    return "".join(pieces).encode()


def read(content: bytes) -> Source:
    """The file as a document whose places are line numbers.

    Raises: InvalidInput when it is no TOML in UTF-8, with the line.
    """
    text = _text(content)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        raise _no_toml(error) from error
    document = _with_schemas(document)
    lines = _Lines(text)
    return Source(document, lines.locate)


def _no_toml(error: Exception) -> InvalidInput:
    why = str(error)[:200] or type(error).__name__
    fix = Words("Correct that line", "해당 줄을 고치세요")
    if "immutable namespace" in why:  # `equipment = []` above, and [[equipment]] below
        fix = Words(
            "Take out the line at the top that says there are none, such as equipment = []",
            "맨 위의 빈 목록(예: equipment = [])을 지우세요",
        )
    return unreadable(f"It is no TOML: {why}", f"TOML 파일이 아닙니다: {why}", fix.en, fix.ko)


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise unreadable(
            f"It has {len(content)} bytes; {MOST_BYTES} are the most",
            f"파일이 {len(content)}바이트입니다. 최대 {MOST_BYTES}바이트",
            "Split it by sections",
            "섹션별로 나누세요",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(
            f"It is no UTF-8 (byte {error.start})",
            f"UTF-8이 아닙니다(바이트 {error.start})",
            "Save it as UTF-8",
            "UTF-8로 저장하세요",
        ) from error
    if _DEEP.search(text):
        raise unreadable(
            "A name has more than 40 parts", "이름이 40단계를 넘습니다", "Shorten it", "줄이세요"
        )
    if max(map(len, text.split("\n"))) > _LONGEST_LINE:
        raise unreadable(
            f"A line has more than {_LONGEST_LINE} characters",
            f"한 줄이 {_LONGEST_LINE}자를 넘습니다",
            "Break it",
            "줄을 나누세요",
        )
    return text


def _with_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """JSON Schemas stand in the file as JSON text, because TOML has no null; what is none stays text."""
    rows = document.get(Kind.DATA_SCHEMAS)
    if isinstance(rows, list):
        document = {**document, Kind.DATA_SCHEMAS: [_with_schema(row) for row in rows]}
    return document


def _with_schema(row: Any) -> Any:
    if not isinstance(row, dict) or not isinstance(row.get("document"), str):
        return row
    try:
        return {**row, "document": json.loads(row["document"])}
    except (ValueError, RecursionError):
        return row


def _about(shape: Shape) -> str:
    lines = [f"\n# {shape.about}.", f"# {shape.about_ko}.", *_fields(shape.fields, "")]
    return "\n".join(lines) + "\n"


def _fields(fields: tuple[Field, ...], indent: str) -> Iterator[str]:
    for field in fields:
        needs = ", required" if field.is_required else ""
        yield f"#   {indent}{field.name}: {field.about}{needs} ({field.about_ko})"
        if isinstance(field.form, Table | Group):
            yield from _fields(field.form.fields, indent + "  ")


def _row(shape: Shape, row: Row) -> str:
    lines = [f"\n[[{shape.kind}]]\n"]
    for field in shape.fields:
        value = row[field.name]
        if value is None:
            continue
        if isinstance(field.form, Document) and field.form.is_schema:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)
            lines.append(f"{field.name} = {_string(text + chr(10))}\n")
        else:
            lines.append(f"{field.name} = {_field(field, value)}\n")
    return "".join(lines)


def _field(field: Field, value: Any) -> str:
    if isinstance(field.form, Table):
        rows = "".join(f"  {_inline(_present(field.form.fields, each))},\n" for each in value)
        return f"[\n{rows}]" if value else "[]"
    if isinstance(field.form, Group):
        return _inline(_present(field.form.fields, value))
    return _value(value)


def _present(fields: tuple[Field, ...], row: Row) -> list[tuple[str, Any]]:
    return [(each.name, row[each.name]) for each in fields if row[each.name] is not None]


def _ordered(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(document.items(), key=lambda item: (_ORDER.get(item[0], len(_ORDER)), item[0]))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return value.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return _inline(_ordered(value))
    if isinstance(value, list):
        if any(isinstance(each, Mapping) for each in value):
            return "[\n" + "".join(f"  {_value(each)},\n" for each in value) + "]"
        return "[" + ", ".join(map(_value, value)) + "]"
    return _string(value)


def _inline(items: list[tuple[str, Any]]) -> str:
    if not items:
        return "{}"
    inner = ", ".join(f"{_key(name)} = {_flat(value)}" for name, value in items)
    return f"{{ {inner} }}"


def _flat(value: Any) -> str:
    """Within an inline table, which has one line."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return _basic(value) if isinstance(value, str) else _value(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _basic(name)


def _string(text: str) -> str:
    """On lines of its own where it has some, so that a template can be read and changed."""
    if "\n" in text and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    return _basic(text)


def _basic(text: str) -> str:
    """As a JSON string, which is one of TOML too once U+007F is written out."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class _Lines:
    """On which line of a file a field is, by the headers and names that stand at the beginning of lines."""

    def __init__(self, text: str) -> None:
        # What only looks like a header, within a text of several lines, is none.
        masked = _LONG.sub(lambda found: "\n" * found.group().count("\n"), text)
        self._lines = masked.split("\n")
        self._headers = [
            (at, found.group(1))
            for at, line in enumerate(self._lines)
            if (found := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line))
        ]

    def locate(self, kind: Kind | None, row: int, field: str) -> str:
        """`line 12 (processes, entry 3)`, as near as it can be told."""
        wanted, name = (kind, field) if kind is not None else ("settings." + field.partition(".")[0], field)
        starts = [at for at, header in self._headers if header == wanted]
        at = row if kind is not None else 0
        label = f"{kind}, entry {row + 1}" if kind is not None else wanted
        if at >= len(starts):
            return label
        return f"line {self._line_of(starts[at], name, is_setting=kind is None) + 1} ({label})"

    def _line_of(self, header: int, field: str, *, is_setting: bool) -> int:
        after = [at for at, _ in self._headers if at > header]
        end = after[0] if after else len(self._lines)
        parts = field.split(".")
        name = parts[1] if is_setting and len(parts) > 1 else parts[0]
        for at in range(header + 1, end):
            if re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", self._lines[at]):
                return at
        return header
