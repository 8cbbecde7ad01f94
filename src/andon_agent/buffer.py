"""What happened and was measured, until the control plane has it: durable, over months without a network.

    <folder>/events      one line each: CRC-32 in hex, a space, JSON; the first says from which number on
    <folder>/samples     the same; a power cut may cost the last few
    <folder>/refused     events that the control plane will never take
    <folder>/ballast     bytes to give up when the disk is full, so that just this can still be told

An event is never lost: it is synced before it is reported, and kept until the control plane said that it is
durable there. Samples are bounded: beyond the most of them, the older half is thinned to every second one.
One thread at a time may use it; the agent's parts share it under a lock of its own.
"""

import errno
import json
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from andon_wire.disk import Disk, write_durably
from andon_wire.protocol import MOST_EVENTS, MOST_REPORT_BYTES, MOST_SAMPLES, EventKind, Sample, StationEvent

BALLAST_BYTES = 256 << 10
MOST_KEPT_SAMPLES = 20_000  # a week at 30 s; about 3 MB
_SENTENCE = 1000
_FACTS_BYTES = 4096
_MOST_TOLD = 64
_BATCH_BYTES = MOST_REPORT_BYTES * 3 // 4  # the rest is for the station's state
_SAMPLE_BYTES = 300  # at most, of one as JSON


@dataclass(frozen=True, slots=True)
class Batch:
    """What one report carries, oldest first."""

    events: list[StationEvent]
    samples: list[Sample]

    @property
    def last(self) -> int:
        """Number of its last event; 0 without any."""
        return self.events[-1].seq if self.events else 0


