"""An artifact arrives whole or not at all, however often it is cut, and whoever gives it."""

import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon_agent.download import Wanted, fetch
from andon_agent.flow import Flow
from andon_agent.tests.servers import Asked, Stage, answer, serving
from andon_wire.disk import SPARE_BYTES, RealDisk
from andon_wire.errors import Missing, Unreachable, Untrusted
from andon_wire.protocol import Pace
from andon_wire.sources import FolderSource, HttpSource

pytestmark = pytest.mark.component

CONTENT = b"".join(n.to_bytes(4, "big") for n in range(600_000))  # 2.4 MB, no two parts alike
SHA = hashlib.sha256(CONTENT).hexdigest()
WANTED = Wanted(f"targets/station/1.2.0/{SHA}.bundle", SHA, len(CONTENT))


def a_flow() -> Flow:
    return Flow(lambda: datetime.now(UTC), lambda: 0.0)


def nothing(done: int, size: int) -> None:
    """Progress of nobody."""


def get(
    sources: list[object],
    into: Path,
    *,
    progress: Callable[[int, int], None] = nothing,
    flow: Flow | None = None,
):
    fetch(WANTED, sources, into, disk=RealDisk(), flow=flow or a_flow(), progress=progress)


def begin_of(asked: Asked) -> int:
    return int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def ranged(asked: Asked, connection: socket.socket, stage: Stage, *, most: int | None = None) -> None:
    """As a good server does; cuts the connection after `most` bytes."""
    begin = begin_of(asked)
    part = CONTENT[begin:]
    extra = {"Content_Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"} if begin else {}
    head = answer(
        "206 Partial Content" if begin else "200 OK", b"", **{**extra, "Content_Length": str(len(part))}
    )
    connection.sendall(head + (part if most is None else part[:most]))


class Part:
    """A source that a test writes."""

    def __init__(self, pieces: Callable[[int], Iterator[bytes]], name: str = "part") -> None:
        self.name, self._pieces = name, pieces
        self.offsets: list[int] = []

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        self.offsets.append(offset)
        yield from self._pieces(offset)


def whole(offset: int) -> Iterator[bytes]:
    for at in range(offset, len(CONTENT), 100_000):
        yield CONTENT[at : at + 100_000]


def cut_at(where: int) -> Callable[[int], Iterator[bytes]]:
    def pieces(offset: int) -> Iterator[bytes]:
        for piece in whole(offset):
            if offset + len(piece) > where:
                raise Unreachable("cut", "cut")
            offset += len(piece)
            yield piece

    return pieces


def test_a_registry_that_cuts_each_answer_gives_all_of_it_in_parts(tmp_path: Path) -> None:
    with serving(lambda asked, connection, stage: ranged(asked, connection, stage, most=500_000)) as stage:
        get([HttpSource(stage.url)], tmp_path / "bundle")
        begins = [begin_of(each) for each in stage.asked]
    assert (tmp_path / "bundle").read_bytes() == CONTENT
    assert begins == sorted(set(begins))
    assert len(begins) == 5
    assert [each.name for each in tmp_path.iterdir()] == ["bundle"]


def test_another_registry_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    second = Part(whole)
    get([Part(cut_at(1_500_000)), second], tmp_path / "bundle")
    assert second.offsets == [1_500_000]
    assert (tmp_path / "bundle").read_bytes() == CONTENT


def test_a_usb_stick_goes_on_where_the_network_ended(tmp_path: Path) -> None:
    place = tmp_path / "usb" / WANTED.path
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    get([Part(cut_at(1_500_000)), FolderSource(tmp_path / "usb")], tmp_path / "bundle")
    assert (tmp_path / "bundle").read_bytes() == CONTENT


