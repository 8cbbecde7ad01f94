"""How common a password is: zxcvbn's lists, which come with it, and the plant's own file of breached ones.

Nothing is asked over a network. The file is that of Have I Been Pwned, ordered by hash: one upper-case SHA-1
a line, with or without `:count`. It may have gigabytes: it is searched on the disk, never read whole.
"""

import asyncio
import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from andon.access.people.profiles import Commonness, normal
from andon.kernel.errors import Damaged

_SEEN = 72  # what zxcvbn looks at; its work grows faster than the length
_HASH_CHARACTERS = 40


class Guesser:
    """Judges passwords as somebody who guesses would. breached: the plant's file, where it has one."""

    def __init__(self, breached: Path | None = None) -> None:
        self._breached = breached

    async def judge(self, password: str, words: Collection[str]) -> Commonness:
        """How common `password` is for who knows `words` of its context.

        Raises:
            Damaged: the file of breached passwords cannot be read; then no password is taken.
        """
        return await asyncio.to_thread(self._judge, normal(password), words)

    def _judge(self, password: str, words: Collection[str]) -> Commonness:
        from zxcvbn import zxcvbn  # its lists take 50 ms and 10 MB, which most commands never need

        seen = zxcvbn(password[:_SEEN], user_inputs=[each for each in words if each])
        return Commonness(guesses=float(seen["guesses_log10"]), is_breached=self._is_breached(password))

    def _is_breached(self, password: str) -> bool:
        if self._breached is None:
            return False
        # SHA-1 names the line of a public list; nothing is protected by it.
        wanted = (
            hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
            .hexdigest()
            .upper()
            .encode()
        )
        try:
            with self._breached.open("rb") as stream:
                return _is_in(stream, wanted)
        except OSError as error:
            raise Damaged(
                "breached-list-unreadable",
                f"the list of breached passwords cannot be read: {error.strerror}",
                hint="set ANDON_PASSWORDS__BREACHED to a readable file, or leave it empty",
            ) from error


def _is_in(stream: BinaryIO, wanted: bytes) -> bool:
    low, high = 0, stream.seek(0, os.SEEK_END)
    # Between low and high lies at least one line's beginning, or the search is over.
    while low < high:
        middle = (low + high) // 2
        stream.seek(middle)
        if middle > 0:
            stream.seek(middle - 1)
            stream.readline()
        line = stream.readline()
        found = line[:_HASH_CHARACTERS].upper()
        if found == wanted:
            return True
        if not line or found > wanted:
            high = middle
        else:
            low = stream.tell()
    return False
