"""The journal: whatever a power cut leaves at its end, the last whole line counts."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.testing.disks import MemoryDisk
from andon_agent.engine import codec
from andon_agent.engine.journal import Journal
from andon_agent.engine.model import Failed, Happened, Held, Process, State, Step, Target
from andon_wire.errors import Malformed
from andon_wire.protocol import EventKind, Phase

pytestmark = pytest.mark.unit
PATH = Path("/station/units/screen/journal")
AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
FULL = State(
    "screen",
    Phase.WATCHING,
    Step.NONE,
    AT,
    "2.0 is started\nnow",
    "boot",
    active=Held("b", "2.0", "2" * 64),
    confirmed=Held("a", "1.0", "1" * 64),
    target=Target("2.0", "b", 1, "r", is_return=True),
    failed=(Failed("1.5", 0, "it was silent"),),
    process=Process(7, 12.5, "boot"),
    deaths=(1.0, 2.5),
    outbox=(Happened(1, AT, EventKind.SWITCHED, "screen", "2.0", facts={"bytes": 7}),),
)


def a_disk() -> MemoryDisk:
    disk = MemoryDisk()
    disk.make_folder(Path("/station"))
    return disk


def test_a_line_comes_back_as_it_was() -> None:
    assert codec.decode(codec.encode(FULL)) == FULL


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_line_in_which_a_byte_is_wrong_is_none(at: int, value: int) -> None:
    line = bytearray(codec.encode(FULL)[:-1])
    at %= len(line)
    if line[at] == value:
        value = (value + 1) % 256
    line[at] = value
    with pytest.raises(Malformed):
        codec.decode(bytes(line))


@given(st.binary(max_size=200))
def test_what_is_no_line_is_refused(noise: bytes) -> None:
    with pytest.raises(Malformed):
        codec.decode(noise)


def test_a_line_of_a_later_agent_is_read_as_far_as_it_is_known() -> None:
    text = codec.encode(State("screen")).partition(b" ")[2].rstrip(b"\n")
    later = text[:-1] + b',"a_word_of_tomorrow":1}'
    line = codec._sum(later) + b" " + later
    assert codec.decode(line) == State("screen")


@given(st.data())
def test_wherever_the_end_is_torn_the_last_whole_line_counts_and_writing_goes_on(data: st.DataObject) -> None:
    disk = a_disk()
    journal = Journal(PATH, disk)
    states = [replace(FULL, starts=number) for number in range(4)]
    for each in states:
        journal.append(each)
    content = disk.read(PATH)
    cut = data.draw(st.integers(0, len(content)))
    with disk.open_write(PATH) as stream:
        stream.write(content[:cut])
    whole = content[:cut].count(b"\n")
    if cut < len(content) and content[cut : cut + 1] == b"\n":
        whole += 1  # all of it but its end
    torn = Journal(PATH, disk)
    found = torn.load()
    assert found == (states[whole - 1] if whole else None)
    torn.append(replace(FULL, starts=99))
    assert Journal(PATH, disk).load() == replace(FULL, starts=99)


def test_a_long_journal_is_made_short_and_keeps_the_last_lines() -> None:
    disk = a_disk()
    journal = Journal(PATH, disk, most_bytes=20_000)
    for number in range(200):
        journal.append(replace(FULL, starts=number))
    assert disk.size(PATH) < 45_000
    found = Journal(PATH, disk).load()
    assert found is not None
    assert found.starts == 199


def test_on_a_full_disk_the_reserve_makes_way() -> None:
    disk = a_disk()
    disk.capacity = 4 << 20
    journal = Journal(PATH, disk)
    journal.append(FULL)
    disk.capacity = disk.capacity - disk.free_bytes(PATH) + 10
    journal.append(replace(FULL, starts=1))
    assert Journal(PATH, disk).load() == replace(FULL, starts=1)


def test_where_there_is_no_room_at_all_it_is_told_and_the_former_line_counts() -> None:
    disk = a_disk()
    disk.capacity = 3000
    journal = Journal(PATH, disk)
    journal.append(FULL)
    disk.capacity = disk.capacity - disk.free_bytes(PATH) + 10
    with pytest.raises(OSError, match="no space"):
        journal.append(replace(FULL, starts=1))
    disk.capacity = 1 << 20
    assert Journal(PATH, disk).load() == FULL
    journal.append(replace(FULL, starts=2))
    assert Journal(PATH, disk).load() == replace(FULL, starts=2)


def test_what_a_killed_agent_wrote_is_durable_once_it_was_read() -> None:
    disk = a_disk()
    Journal(PATH, disk).append(FULL)
    disk.settle()
    with disk.open_write(PATH, append=True) as stream:
        stream.write(codec.encode(replace(FULL, starts=1)))
    found = Journal(PATH, disk).load()
    disk.die()
    for seed in range(5):
        assert Journal(PATH, disk.after_cut(seed)).load() == found
        disk.die()
