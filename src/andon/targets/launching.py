"""From a manifest and a record to what is started: command, environment, folders, port."""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import InvalidInput, Unavailable
from andon.targets.detached import MARK, Launch
from andon.targets.installs import Command
from andon.targets.records import Record
from andon.units.model import Manifest


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of one start. environment: of the release, with its programs; data: shared by all releases."""

    environment: Path
    data: Path
    own: Path


class Ports:
    """Hands out free ports of a range, going round so that a port is not reused at once."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._count = first, last - first + 1
        self._next = secrets.randbelow(self._count)

    def take(self, host: str, taken: set[int]) -> int:
        """A port that is not in `taken` and on which nothing listens at this moment.

        Raises:
            Unavailable: there is none.
        """
        for _ in range(self._count):
            port = self._first + self._next
            self._next = (self._next + 1) % self._count
            if port not in taken and _is_free(host, port):
                return port
        raise Unavailable(
            "no-free-port",
            "no port is free for an instance",
            hint="widen ANDON_LOCAL__FIRST_PORT and LAST_PORT",
        )


def launch_of(record: Record, manifest: Manifest, place: Place) -> Launch:
    """How the instance is started; makes its folders.

    Raises:
        InvalidInput: the working folder is outside of the unit's data.
    """
    words = _words(record, place)
    folder = (place.data / manifest.run.workdir).resolve()
    if not folder.is_relative_to(place.data.resolve()):
        raise InvalidInput("bad-workdir", f"workdir {manifest.run.workdir!r} is outside of the unit's data")
    for each in (folder, place.own / "tmp"):
        each.mkdir(parents=True, exist_ok=True)
    return Launch(
        command=_filled(manifest.run.command, words),
        environment=_environment(record, manifest, place, words) | {MARK: record.id},
        folder=folder,
        output=place.own / "output.log",
        lock=place.own / "lock",
    )


def migration_of(record: Record, manifest: Manifest, place: Place, output: Path) -> Command:
    """How the release's migration is run; `record` is the instance that waits for it."""
    words = _words(record, place)
    return Command(
        what="the migration",
        line=_filled(manifest.run.migrate or ["true"], words),
        environment=_environment(record, manifest, place, words),
        folder=place.data,
        output=output,
        outlives_us=True,
    )


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not hindered by what has just ended
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _words(record: Record, place: Place) -> Mapping[str, str]:
    return {
        "host": record.host,
        "port": str(record.port),
        "data": str(place.data),
        "version": record.version,
        "instance": record.id,
    }


def _filled(parts: Sequence[str], words: Mapping[str, str]) -> list[str]:
    return [_fill(each, words) for each in parts]


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def _environment(
    record: Record, manifest: Manifest, place: Place, words: Mapping[str, str]
) -> dict[str, str]:
    """Nothing of ours: a secret of Andon's own surroundings must not reach a unit by accident."""
    temporary = place.own / "tmp"
    return {
        "PATH": os.pathsep.join((str(place.environment / "bin"), os.defpath)),
        "VIRTUAL_ENV": str(place.environment),
        "LANG": "C.UTF-8",
        "HOME": str(place.data),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        **{name: _fill(value, words) for name, value in manifest.run.env.items()},
        "ANDON_UNIT": record.unit,
        "ANDON_ENVIRONMENT": record.environment,
        "ANDON_RELEASE": record.version,
    }
