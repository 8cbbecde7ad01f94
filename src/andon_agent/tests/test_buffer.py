"""The queue while the network is away: no event is lost or told twice, and it stays bounded."""

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon_agent.buffer import Batch, Buffer, thinned
from andon_wire.disk import RealDisk
from andon_wire.protocol import MOST_REPORT_BYTES, EventKind, Report, Sample

pytestmark = pytest.mark.unit

AT = datetime(2026, 1, 2, tzinfo=UTC)


def a_sample(number: int) -> Sample:
    return Sample(at=AT + timedelta(seconds=30 * number), cpu=0.1, memory=0.2, disk=0.3)


def filled(folder: Path, events: int = 3) -> Buffer:
    buffer = Buffer(folder, RealDisk())
    for number in range(events):
        buffer.add(EventKind.CRASHED, AT, reason=f"death {number + 1}")
    return buffer


def seqs(batch: Batch) -> list[int]:
    return [each.seq for each in batch.events]


def test_events_are_there_again_after_a_restart_and_go_on_counting(tmp_path: Path) -> None:
    filled(tmp_path)
    buffer = Buffer(tmp_path, RealDisk())
    assert [each.reason for each in buffer.take().events] == ["death 1", "death 2", "death 3"]
    assert buffer.add(EventKind.STARTED, AT).seq == 4


def test_what_was_taken_is_forgotten_for_good_and_its_numbers_are_not_used_again(tmp_path: Path) -> None:
    buffer = filled(tmp_path)
    buffer.forget(buffer.take(), 2)
    assert seqs(buffer.take()) == [3]
    buffer.forget(buffer.take(), 3)
    again = Buffer(tmp_path, RealDisk())
    assert seqs(again.take()) == []
    assert again.add(EventKind.STARTED, AT).seq == 4


def test_a_late_answer_to_an_old_report_forgets_nothing_new(tmp_path: Path) -> None:
    buffer = filled(tmp_path)
    old = buffer.take()
    buffer.forget(old, 3)
    buffer.add(EventKind.STARTED, AT)
    buffer.forget(old, 3)
    assert seqs(buffer.take()) == [4]


def test_a_disk_that_is_an_older_copy_numbers_behind_what_the_control_plane_has(tmp_path: Path) -> None:
    buffer = filled(tmp_path)
    buffer.forget(buffer.take(), 40)
    assert seqs(buffer.take()) == [41, 42, 43]
    assert seqs(Buffer(tmp_path, RealDisk()).take()) == [41, 42, 43]
    assert buffer.add(EventKind.STARTED, AT).seq == 44


def test_a_torn_tail_costs_only_what_was_being_written(tmp_path: Path) -> None:
    filled(tmp_path)
    content = (tmp_path / "events").read_bytes()
    ends = [at for at, each in enumerate(content) if each == ord("\n")]
    near = {each + by for each in ends for by in (-1, 0, 1, 2)} - {len(content) + 1}
    for length in sorted(near | set(range(0, len(content), 40))):
        (tmp_path / "events").write_bytes(content[:length])
        buffer = Buffer(tmp_path, RealDisk())
        whole = max(0, sum(each < length for each in ends) - 1)
        assert seqs(buffer.take()) == [1, 2, 3][:whole]
        assert buffer.damaged == 0
        assert buffer.add(EventKind.STARTED, AT).seq == whole + 1
        assert seqs(Buffer(tmp_path, RealDisk()).take()) == list(range(1, whole + 2))


@settings(max_examples=25)
@given(st.data())
def test_a_damaged_byte_costs_one_event_at_most_and_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("buffer")
    filled(folder)
    raw = bytearray((folder / "events").read_bytes())
    first = raw.index(b"\n") + 1
    at = data.draw(st.integers(first, len(raw) - 2))
    raw[at] ^= data.draw(st.integers(1, 255))
    (folder / "events").write_bytes(raw)
    buffer = Buffer(folder, RealDisk())
    found = buffer.take().events
    assert [each.reason for each in found] == [
        each for each in ("death 1", "death 2", "death 3") if each in {one.reason for one in found}
    ]
    assert len(found) >= 1  # a newline that is gone joins two lines
    assert buffer.damaged >= 1


