"""A unit's state as one line of its journal, and back. Additive: what a line does not have is its default."""

import hashlib

from pydantic import TypeAdapter, ValidationError

from andon_agent.engine.model import State
from andon_wire.errors import Malformed

_STATE = TypeAdapter(State)
_SUM = 16  # hex digits


def encode(state: State) -> bytes:
    """Check sum, a space, JSON, a line's end."""
    text = _STATE.dump_json(state)
    return _sum(text) + b" " + text + b"\n"


def decode(line: bytes) -> State:
    """The state in a line, with or without its end.

    Raises:
        Malformed: it is torn, or none.
    """
    found, _, text = line.rstrip(b"\n").partition(b" ")
    if found != _sum(text):
        raise Malformed("bad-line", f"a line of {len(line)} bytes does not have its check sum")
    try:
        return _STATE.validate_json(text)
    except ValidationError as error:
        raise Malformed("bad-line", f"a line of a journal: {error.errors()[0]['msg']}") from error


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_SUM].encode()
