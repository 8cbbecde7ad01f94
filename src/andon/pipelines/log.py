"""The output of a stage as text, readable while it grows."""

from pathlib import Path

from andon.kernel.errors import NotFound
from andon.kernel.ids import RunId
from andon.pipelines.model import StageName

_PIECE_BYTES = 256 * 1024


class Logs:
    """The output of all runs, below `<home>/runs`."""

    def __init__(self, home: Path) -> None:
        self._runs = home / "runs"

    def file(self, run: RunId, stage: StageName) -> Path:
        """Where the output of a stage goes; attempts follow one another."""
        return self._runs / run / f"{stage}.log"

    def read(self, run: RunId, stage: StageName, offset: int = 0) -> tuple[str, int]:
        """Text from byte `offset` on, at most 256 KiB, and the offset to go on from.

        A character that is not written whole yet comes with the next reading.

        Raises:
            NotFound: the offset is beyond the end.
        """
        try:
            with self.file(run, stage).open("rb") as stream:
                size = stream.seek(0, 2)
                if not 0 <= offset <= size:
                    raise NotFound("bad-offset", f"the output of {stage} has {size} bytes, not {offset}")
                stream.seek(offset)
                piece = stream.read(_PIECE_BYTES)
        except FileNotFoundError:
            return "", 0
        whole = _whole(piece)
        return whole.decode("utf-8", "replace"), offset + len(whole)


def _whole(piece: bytes) -> bytes:
    """`piece` without the beginning of a UTF-8 character at its end."""
    for back in range(1, min(4, len(piece)) + 1):
        byte = piece[-back]
        if byte < 0x80:
            return piece
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return piece[:-back] if back < length else piece
    return piece
