"""How far a long copy is, told to whoever looks."""

from typing import Protocol


class Progress(Protocol):
    """Gets told while something is copied. May be called very often; it does not block for long."""

    def begin(self, what: str, total_bytes: int) -> None:
        """A part of the work begins, such as "copying"; so many bytes are ahead."""
        ...

    def advance(self, path: str, count_bytes: int) -> None:
        """So many bytes more are done, of the file at `path`."""
        ...


class Unwatched:
    """Nobody looks."""

    def begin(self, what: str, total_bytes: int) -> None:
        """See `Progress`."""

    def advance(self, path: str, count_bytes: int) -> None:
        """See `Progress`."""
