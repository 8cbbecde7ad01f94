"""Where the change in hand comes from: set once at the edge, read by the one writer of the timeline.

A context variable, as the logger's are, because every command would hand it on untouched. What Andon does
by itself has no origin: its records name the part that decided.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """role: the right in use, such as `approver@production`; source: address; correlation: the request's."""

    role: str = ""
    source: str = ""
    correlation: str = ""


_NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("andon_origin", default=_NOWHERE)


def current() -> Origin:
    """The origin of the change in hand; all empty where nobody asked for it."""
    return _origin.get()


def set_current(origin: Origin) -> None:
    """Everything that this task does from now on comes from `origin`."""
    _origin.set(origin)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """What happens in this block comes from `origin`."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
