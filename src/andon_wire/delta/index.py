"""The index as bytes and back, and the tree that it makes of the old one."""

import json
from typing import Any

from andon_wire.delta.model import (
    COPY,
    FORMAT,
    MOST_INDEX_BYTES,
    MOST_PART_BYTES,
    SPARE_BYTES,
    WHOLE,
    ZEROS,
    Index,
    Moved,
    Step,
)
from andon_wire.errors import Malformed
from andon_wire.tree import Entry, File, Tree, check_path, from_row, to_row, tree

_MOST_SIZE = 1 << 53


def encode(index: Index) -> bytes:
    """Compact JSON, keys sorted."""
    document = {
        "format": FORMAT,
        "old": index.old,
        "new": index.new,
        "gone": list(index.gone),
        "changed": [to_row(each) for each in index.changed],
        "moved": [[each.path, each.base, int(each.executable)] for each in index.moved],
        "steps": [_step_row(each) for each in index.steps],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(content: bytes) -> Index:
    """The index whose bytes these are.

    Raises:
        Malformed: they are not exactly one, or it passes a bound.
    """
    if len(content) > MOST_INDEX_BYTES:
        raise Malformed("bad-delta", f"an index of {len(content)} bytes")
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise Malformed("other-format", f"a container of format {document['format']!r}, not {FORMAT}")
        found = Index(
            old=_text(document["old"]),
            new=_text(document["new"]),
            gone=tuple(_path(each) for each in document["gone"]),
            changed=tuple(from_row(each) for each in document["changed"]),
            moved=tuple(_moved(each) for each in document["moved"]),
            steps=tuple(_step(each) for each in document["steps"]),
        )
        again = encode(found)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("bad-delta", f"not an index: {type(error).__name__}: {error}") from error
    if again != content:
        raise Malformed("bad-delta", "an index that is not in its canonical form")
    return found


def tree_of(index: Index, old: Tree) -> Tree:
    """The tree that the container makes of `old`.

    Raises:
        Malformed: it is not for `old`, or what comes out is not what it says.
    """
    if old.id != index.old:
        raise Malformed("other-base", f"the container is for the tree {index.old[:12]}, not {old.id[:12]}")
    entries: dict[str, Entry] = {each.path: each for each in old.entries}
    for path in index.gone:
        entries.pop(path, None)
    files = {each.path: each for each in old.files}
    for each in index.moved:
        base = files.get(each.base)
        if base is None:
            raise Malformed("bad-delta", f"{each.path!r} is made of {each.base!r}, which is no file")
        entries[each.path] = File(each.path, base.sha256, base.size, each.executable)
    entries.update({each.path: each for each in index.changed})
    made = tree(entries.values())
    if made.id != index.new:
        raise Malformed("bad-delta", "the container does not make the tree that it names")
    return made


def _step_row(step: Step) -> list[Any]:
    row: list[Any] = [step.form, step.path, step.makes]
    match step.form:
        case "zeros":
            return row
        case "whole":
            return [*row, step.takes]
        case "copy":
            return [*row, step.base, step.at, step.span]
        case _:
            return [*row, step.base, step.at, step.span, step.takes, step.check]


def _step(row: Any) -> Step:
    match row:
        case ["zeros", path, makes]:
            step = Step(ZEROS, path, makes)
        case ["whole", path, makes, takes] if takes == makes:
            step = Step(WHOLE, path, makes, takes)
        case ["copy", path, makes, base, at, span] if span == makes:
            step = Step(COPY, path, makes, 0, _path(base), at, span)
        case [str(form), path, makes, base, at, span, takes, check] if form not in {WHOLE, COPY, ZEROS}:
            step = Step(form, path, makes, takes, _path(base), at, span, check)
            _bounded(step)
        case _:
            raise Malformed("bad-delta", f"not a step: {str(row)[:80]}")
    _path(step.path)
    numbers = (step.makes, step.takes, step.at, step.span, step.check)
    if not all(type(each) is int and 0 <= each < _MOST_SIZE for each in numbers) or not step.makes:
        raise Malformed("bad-delta", f"a step of {step.path!r} that makes nothing, or has no proper numbers")
    return step


def _bounded(step: Step) -> None:
    if max(step.makes, step.span, step.takes) > MOST_PART_BYTES or step.takes > step.makes + SPARE_BYTES:
        raise Malformed("bad-delta", f"a step of {step.path!r} needs more memory than is allowed")


def _moved(row: Any) -> Moved:
    match row:
        case [path, base, 0 | 1 as executable] if type(executable) is int:
            return Moved(_path(path), _path(base), bool(executable))
        case _:
            raise Malformed("bad-delta", f"not a moved file: {str(row)[:80]}")


def _path(value: Any) -> str:
    check_path(_text(value))
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("bad-delta", f"not text: {str(value)[:80]}")
    return value
