"""Asking, telling, measuring: what a station does in its turns, against a real server that a test scripts."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from andon_agent.artifacts import RegistryArtifacts
from andon_agent.asking import Asking, Tools
from andon_agent.buffer import Buffer
from andon_agent.client import Client, Place, Station
from andon_agent.engine.model import Now
from andon_agent.flow import Flow
from andon_agent.home import Home
from andon_agent.loop import Ticking, Turns, run
from andon_agent.measuring import Measuring
from andon_agent.settings import Settings
from andon_agent.telling import Telling
from andon_agent.tests.servers import Asked, Stage, answer, serving
from andon_agent.tests.test_witness import a_note
from andon_agent.witness import TimelineWitness
from andon_wire.disk import RealDisk
from andon_wire.identity import PrivateKey, sign_wanted
from andon_wire.protocol import (
    EdgeRule,
    EventKind,
    Pace,
    Report,
    Sample,
    UnitState,
    Wanted,
    WantedUnit,
)

pytestmark = pytest.mark.component

FLEET, OWN = PrivateKey.generate(), PrivateKey.generate()
AT = datetime(2026, 1, 2, tzinfo=UTC)
UNITS = {"station": WantedUnit(version="1.2.0")}


def a_wanted(revision: int = 1, **more: Any) -> Wanted:
    return Wanted(station="line-1", revision=revision, issued_at=AT, units=UNITS, **more)


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.uptime, self.at = 100.0, datetime.now(UTC)

    def now(self) -> Now:
        return Now(self.at, self.uptime, "boot")

    def seconds(self) -> float:
        return self.at.timestamp()


@dataclass
class Plant:
    """A control plane of a few lines: says what is wanted, takes reports as the real one does."""

    signed: str = ""
    status: str = ""  # instead of any answer
    seq: int = 0
    reports: list[Report] = field(default_factory=list)
    refuses: Callable[[Report], bool] = lambda report: False

    def __call__(self, asked: Asked, connection: socket.socket, stage: Stage) -> None:
        if self.status:
            connection.sendall(answer(self.status, Retry_After="40"))
        elif asked.target.startswith("/api/v1/agents/wanted"):
            raw = answer("200 OK", self.signed.encode()) if self.signed else answer("304 Not Modified")
            connection.sendall(raw)
        else:
            report = Report.model_validate_json(asked.body)
            if self.refuses(report):
                connection.sendall(answer("422 Unprocessable Content", b'{"code":"bad-report"}'))
                return
            self.reports.append(report)
            self.seq = max([self.seq, *(each.seq for each in report.events)])
            said = {"seq": self.seq, "revision": 1, "now": AT.isoformat()}
            connection.sendall(answer("200 OK", json.dumps(said).encode()))


_OPEN: list["Station1"] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


class Station1:
    """Everything of one station but its engine."""

    def __init__(self, folder: Path, url: str, **settings: Any) -> None:
        self.watch, self.disk, home = Watch(), RealDisk(), Home(folder)
        flow = Flow(lambda: self.watch.at, lambda: self.watch.uptime)
        place = Place(url)
        self.acted: list[Wanted] = []
        self.states: Mapping[str, UnitState] | None = {"station": UnitState(running="1.1.0")}
        self.asked_now = 0
        self._runner = asyncio.Runner()
        _OPEN.append(self)
        self.tools = Tools(
            home=home,
            disk=self.disk,
            settings=Settings(control=url, **{"nudge_s": 0, **settings}),
            context=place.context(),
            registries=(),
            client=Client(place, self.watch.seconds, within_s=20),
            who=Station("line-1", OWN, FLEET.public),
            buffer=Buffer(home.buffer, self.disk),
            flow=flow,
            artifacts=RegistryArtifacts(home.trust, b"{}", disk=self.disk, flow=flow, monotonic=lambda: 0.0),
            witness=TimelineWitness(home.witness, [], self.disk),
            watch=self.watch,
        )
        self.asking = Asking(self.tools, self.acted.append, random.Random(1))
        self.telling = Telling(
            self.tools, self.asking, lambda: self.states, random.Random(1), ask_now=self._ask_now
        )

    def _ask_now(self) -> None:
        self.asked_now += 1

    def kinds(self) -> list[EventKind]:
        return [each.kind for each in self.tools.buffer.take().events]

    def ask(self, times: int = 1) -> list[float]:
        return self._turns(self.asking, times)

    def tell(self, times: int = 1) -> list[float]:
        return self._turns(self.telling, times)

    def _turns(self, of: Any, times: int) -> list[float]:
        async def turns() -> list[float]:
            return [await of.turn() for _ in range(times)]

        return self._runner.run(turns())

    def close(self) -> None:
        self._runner.run(self.tools.client.close())
        self._runner.close()


class TestAsking:
    def test_what_is_wanted_is_acted_on_and_again_without_a_network(self, tmp_path: Path) -> None:
        plant = Plant(sign_wanted(a_wanted(pace=Pace(bandwidth=5000)), FLEET))
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.ask()
            url = stage.url
        assert station.acted == [a_wanted(pace=Pace(bandwidth=5000))]
        again = Station1(tmp_path, url)
        again.asking.recall()
        assert again.acted == station.acted
        assert again.tools.flow._bucket.rate == 5000

    def test_an_older_document_is_refused_and_told_once(self, tmp_path: Path) -> None:
        plant = Plant(sign_wanted(a_wanted(5), FLEET))
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.ask()
            plant.signed = sign_wanted(a_wanted(4), FLEET)
            waits = station.ask(3)
        assert [each.revision for each in station.acted] == [5]
        assert station.kinds() == [EventKind.REFUSED]
        assert all(each > 0.4 for each in waits)

    def test_a_document_of_another_key_changes_nothing(self, tmp_path: Path) -> None:
        with serving(Plant(sign_wanted(a_wanted(5), OWN))) as stage:
            station = Station1(tmp_path, stage.url)
            station.ask(2)
        assert station.acted == []
        assert station.kinds() == [EventKind.REFUSED]
        assert not (tmp_path / "wanted").exists()
        assert not station.asking.reached.is_known

    def test_a_changed_file_is_not_acted_on(self, tmp_path: Path) -> None:
        text = sign_wanted(a_wanted(5), FLEET)
        (tmp_path / "wanted").write_text(text[:-8] + "AAAAAAAA")
        station = Station1(tmp_path, "http://127.0.0.1:9")
        station.asking.recall()
        assert station.acted == []

    def test_without_a_long_poll_it_is_asked_hourly_with_jitter(self, tmp_path: Path) -> None:
        with serving(Plant()) as stage:
            waits = Station1(tmp_path, stage.url).ask(5)
        assert all(2880 <= each <= 4320 for each in waits)
        assert len(set(waits)) > 1

    def test_a_question_that_was_held_is_asked_again_at_once(self, tmp_path: Path) -> None:
        plant = Plant()
        with serving(lambda *given: (setattr(station.watch, "uptime", 150.0), plant(*given))[1]) as stage:
            station = Station1(tmp_path, stage.url, nudge_s=50)
            (wait,) = station.ask()
            assert "wait=50" in stage.asked[0].target
        assert wait < 1

    def test_a_server_that_does_not_hold_questions_is_not_hammered(self, tmp_path: Path) -> None:
        with serving(Plant()) as stage:
            (wait,) = Station1(tmp_path, stage.url, nudge_s=50).ask()
        assert wait >= 2880

    def test_failures_wait_longer_and_longer_and_as_they_are_told(self, tmp_path: Path) -> None:
        with serving(Plant(status="503 Service Unavailable")) as stage:
            assert all(each >= 40 for each in Station1(tmp_path, stage.url).ask(2))
        waits = Station1(tmp_path, "http://127.0.0.1:9").ask(6)
        assert waits[5] > waits[0] * 4
        assert max(waits) <= 300

    def test_being_away_is_known_and_being_back_too(self, tmp_path: Path) -> None:
        plant = Plant(status="503 Service Unavailable")
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.ask()
            assert (station.asking.reached.is_known, station.asking.reached.is_online) == (True, False)
            plant.status = ""
            station.ask()
        assert station.asking.reached.is_online

    def test_a_split_view_is_told_with_both_notes(self, tmp_path: Path) -> None:
        plant = Plant(sign_wanted(a_wanted(1, checkpoint=a_note(5)), FLEET))
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.ask()
            for revision in (2, 3):
                plant.signed = sign_wanted(a_wanted(revision, checkpoint=a_note(5, "two")), FLEET)
                station.ask()
        (event,) = station.tools.buffer.take().events
        assert event.kind is EventKind.SPLIT_VIEW
        assert event.facts["seen"] != event.facts["shown"]
        assert len(station.acted) == 3  # what is wanted is another matter


class TestTelling:
    def test_a_report_says_how_it_is_and_what_happened(self, tmp_path: Path) -> None:
        plant = Plant()
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.tools.buffer.add(EventKind.STARTED, AT)
            station.tools.witness.show(a_note(5))
            (wait,) = station.tell()
        (report,) = plant.reports
        assert report.units == station.states
        assert [each.seq for each in report.events] == [1]
        assert report.checkpoint == a_note(5)
        assert station.tools.buffer.waiting == (0, 0)
        assert 24 <= wait <= 36

    def test_nothing_is_reported_of_units_that_nobody_looked_at_yet(self, tmp_path: Path) -> None:
        plant = Plant()
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.states = None
            (wait,) = station.tell()
        assert plant.reports == []
        assert wait < 1

    def test_what_the_plant_wants_by_now_is_asked_for_at_once(self, tmp_path: Path) -> None:
        plant = Plant()
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            station.tell()
            assert station.asked_now == 1
            station.asking.wanted = a_wanted(1)
            station.tell()
        assert station.asked_now == 1

    def test_a_month_offline_is_told_in_order_each_event_once(self, tmp_path: Path) -> None:
        plant = Plant(status="503 Service Unavailable")
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            for number in range(1200):
                station.tools.buffer._next, kept = station.tools.buffer._next, station.tools.buffer
                kept._waiting.append(_event(number + 1))
                kept._next = number + 2
            for number in range(1500):
                station.tools.buffer._samples.append(_sample(number))
            assert station.tell(2)[0] >= 40
            plant.status = ""
            station.tell(6)
        told = [each.seq for report in plant.reports for each in report.events]
        assert told == list(range(1, 1201))
        samples = [each.at for report in plant.reports for each in report.samples]
        assert samples == [_sample(number).at for number in range(1500)]
        assert station.tools.buffer.waiting == (0, 0)

    def test_an_answer_that_was_lost_tells_it_again_with_the_same_numbers(self, tmp_path: Path) -> None:
        plant, is_lost = Plant(), [True]

        def play(asked: Asked, connection: socket.socket, stage: Stage) -> None:
            if is_lost:
                is_lost.clear()
                plant(asked, _Nowhere(), stage)  # it took the report; its answer is cut off
                return
            plant(asked, connection, stage)

        with serving(play) as stage:
            station = Station1(tmp_path, stage.url)
            station.tools.buffer.add(EventKind.CRASHED, AT)
            station.tell(2)
        assert [[each.seq for each in report.events] for report in plant.reports] == [[1], [1]]
        assert station.tools.buffer.waiting == (0, 0)

    def test_one_event_that_is_never_taken_holds_up_no_other(self, tmp_path: Path) -> None:
        plant = Plant(refuses=lambda report: any(each.reason == "poison" for each in report.events))
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            for number in range(1, 21):
                station.tools.buffer.add(EventKind.CRASHED, AT, reason="poison" if number == 13 else "")
            station.tell(30)
        told = sorted({each.seq for report in plant.reports for each in report.events})
        assert told == [number for number in range(1, 21) if number != 13]
        assert b"poison" in (tmp_path / "buffer" / "refused").read_bytes()
        assert station.tools.buffer.waiting == (0, 0)

    def test_a_report_that_is_refused_for_something_else_loses_no_event(self, tmp_path: Path) -> None:
        plant = Plant(refuses=lambda report: True)
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            for _ in range(4):
                station.tools.buffer.add(EventKind.CRASHED, AT)
            station.tell(12)
            plant.refuses = lambda report: False
            station.tell(8)
        assert not (tmp_path / "buffer" / "refused").exists()
        assert {each.seq for report in plant.reports for each in report.events} == {1, 2, 3, 4}

    def test_the_machine_is_told_when_it_changed(self, tmp_path: Path) -> None:
        plant = Plant()
        with serving(plant) as stage:
            station = Station1(tmp_path, stage.url)
            measuring = Measuring(
                station.tools,
                station.asking,
                _Meter(),
                "m",
                tell=lambda machine: setattr(station.telling, "machine", machine),
            )
            asyncio.run(measuring.turn())
            station.tell(2)
        assert [report.machine is not None for report in plant.reports] == [True, False]


class _Nowhere:
    def sendall(self, content: bytes) -> None:
        """It is lost."""


class _Meter:
    def __init__(self, memory: float = 0.5) -> None:
        self.memory = memory

    def sample(self, at: datetime, *, response_s: float | None = None) -> Sample:
        return Sample(at=at, cpu=0, memory=self.memory, disk=0.1, response_s=response_s)


def _event(seq: int) -> Any:
    from andon_wire.protocol import StationEvent

    return StationEvent(seq=seq, at=AT, kind=EventKind.CRASHED)


def _sample(number: int) -> Sample:
    return Sample(at=AT + timedelta(seconds=30 * number), cpu=0, memory=0, disk=0)


class TestMeasuring:
    def test_samples_and_alerts_go_the_same_way_as_all_that_happens(self, tmp_path: Path) -> None:
        station, told = Station1(tmp_path, "http://127.0.0.1:9"), []
        meter = _Meter(0.95)
        measuring = Measuring(station.tools, station.asking, meter, "m", tell=told.append)
        asyncio.run(measuring.turn())
        meter.memory = 0.2
        station.watch.uptime += 30
        asyncio.run(measuring.turn())
        batch = station.tools.buffer.take()
        assert [each.kind for each in batch.events] == [EventKind.ALERT, EventKind.ALERT_OVER]
        assert batch.events[0].facts["level"] == "warning"
        assert [each.memory for each in batch.samples] == [0.95, 0.2]
        assert len(told) == 2

    def test_the_plants_rules_take_the_place_of_the_usual_ones(self, tmp_path: Path) -> None:
        station = Station1(tmp_path, "http://127.0.0.1:9")
        station.asking.wanted = a_wanted(rules=[EdgeRule(name="lab", metric="disk", limit=0.05)])
        measuring = Measuring(station.tools, station.asking, _Meter(0.95), "m", tell=lambda machine: None)
        asyncio.run(measuring.turn())
        (event,) = station.tools.buffer.take().events
        assert event.facts["rule"] == "lab"


class _Units:
    """An engine of a few lines."""

    def __init__(self) -> None:
        self.wanted: list[Mapping[str, WantedUnit]] = []
        self.threads: set[int] = set()
        self.fails = False
        self.must_end = False
        self.ticked = threading.Event()

    def want(self, wanted: Mapping[str, WantedUnit]) -> None:
        self.threads.add(threading.get_ident())
        self.wanted.append(wanted)

    def tick(self) -> float:
        self.threads.add(threading.get_ident())
        self.ticked.set()
        if self.fails:
            raise OSError("the disk is gone")
        return 3600.0

    def states(self) -> Mapping[str, UnitState]:
        return {"station": UnitState(running=f"{len(self.wanted)}.0")}

    def close(self) -> None:
        self.threads.add(threading.get_ident())


class TestTicking:
    def test_the_engine_is_used_by_one_thread_alone(self) -> None:
        units = _Units()

        async def turns() -> None:
            ticking = Ticking(units, on_end=lambda: None)
            assert ticking.states() is None
            ticking.act(a_wanted())
            await ticking.turn()
            await ticking.turn()
            assert ticking.states() == {"station": UnitState(running="1.0")}
            await ticking.close()

        asyncio.run(turns())
        assert units.wanted == [UNITS]
        assert len(units.threads) == 1
        assert threading.get_ident() not in units.threads

    def test_a_disk_that_fails_ends_nothing(self) -> None:
        units = _Units()

        async def turns() -> None:
            ticking = Ticking(units, on_end=lambda: None)
            units.fails = True
            assert await ticking.turn() == 5.0
            assert ticking.problem == "the disk is gone"
            units.fails = False
            await ticking.turn()
            assert ticking.problem == ""
            await ticking.close()

        asyncio.run(turns())

    def test_a_new_agent_is_made_way_for(self) -> None:
        units, ended = _Units(), []

        async def turns() -> None:
            ticking = Ticking(units, on_end=lambda: ended.append(True))
            await ticking.turn()
            units.must_end = True
            await ticking.turn()
            await ticking.close()

        asyncio.run(turns())
        assert ended == [True]


class TestTurns:
    def test_a_word_from_another_thread_lets_the_next_turn_come_now(self) -> None:
        counts: list[int] = []

        async def play() -> None:
            stop = asyncio.Event()

            async def turn() -> float:
                counts.append(1)
                if len(counts) == 3:
                    stop.set()
                else:
                    threading.Thread(target=turns.wake).start()
                return 3600.0

            turns = Turns(turn, gap_s=0.01)
            await asyncio.wait_for(run({"one": turns}, stop), 60)

        asyncio.run(play())
        assert len(counts) == 3

    def test_what_nobody_expected_ends_the_process(self) -> None:
        async def turn() -> float:
            raise RuntimeError("a fault of ours")

        async def play() -> None:
            await asyncio.wait_for(run({"one": Turns(turn)}, asyncio.Event()), 60)

        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(play())
        assert "a fault of ours" in repr(caught.value.exceptions)
