"""The file by which agent and launcher speak: `trial.json` of the agent's own unit."""

import json
from dataclasses import asdict
from pathlib import Path

from andon_agent.engine.model import SLOTS
from andon_agent.launcher.model import Trial
from andon_wire.disk import Disk, write_durably


def read(disk: Disk, path: Path) -> Trial | None:
    """What is to be tried; None where nothing is, or nobody can read it."""
    try:
        document = json.loads(disk.read(path))
        trial = Trial(
            document["slot"],
            int(document.get("tries", 0)),
            int(document.get("most_tries", 3)),
            float(document.get("deadline_s", 120.0)),
            str(document.get("outcome", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return trial if trial.slot in SLOTS else None


def write(disk: Disk, path: Path, trial: Trial) -> None:
    """Durable when it returns.

    Raises:
        OSError: it is as before.
    """
    write_durably(disk, path, json.dumps(asdict(trial)).encode() + b"\n")


def remove(disk: Disk, path: Path) -> None:
    """It is over; durable when it returns.

    Raises:
        OSError: it may still be there.
    """
    disk.remove(path)
    disk.sync_folder(path.parent)
