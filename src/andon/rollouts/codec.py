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
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar, cast

from andon.kernel.errors import Damaged

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Dicts, lists, strings, numbers, booleans and None. Infinity is written as a string.

    Times are ISO 8601, durations whole microseconds.
    """
    kind: Any = type(value)
    return _writer(kind)(value)


def decode(kind: type[T], data: Any) -> T:
    """The value of type `kind` that `encode` wrote.

    Raises:
        Damaged: the data are not of that shape.
    """
    try:
        return cast("T", _reader(cast("Hashable", kind))(data))
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


# What reads and writes a type is worked out once: a controller does it for every rollout at every tick.


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, float):
        return lambda value: value if math.isfinite(value) else repr(value)
    if issubclass(kind, types.NoneType | int | str):
        return lambda value: value
    if issubclass(kind, datetime):
        return lambda value: value.isoformat()
    if issubclass(kind, timedelta):
        return lambda value: value // _MICROSECOND
    if issubclass(kind, Mapping):
        return lambda value: {str(key): encode(each) for key, each in value.items()}
    if issubclass(kind, list | tuple):
        return lambda value: [encode(each) for each in value]
    return _write_fields(kind)


_MICROSECOND = timedelta(microseconds=1)


def _write_fields(kind: type[Any]) -> Callable[[Any], Any]:
    fields = [(each.name, each) for each in dataclasses.fields(kind)]
    later = {name: _default(each) for name, each in fields if each.metadata.get("is_later")}

    def write(value: Any) -> Any:
        made = {name: getattr(value, name) for name, _ in fields}
        if later:
            made = {name: own for name, own in made.items() if not (name in later and own == later[name])}
        return {name: encode(own) for name, own in made.items()}

    return write


def _default(field: dataclasses.Field[Any]) -> Any:
    makes = field.default_factory
    return field.default if makes is dataclasses.MISSING else makes()


@cache
def _reader(kind: Hashable) -> Callable[[Any], Any]:
    if isinstance(kind, typing.NewType):
        return _reader(cast("Hashable", kind.__supertype__))
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return _read_union([each for each in typing.get_args(kind) if each is not types.NoneType])
    if origin is tuple:
        return _read_tuple(typing.get_args(kind))
    if origin is not None:
        key, each = (_reader(part) for part in typing.get_args(kind))
        return lambda data: {key(name): each(value) for name, value in data.items()}
    if dataclasses.is_dataclass(kind):
        return _read_fields(cast("type[Any]", kind))
    return _read_plain(kind)


def _read_union(kinds: Sequence[Any]) -> Callable[[Any], Any]:
    readers = [_reader(each) for each in kinds]
    meant = [set(_hints(each)["kind"]) if len(kinds) > 1 else set() for each in kinds]

    def read(data: Any) -> Any:
        if data is None:
            return None
        if len(kinds) == 1 or "kind" not in data:
            return readers[0](data)
        for reader, names in zip(readers, meant, strict=True):
            if data["kind"] in names:
                return reader(data)
        raise ValueError(f"{data['kind']!r} is none of its kinds")

    return read


def _read_tuple(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    readers = [_reader(each) for each in kinds if each is not ...]

    def read(data: Any) -> Any:
        if not isinstance(data, list):
            raise TypeError(f"{data!r} is not a list")
        if kinds[-1] is ...:
            return tuple(map(readers[0], data))
        return tuple(reader(each) for reader, each in zip(readers, data, strict=True))

    return read


def _read_fields(kind: type[Any]) -> Callable[[Any], Any]:
    readers = {name: _reader(hint) for name, hint in _hints(kind).items()}

    def read(data: Any) -> Any:
        return kind(**{name: reader(data[name]) for name, reader in readers.items() if name in data})

    return read


def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read_plain(kind: Any) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return cast("Callable[[Any], Any]", kind)
    if kind is datetime:
        return datetime.fromisoformat
    if kind is timedelta:
        return lambda data: timedelta(microseconds=data)
    return _read_number if kind is float else partial(_read_exactly, kind)


def _read_number(data: Any) -> float:
    if isinstance(data, bool):
        raise TypeError(f"{data!r} is not of type float")
    return float(data)


def _read_exactly(kind: Any, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f"{data!r} is not of type {kind.__name__}")
    return data