def test_after_a_restart_it_goes_on_behind_its_mark(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        get([Part(cut_at(1_500_000))], tmp_path / "bundle")
    again = Part(whole)
    get([again], tmp_path / "bundle")
    assert again.offsets == [1_500_000]
    assert (tmp_path / "bundle").read_bytes() == CONTENT


@pytest.mark.parametrize("harm", ["torn", "changed", "no mark", "other mark", "garbage mark", "gone"])
def test_a_part_that_a_crash_harmed_is_never_believed(tmp_path: Path, harm: str) -> None:
    with pytest.raises(Unreachable):
        get([Part(cut_at(1_500_000))], tmp_path / "bundle")
    part, mark = tmp_path / "bundle.part", tmp_path / "bundle.part.mark"
    raw = part.read_bytes()
    match harm:
        case "torn":
            part.write_bytes(raw + bytes(5000))  # what a power cut leaves behind the last sync
        case "changed":
            part.write_bytes(raw[:700_000] + b"x" + raw[700_001:])
        case "no mark":
            mark.unlink()
        case "other mark":
            mark.write_text(json.dumps({**json.loads(mark.read_text()), "of": "0" * 64}))
        case "garbage mark":
            mark.write_bytes(b"\x00{")
        case "gone":
            part.unlink()
    again = Part(whole)
    get([again], tmp_path / "bundle")
    assert again.offsets == ([1_500_000] if harm == "torn" else [0])
    assert (tmp_path / "bundle").read_bytes() == CONTENT


@given(st.binary(max_size=200))
@settings(max_examples=40)
def test_a_mark_of_any_bytes_is_read_or_ignored(
    tmp_path_factory: pytest.TempPathFactory, mark: bytes
) -> None:
    folder = tmp_path_factory.mktemp("mark")
    (folder / "bundle.part").write_bytes(CONTENT[:1000])
    (folder / "bundle.part.mark").write_bytes(mark)
    get([Part(whole)], folder / "bundle")
    assert (folder / "bundle").read_bytes() == CONTENT


class TestWhatIsNotWhatWasSigned:
    def test_other_bytes_are_refused_and_do_not_stay(self, tmp_path: Path) -> None:
        bad = Part(lambda offset: iter([bytes(len(CONTENT) - offset)]))
        with pytest.raises(Untrusted) as caught:
            get([bad], tmp_path / "bundle")
        assert caught.value.code == "hash-mismatch"
        assert list(tmp_path.iterdir()) == []

    def test_endless_data_end_at_once(self, tmp_path: Path) -> None:
        taken = 0

        def endless(offset: int) -> Iterator[bytes]:
            nonlocal taken
            while True:
                taken += 100_000
                yield bytes(100_000)

        with pytest.raises(Untrusted) as caught:
            get([Part(endless)], tmp_path / "bundle")
        assert caught.value.code == "too-long"
        assert taken <= len(CONTENT) + 200_000

    def test_the_next_registry_is_asked_from_the_beginning(self, tmp_path: Path) -> None:
        bad, good = Part(lambda offset: iter([bytes(len(CONTENT) - offset)])), Part(whole)
        get([bad, good], tmp_path / "bundle")
        assert good.offsets == [0]
        assert (tmp_path / "bundle").read_bytes() == CONTENT

    def test_a_wrong_beginning_costs_one_more_round_not_the_update(self, tmp_path: Path) -> None:
        wrong = bytes(300_000)
        (tmp_path / "bundle.part").write_bytes(wrong)
        mark = {"of": SHA, "size": len(wrong), "sha256": hashlib.sha256(wrong).hexdigest()}
        (tmp_path / "bundle.part.mark").write_text(json.dumps(mark))
        source = Part(whole)
        get([source], tmp_path / "bundle")
        assert source.offsets == [300_000, 0]
        assert (tmp_path / "bundle").read_bytes() == CONTENT

    def test_while_one_registry_is_away_nothing_is_given_up_for_good(self, tmp_path: Path) -> None:
        bad = Part(lambda offset: iter([bytes(len(CONTENT) - offset)]))
        with pytest.raises(Unreachable):
            get([bad, Part(cut_at(0))], tmp_path / "bundle")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (answer("500 Internal Server Error"), Unreachable),
        (answer("503 Service Unavailable", Retry_After="1"), Unreachable),
        (answer("301 Moved Permanently", Location="http://127.0.0.1:9/"), Unreachable),
        (answer("404 Not Found"), Missing),
        (b"garbage\r\n\r\n", Unreachable),
        (b"", Unreachable),
        (answer("200 OK", CONTENT[:10], Content_Length="10"), Unreachable),
        (answer("200 OK", CONTENT + b"x"), Untrusted),
    ],
)
def test_a_server_that_misbehaves_is_told_apart(tmp_path: Path, raw: bytes, error: type[Exception]) -> None:
    with serving(lambda asked, connection, stage: connection.sendall(raw)) as stage, pytest.raises(error):
        get([HttpSource(stage.url)], tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_server_that_knows_no_ranges_still_serves(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        get([Part(cut_at(1_500_000))], tmp_path / "bundle")
    with serving(lambda asked, connection, stage: connection.sendall(answer("200 OK", CONTENT))) as stage:
        get([HttpSource(stage.url)], tmp_path / "bundle")
    assert (tmp_path / "bundle").read_bytes() == CONTENT


class Stop(Exception):
    """What an engine raises to end its work."""


def test_the_engine_may_end_it_between_two_pieces_and_nothing_is_lost(tmp_path: Path) -> None:
    def stop(done: int, size: int) -> None:
        assert size == len(CONTENT)
        if done > 1_000_000:
            raise Stop

    with pytest.raises(Stop):
        get([Part(whole)], tmp_path / "bundle", progress=stop)
    again = Part(whole)
    get([again], tmp_path / "bundle")
    assert again.offsets == [1_100_000]


def test_a_pause_lets_go_of_the_registry_and_goes_on_when_it_is_over(tmp_path: Path) -> None:
    flow, source, held = a_flow(), Part(whole), []

    def look(done: int, size: int) -> None:
        if done >= 1_000_000 and not held:
            held.append(done)
            flow.pause()
        elif flow.is_paused:
            held.append(done)
            if len(held) > 3:  # by then it has let go, and waits
                flow.resume()

    get([source], tmp_path / "bundle", progress=look, flow=flow)
    assert held
    assert len(source.offsets) == 2
    assert (tmp_path / "bundle").read_bytes() == CONTENT


def test_a_cancel_drops_what_came(tmp_path: Path) -> None:
    flow, source, held = a_flow(), Part(whole), []

    def look(done: int, size: int) -> None:
        if done >= 1_000_000 and not held:
            held.append(done)
            flow.cancel()
        elif flow.is_paused and not (tmp_path / "bundle.part").exists():
            flow.resume()

    get([source], tmp_path / "bundle", progress=look, flow=flow)
    assert source.offsets == [0, 0]
    assert (tmp_path / "bundle").read_bytes() == CONTENT


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    class Small(RealDisk):
        def free_bytes(self, folder: Path) -> int:
            return SPARE_BYTES

    with pytest.raises(Unreachable) as caught:
        fetch(WANTED, [Part(whole)], tmp_path / "bundle", disk=Small(), flow=a_flow(), progress=nothing)
    assert caught.value.code == "disk-full"
    assert re.match(r"\d+ [KM]iB are missing on the disk for what is downloaded: ", caught.value.message)
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(CONTENT)
    source = Part(whole)
    get([source], tmp_path / "bundle")
    assert source.offsets == []


def test_the_bandwidth_is_kept(tmp_path: Path) -> None:
    """By a clock that the waits themselves move: nothing sleeps."""
    rising = [0.0]

    class Moved(Flow):
        def passed(self, count: int, look: Callable[[], None]) -> None:
            rising[0] += self._bucket.take(count, rising[0])

    flow = Moved(lambda: datetime.now(UTC), lambda: rising[0])
    flow.set_pace(Pace(bandwidth=100_000))
    get([Part(whole)], tmp_path / "bundle", flow=flow)
    assert rising[0] >= len(CONTENT) / 100_000 - 2
