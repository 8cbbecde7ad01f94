"""A value in a JSON document, by its path, and whether it is the one that is wanted. Imports little."""

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = object()


def find(document: Any, path: str) -> Any:
    """The value at a path of names and numbers with dots between; `MISSING` where there is none."""
    for part in path.split("."):
        if isinstance(document, Mapping) and part in document:
            document = document[part]
        elif _is_place(document, part):
            document = document[int(part)]
        else:
            return MISSING
    return document


def is_same(value: Any, wanted: Any) -> bool:
    """Equal, and of one kind: neither is 1 true, nor "0" zero."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return value == wanted
    return isinstance(value, str) and isinstance(wanted, str) and value == wanted


def _is_place(document: Any, part: str) -> bool:
    if not isinstance(document, Sequence) or isinstance(document, str):
        return False
    return part.isdecimal() and len(part) < 10 and int(part) < len(document)