@settings(max_examples=25)
@given(st.binary(max_size=400))
def test_any_bytes_are_opened(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("buffer")
    for name in ("events", "samples"):
        (folder / name).write_bytes(content)
    buffer = Buffer(folder, RealDisk())
    assert buffer.add(EventKind.STARTED, AT).seq == 1
    assert seqs(Buffer(folder, RealDisk()).take()) == [1]


class FullDisk(RealDisk):
    """Takes `room` bytes more; then none, until something is removed."""

    def __init__(self) -> None:
        self.is_full = False

    def open_write(self, path: Path, *, mode: int = 0o644, append: bool = False) -> BinaryIO:
        if self.is_full:
            with super().open_write(path, mode=mode, append=append) as stream:
                stream.write(b"00")  # as a system does: a part of it gets there
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().open_write(path, mode=mode, append=append)


class TestAFullDisk:
    def test_the_ballast_lets_it_be_told(self, tmp_path: Path) -> None:
        class Relieved(FullDisk):
            def remove(self, path: Path) -> None:
                super().remove(path)
                self.is_full = False

        disk = Relieved()
        buffer = Buffer(tmp_path, disk)
        disk.is_full = True
        buffer.add(EventKind.ALERT, AT, reason="the disk is full")
        assert not (tmp_path / "ballast").exists()
        assert seqs(Buffer(tmp_path, RealDisk()).take()) == [1]

    def test_nothing_is_reported_that_a_power_cut_could_undo(self, tmp_path: Path) -> None:
        disk = FullDisk()
        buffer = Buffer(tmp_path, disk)
        buffer.add(EventKind.STARTED, AT)
        disk.is_full = True
        buffer.add(EventKind.ALERT, AT)
        buffer.add(EventKind.CRASHED, AT)
        assert seqs(buffer.take()) == [1]
        assert buffer.waiting == (3, 0)
        disk.is_full = False
        assert seqs(buffer.take()) == [1, 2, 3]
        assert seqs(Buffer(tmp_path, RealDisk()).take()) == [1, 2, 3]


class TestBounds:
    def test_samples_are_thinned_the_old_more_than_the_new(self, tmp_path: Path) -> None:
        buffer = Buffer(tmp_path, RealDisk(), most_samples=100)
        for number in range(1000):
            buffer.measure(a_sample(number))
        buffer.close()
        _, samples = buffer.waiting
        assert samples <= 100
        kept = [each.at for each in Buffer(tmp_path, RealDisk()).take().samples]
        assert kept == sorted(kept)
        assert kept[0] == a_sample(0).at
        assert kept[-1] == a_sample(999).at
        middle = AT + timedelta(seconds=30 * 500)
        assert sum(each > middle for each in kept) > sum(each <= middle for each in kept)

    def test_samples_that_were_taken_go_and_no_others(self, tmp_path: Path) -> None:
        buffer = Buffer(tmp_path, RealDisk())
        for number in range(5):
            buffer.measure(a_sample(number))
        batch = buffer.take()
        buffer.measure(a_sample(5))
        buffer.forget(batch, 0)
        assert buffer.take().samples == [a_sample(5)]
        assert Buffer(tmp_path, RealDisk()).take().samples == [a_sample(5)]

    def test_a_batch_fits_into_a_report(self, tmp_path: Path) -> None:
        buffer = Buffer(tmp_path, RealDisk())
        for _ in range(300):
            buffer.add(EventKind.ALERT, AT, reason="x" * 5000, facts={"text": "y" * 3000})
        for number in range(600):
            buffer.measure(a_sample(number))
        count = 0
        while batch := buffer.take():
            report = Report(at=AT, boot="b", events=batch.events, samples=batch.samples)
            assert len(report.model_dump_json()) < MOST_REPORT_BYTES
            count += len(batch.events)
            buffer.forget(batch, batch.last)
            if not batch.events:
                break
        assert count == 300

    def test_facts_that_are_too_large_are_left_out_and_that_is_said(self, tmp_path: Path) -> None:
        event = filled(tmp_path, 0).add(EventKind.ALERT, AT, facts={"text": "y" * 5000})
        assert list(event.facts) == ["left_out"]

    def test_the_newest_is_never_thinned(self) -> None:
        for count in range(1, 20):
            samples = [a_sample(number) for number in range(count)]
            assert thinned(samples)[-1] is samples[-1]
