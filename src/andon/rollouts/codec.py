"""Frozen dataclasses to plain JSON values and back, exactly: a float comes back bit for bit.

Types come from the annotations. A key that is missing takes its field's default, so that an older row can
be read; a key that is unknown is left out, so that a newer row can be read after a downgrade. A field that
came later (`kernel/later.py`) is written only where it says something. Of a union of dataclasses each has
a field `kind` with an enum of its own; the first is meant where there is none. Not here: where the values
are stored.
"""

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from andon.kernel.errors import Damaged

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Dicts, lists, strings, numbers, booleans and None. Infinity is written as a string.

    Times are ISO 8601, durations whole microseconds.
    """
    match value:
        case Enum():
            return value.value
        case float() if not math.isfinite(value):
            return repr(value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case Mapping():
            return {str(key): encode(each) for key, each in value.items()}
        case list() | tuple():
            return [encode(each) for each in value]
    fields = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
    return {each.name: encode(own) for each, own in fields if not _is_left_out(each, own)}


def decode(kind: type[T], data: Any) -> T:
    """The value of type `kind` that `encode` wrote.

    Raises:
        Damaged: the data are not of that shape.
    """
    try:
        return cast("T", _decode(kind, data))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Damaged(
            "damaged-row", f"a stored {kind.__name__} cannot be read: {error}", hint="andon doctor"
        ) from error


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def sha256(value: Any) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _is_left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    if not field.metadata.get("is_later"):
        return False
    makes = field.default_factory
    return bool(value == (field.default if makes is dataclasses.MISSING else makes()))


def _decode(kind: Any, data: Any) -> Any:
    if isinstance(kind, typing.NewType):
        return _decode(kind.__supertype__, data)
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = [each for each in typing.get_args(kind) if each is not types.NoneType]
        return None if data is None else _decode(_meant(inner, data), data)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), data)
    if origin is not None:
        key, each = typing.get_args(kind)
        return {_decode(key, k): _decode(each, v) for k, v in data.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_fields(cast("type[Any]", kind), data)
    return _decode_plain(kind, data)


def _meant(kinds: Sequence[Any], data: Any) -> Any:
    if len(kinds) == 1 or "kind" not in data:
        return kinds[0]
    found = [each for each in kinds if data["kind"] in set(_hints(each)["kind"])]
    if not found:
        raise ValueError(f"{data['kind']!r} is none of its kinds")
    return found[0]


def _decode_tuple(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError(f"{data!r} is not a list")
    if kinds[-1] is ...:
        return tuple(_decode(kinds[0], each) for each in data)
    return tuple(_decode(kind, each) for kind, each in zip(kinds, data, strict=True))


def _decode_fields(kind: type[Any], data: Any) -> Any:
    hints = _hints(cast("Hashable", kind))
    return kind(**{name: _decode(hints[name], data[name]) for name in hints if name in data})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode_plain(kind: Any, data: Any) -> Any:
    if issubclass(kind, Enum):
        return kind(data)
    if kind is datetime:
        return datetime.fromisoformat(data)
    if kind is timedelta:
        return timedelta(microseconds=data)
    if kind is float and not isinstance(data, bool):
        return float(data)
    if type(data) is not kind:
        raise TypeError(f"{data!r} is not of type {kind.__name__}")
    return data
