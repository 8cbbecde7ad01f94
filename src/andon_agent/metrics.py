"""What a station measures of itself, by psutil: the whole machine, cheap enough for each 30 s."""

from datetime import datetime
from pathlib import Path

import psutil

from andon_wire.protocol import Sample


class Meter:
    """Measures. folder: on the disk whose filling counts, that of the agent's home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        psutil.cpu_percent()  # the first call has nothing to compare with

    def sample(self, at: datetime, *, response_s: float | None = None) -> Sample:
        """The machine now; cpu is the mean since the last call. response_s: of the control plane."""
        network = psutil.net_io_counters()
        return Sample(
            at=at,
            cpu=max(0.0, psutil.cpu_percent() / 100),
            memory=_part(psutil.virtual_memory().percent),
            disk=_part(psutil.disk_usage(str(self._folder)).percent),
            sent=network.bytes_sent if network else 0,
            received=network.bytes_recv if network else 0,
            processes=len(psutil.pids()),
            uptime_s=max(0.0, at.timestamp() - psutil.boot_time()),
            response_s=response_s,
        )


def _part(percent: float) -> float:
    return min(1.0, max(0.0, percent / 100))
