"""The records of local instances: one folder each, with its record, its output and its temporary files.

Files and not rows: they belong to this machine, whatever database the plant has, and a process that is
found again is found with them.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from andon.kernel import files, logging
from andon.kernel.errors import Damaged, NotFound
from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version
from andon.targets.model import InstanceState
from andon.targets.records import Record

_log = logging.get(__name__)
_RECORD = "instance.json"
_ROTATE_BYTES = 10_000_000
_KEEP_STOPPED = 10
_PIECE_BYTES = 65_536
_LONGEST_READ_BYTES = 1_000_000


class InstanceStore:
    """The folder `<home>/instances`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> list[Record]:
        """All that are not struck off, by age. One that cannot be read is logged and left alone."""
        active = [each for each in self._read_all() if each.state is not InstanceState.STOPPED]
        return sorted(active, key=lambda each: (each.created_at, each.id))

    def save(self, record: Record) -> None:
        """Make `record` durable."""
        folder = self.folder(record.id)
        folder.mkdir(parents=True, exist_ok=True)
        files.write(folder / _RECORD, json.dumps(asdict(record), default=_plain).encode())

    def prune(self, unit: UnitName, environment: EnvironmentName) -> None:
        """Forget all but the last stopped instances; their output had its use."""
        stopped = [
            each
            for each in self._read_all()
            if each.state is InstanceState.STOPPED and (each.unit, each.environment) == (unit, environment)
        ]
        for each in sorted(stopped, key=lambda each: each.since, reverse=True)[_KEEP_STOPPED:]:
            shutil.rmtree(self.folder(each.id), ignore_errors=True)

    def folder(self, instance: InstanceId) -> Path:
        """Folder of one instance."""
        return self._folder / instance

    def output(self, instance: InstanceId) -> Path:
        """File with what the instance's process printed."""
        return self.folder(instance) / "output.log"

    def rotate(self, instance: InstanceId) -> None:
        """Put a long output aside before the next start; one former is kept."""
        output = self.output(instance)
        if output.exists() and output.stat().st_size > _ROTATE_BYTES:
            files.move(output, output.with_suffix(".log.1"))

    def tail(self, instance: InstanceId, lines: int) -> Sequence[str]:
        """The last lines of its output, oldest first.

        Raises:
            NotFound: there is no such instance.
        """
        with self._opened(instance) as stream:
            at = stream.seek(0, 2)
            content = b""
            while at > 0 and content.count(b"\n") <= lines and len(content) < _LONGEST_READ_BYTES:
                begin = max(0, at - _PIECE_BYTES)
                stream.seek(begin)
                content = stream.read(at - begin) + content
                at = begin
        return content.decode(errors="replace").splitlines()[-lines:] if lines > 0 else []

    def _read_all(self) -> Iterator[Record]:
        for path in self._folder.glob(f"*/{_RECORD}"):
            try:
                yield _read(path)
            except Damaged as error:
                _log.error("instance record damaged", code=error.code, reason=error.message, hint=error.hint)

    def _opened(self, instance: InstanceId) -> Any:
        folder = self.folder(instance)
        if folder.parent != self._folder or not (folder / _RECORD).exists():
            raise NotFound("no-such-instance", f"there is no instance {instance}", hint="andon status")
        self.output(instance).touch()
        return self.output(instance).open("rb")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value)} is not stored")


def _read(path: Path) -> Record:
    try:
        return _record(json.loads(path.read_bytes()))
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(
            "bad-instance-record", f"{path} cannot be read: {error}", hint="move its folder away"
        ) from error


def _record(stored: dict[str, Any]) -> Record:
    kept = {
        **stored,
        "id": InstanceId(stored["id"]),
        "unit": UnitName(stored["unit"]),
        "environment": EnvironmentName(stored["environment"]),
        "version": Version(stored["version"]),
        "state": InstanceState(stored["state"]),
        "process": None if stored["process"] is None else Process(**stored["process"]),
        "deaths": tuple(datetime.fromisoformat(each) for each in stored["deaths"]),
        "stop_patience": timedelta(seconds=stored["stop_patience"]),
    }
    for name in ("created_at", "since", "start_after", "terminated_at"):
        with contextlib.suppress(TypeError):
            kept[name] = datetime.fromisoformat(stored[name])
    return Record(**kept)