class Buffer:
    """The queue in a folder. Opens what is there, whatever a power cut left of it.

    damaged: lines before the end that could not be read; a torn last one is none, as it was never reported.

    Raises:
        OSError: the folder cannot be made or read.
    """

    def __init__(self, folder: Path, disk: Disk, *, most_samples: int = MOST_KEPT_SAMPLES) -> None:
        self._folder, self._disk, self._most_samples = folder, disk, most_samples
        self._turn = threading.Lock()
        self.damaged = 0
        self._next = 1
        self._events: list[StationEvent] = []
        self._waiting: list[StationEvent] = []  # not on the disk yet, as it is full
        self._samples: list[Sample] = []
        self._unwritten: list[Sample] = []
        self._told: list[list[Any]] = []  # of the engine's events, the last ones that were handed over
        self._marks: dict[int, list[Any]] = {}  # those of events that are here
        self._is_clean = False
        disk.make_folder(folder)
        self._open()

    def add(
        self, kind: EventKind, at: datetime, *, reason: str = "", mark: list[Any] | None = None, **more: Any
    ) -> StationEvent:
        """Take an event, durably. more: other fields of it.

        Where the disk does not take it, it waits in memory for the next try: the next event or report.
        """
        with self._turn:
            event = StationEvent(seq=self._next, at=at, kind=kind, reason=_cut(reason), **_bounded(more))
            self._next += 1
            self._waiting.append(event)
            if mark is not None:
                self._marks[event.seq] = mark
                self._told = [*self._told, mark][-_MOST_TOLD:]
            self._write_waiting()
            return event

    def tell(self, unit: str, number: int, kind: EventKind, at: datetime, **more: Any) -> None:
        """Take an event of the engine, which may hand the same one over again: it is told once.

        A number alone does not say so, as the engine's journal may be lost, and begin anew.

        Raises:
            OSError: it is not durable yet; hand it over again.
        """
        mark = [unit, number, at.isoformat()]
        with self._turn:
            is_known = mark in self._told
        if not is_known:
            self.add(kind, at, mark=mark, unit=unit, **more)
        with self._turn:
            self._write_waiting()
            if self._waiting:
                raise OSError(errno.ENOSPC, f"{self._folder} takes no event: is the disk full?")

    def measure(self, sample: Sample) -> None:
        """Take a sample; on the disk ten at a time."""
        with self._turn:
            self._samples.append(sample)
            self._unwritten.append(sample)
            if len(self._samples) > self._most_samples:
                self._samples = thinned(self._samples)
                self._rewrite_samples()
            elif len(self._unwritten) >= 10:
                self._append_samples()

    def take(self) -> Batch:
        """What the next report should carry; the same again until it is forgotten."""
        with self._turn:
            self._write_waiting()
            events, room = [], _BATCH_BYTES
            for each in self._events[:MOST_EVENTS]:
                room -= len(each.model_dump_json())
                if room < 0:
                    break
                events.append(each)
            return Batch(events, self._samples[: min(MOST_SAMPLES, max(0, room) // _SAMPLE_BYTES)])

    def forget(self, batch: Batch, seq: int) -> None:
        """The control plane has the events up to `seq`, and this batch's samples.

        Where it has more than were ever numbered here, this disk is an older copy of itself: what waits is
        numbered anew behind those, so that it is not taken for what came long ago.
        """
        with self._turn:
            if seq >= self._next:
                self._renumber(seq + 1)
            elif self._events and self._events[0].seq <= seq:
                self._events = [each for each in self._events if each.seq > seq]
                self._marks = {each: mark for each, mark in self._marks.items() if each > seq}
                self._try(lambda: self._replace_events(self._events))
            if batch.samples:
                taken = set(map(id, batch.samples))
                self._samples = [each for each in self._samples if id(each) not in taken]
                self._rewrite_samples()

    def set_aside(self, event: StationEvent, why: str) -> None:
        """An event that the control plane will never take: kept in a file of its own, for a person."""
        with self._turn:
            content = {"event": event.model_dump(mode="json"), "why": why[:_SENTENCE]}
            self._try(lambda: self._append("refused", [content], is_synced=True), times=1)
            self._events = [each for each in self._events if each.seq != event.seq]
            self._try(lambda: self._replace_events(self._events))

    @property
    def waiting(self) -> tuple[int, int]:
        """Events and samples that the control plane has not got."""
        with self._turn:
            return len(self._events) + len(self._waiting), len(self._samples)

    def close(self) -> None:
        """Bring the last samples to the disk."""
        with self._turn:
            self._write_waiting()
            self._append_samples()

    def _open(self) -> None:
        self._open_events()
        for row in self._lines("samples"):
            try:
                self._samples.append(Sample.model_validate(row))
            except ValidationError:
                self.damaged += 1
        ballast = self._folder / "ballast"
        if not self._disk.exists(ballast):
            self._try(lambda: write_durably(self._disk, ballast, bytes(BALLAST_BYTES)))

    def _open_events(self) -> None:
        for row in self._lines("events"):
            if isinstance(row.get("next"), int):
                self._next = max(self._next, row["next"])
                self._told = [each for each in row.get("told", []) if isinstance(each, list)]
                continue
            try:
                event = StationEvent.model_validate(row)
            except ValidationError:
                self.damaged += 1
                continue
            if event.seq >= self._next:
                self._events.append(event)
                self._next = event.seq + 1
                if isinstance(row.get("mark"), list):
                    self._marks[event.seq] = row["mark"]
                    self._told = [*self._told, row["mark"]][-_MOST_TOLD:]
        self._write_waiting()  # anew, so that nothing is ever appended behind a torn line

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self._folder / name
        if not self._disk.exists(path):
            return
        lines = self._disk.read(path).split(b"\n")
        for line in lines[:-1]:
            row = _read(line)
            if row is not None:
                yield row
            else:
                self.damaged += 1

    def _renumber(self, first: int) -> None:
        pending = [*self._events, *self._waiting]
        self._events, self._marks = [], {}
        self._waiting = [each.model_copy(update={"seq": first + n}) for n, each in enumerate(pending)]
        self._next = first + len(pending)
        self._is_clean = False
        self._write_waiting()

    def _write_waiting(self) -> None:
        if not self._waiting and self._is_clean:
            return
        whole, rows = (
            [*self._events, *self._waiting],
            [each.model_dump(mode="json") for each in self._waiting],
        )
        # What failed may have left half a line: nothing may be appended behind it.
        is_clean, self._is_clean = self._is_clean, False
        is_written = is_clean and self._try(lambda: self._append("events", rows, is_synced=True), times=1)
        is_written = is_written or self._try(lambda: self._replace_events(whole))
        self._is_clean = is_written
        if is_written:
            self._events, self._waiting = whole, []

    def _row(self, event: StationEvent) -> dict[str, Any]:
        mark = self._marks.get(event.seq)
        return {**event.model_dump(mode="json"), **({"mark": mark} if mark else {})}

    def _replace_events(self, events: Sequence[StationEvent]) -> None:
        first = events[0].seq if events else self._next
        rows = [{"next": first, "told": self._told}, *map(self._row, events)]
        write_durably(self._disk, self._folder / "events", b"".join(map(_line, rows)))

    def _append_samples(self) -> None:
        rows = [each.model_dump(mode="json") for each in self._unwritten]
        if not rows or self._try(lambda: self._append("samples", rows, is_synced=False), times=1):
            self._unwritten = []
        else:
            self._rewrite_samples()

    def _rewrite_samples(self) -> None:
        rows = [each.model_dump(mode="json") for each in self._samples]
        content = b"".join(map(_line, rows))
        if self._try(lambda: write_durably(self._disk, self._folder / "samples", content)):
            self._unwritten = []

    def _append(self, name: str, rows: Sequence[dict[str, Any]], *, is_synced: bool) -> None:
        with self._disk.open_write(self._folder / name, append=True) as stream:
            stream.write(b"".join(map(_line, rows)))
            if is_synced:
                self._disk.sync(stream)

    def _try(self, write: Callable[[], None], *, times: int = 2) -> bool:
        """Write; on a full disk give up ballast and samples, and try once more. Whether it went well."""
        for time in range(1, times + 1):
            try:
                write()
            except OSError as error:
                if time == times or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    return False
                self._make_room()
            else:
                return True
        return False

    def _make_room(self) -> None:
        for name in ("ballast", "samples"):
            try:
                self._disk.remove(self._folder / name)
            except OSError:
                continue


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Every second of the older half, all of the newer: what is long ago is told more coarsely."""
    half = len(samples) // 2
    return [*samples[:half:2], *samples[half:]]


def _line(row: dict[str, Any]) -> bytes:
    content = json.dumps(row, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def _read(line: bytes) -> dict[str, Any] | None:
    mark, _, content = line.partition(b" ")
    if mark != b"%08x" % zlib.crc32(content):
        return None
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _cut(text: str) -> str:
    return text if len(text) <= _SENTENCE else text[: _SENTENCE - 1] + "…"


def _bounded(more: dict[str, Any]) -> dict[str, Any]:
    """Facts that are larger than an event may be are left out, and that is said."""
    facts = more.get("facts", {})
    if len(json.dumps(facts, default=str)) > _FACTS_BYTES:
        return {**more, "facts": {"left_out": "the facts were larger than 4096 bytes"}}
    return more
