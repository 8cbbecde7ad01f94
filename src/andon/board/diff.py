"""What changed between two JSON objects, field by field. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["added", "removed", "changed", "same"]
SIGNS: Mapping[Kind, str] = {"added": "+", "removed": "−", "changed": "±", "same": "="}


@dataclass(frozen=True, slots=True)
class Line:
    """One field: `path` with dots into nested objects; `before` and `after` as text, empty where absent."""

    path: str
    kind: Kind
    before: str
    after: str

    @property
    def sign(self) -> str:
        """A sign beside the word, so that colour is never the only mark."""
        return SIGNS[self.kind]


def lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Every field of either side, by path; lists are compared whole."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [_line(path, old, new) for path in sorted(old.keys() | new.keys())]


def _line(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Line:
    before = shown(old[path]) if path in old else ""
    after = shown(new[path]) if path in new else ""
    if path not in old:
        return Line(path, "added", before, after)
    if path not in new:
        return Line(path, "removed", before, after)
    return Line(path, "same" if old[path] == new[path] else "changed", before, after)


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        if isinstance(each, Mapping) and each:
            yield from _flat(each, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", each


def shown(value: Any) -> str:
    """A JSON value as text; a string as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
