"""Hearing at once of the end of a process that is not our child. Linux."""

import asyncio
import os
from collections.abc import Callable

from andon.kernel.ids import Process
from andon.kernel.processes import is_alive


class Watch:
    """Over one process at a time, by a descriptor that becomes readable when it ends."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._descriptor: int | None = None

    def over(self, process: Process) -> None:
        """Watch this one instead of the last. `ended` is called soon, once, also when it is gone already."""
        self.end()
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:  # gone; or a kernel before 5.3, where the next look has to notice
            loop.call_soon(self._ended)
            return
        self._descriptor = descriptor
        loop.add_reader(descriptor, self._gone)
        if not is_alive(process):  # its pid may be another's by now
            self._gone()

    def end(self) -> None:
        """Watch no more."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def _gone(self) -> None:
        self.end()
        self._ended()
