"""The simulated line: seven stations that build serials through the gateway, like a vendor's applications.

A feeder makes and releases lots and puts serials on the line at an even pace. Each station takes a part,
starts it, works for a moment of compressed time, measures, completes it, and hands it on. What a station
says is honest: a seeded generator decides the true quality of every part at every process, whatever the
MES makes of it. So when yield falls, the release did it and not the line.

**Sessions.** A station forgets its cookie before each part. The gateway therefore draws a release per part
and station, and keeps it from start to completion: a serial in hand never changes release, and two parts
are independent draws. This is what the judge's statistics assume; a station with one session for the whole
shift would make all of its parts one draw. `Counts.split_parts` shows that it holds.

**Trouble.** A 5xx is asked again with the same key, so that nothing is booked twice; what keeps failing is
parked for a person, and the line moves on. A refusal (409) parks the part too.
"""

import asyncio
import contextlib
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

_TIMEOUT_SECONDS = 10.0
_GATEWAY_ERRORS = frozenset({502, 503, 504})
_KGF_CM = 0.0980665  # N·m


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the line runs. Shares and rates are fractions of 1."""

    serials_per_minute: float = 400.0
    seed: int = 1
    defect_rate: float = 0.04
    """True defects per attempt, over all processes."""
    kgf_share: float = 0.3
    """Torque drivers at LMA that report in kgf·cm instead of N·m; 1.2.0 misreads these."""
    relief_share: float = 0.02
    """Parts handled by a relief operator, whose badge is written in Korean; 1.3.0 fails on these."""
    lot_size: int = 50
    most_serials: int | None = None
    """End after so many serials; None means until stopped."""
    cycle_seconds: float = 0.06
    """Work between start and completion, compressed; the cycle time reported is the realistic one."""
    tries: int = 3
    """Answers of 500 before a part is parked."""
    patience: int = 20
    """Failures to reach the MES at all before a part is parked."""
    workers: int | None = None
    """Work places per station; None means as many as the pace needs."""


@dataclass(slots=True)
class Counts:
    """What the line has seen so far. Read it at any time; only the line writes."""

    serials_in: int = 0
    finished: int = 0
    parked: int = 0
    started: int = 0
    completed: int = 0
    passed: int = 0
    failed: int = 0
    unreachable: int = 0
    split_parts: int = 0
    """Parts whose start and completion were answered by different releases."""
    refusals: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Answers by release and HTTP status; the release is "-" where the gateway itself answered."""
    fails_by_release: Counter[str] = field(default_factory=Counter)
    completed_by_release: Counter[str] = field(default_factory=Counter)
    parked_by_reason: Counter[str] = field(default_factory=Counter)

    @property
    def server_errors(self) -> int:
        """Answers of 500 and above."""
        return sum(count for (_, status), count in self.statuses.items() if status >= 500)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the MES configures it."""

    code: str
    standard_cycle_time: float
    characteristics: tuple[Mapping[str, Any], ...]
    defect_codes: tuple[str, ...]


@dataclass(slots=True)
class Part:
    """A serial on the line: its place in the feed, and its attempts so far at the process it waits for."""

    number: str
    index: int
    at: int = 0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a station found: the payload of a completion, without names and times."""

    is_pass: bool
    cycle_time: float
    data: dict[str, Any]
    defect_code: str | None
    operator_id: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the line shows to the MES: its stations theirs, and the feeder, which plans lots, its own."""

    station: str = ""
    feeder: str = ""


class ParkedError(Exception):
    """The part cannot go on without a person; the text says why."""


class StoppedError(Exception):
    """The line was stopped while a part waited for an answer."""


class Line:
    """Seven stations and a feeder. `run` works until told to stop; `counts` says what happened."""

    def __init__(
        self,
        base_url: str | Sequence[str],
        settings: LineSettings | None = None,
        credentials: Credentials | None = None,
        **changes: Any,
    ) -> None:
        """`base_url` is the gateway; several URLs are drawn from per part, to run without one.

        `changes` are single settings, such as `serials_per_minute=200`.
        """
        self.settings = replace(settings or LineSettings(), **changes)
        self.credentials = credentials or Credentials()
        self.counts = Counts()
        self._urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self._stopping = asyncio.Event()
        self._queues: list[asyncio.Queue[Part | None]] = []
        self._processes: list[Process] = []
        self._on_the_line = 0
        self._fed = False
        self._running: asyncio.Task[Counts] | None = None

    async def start(self) -> None:
        """Run in the background. What ends it early is raised by `stop`."""
        self._running = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Finish the parts in hand, leave the others where they are, and end."""
        self._stopping.set()
        if self._running is not None:
            await self._running

    def counters(self) -> dict[str, int]:
        """The counts that fit on a line of a terminal."""
        known = self.counts
        return {
            "serials_in": known.serials_in,
            "finished": known.finished,
            "started": known.started,
            "completed": known.completed,
            "passed": known.passed,
            "failed": known.failed,
            "parked": known.parked,
            "refused": known.refusals.total(),
            "server_errors": known.server_errors,
            "unreachable": known.unreachable,
            "split_parts": known.split_parts,
        }

    async def run(self, until: asyncio.Event | None = None) -> Counts:
        """Run until `until` is set, `stop` is called, or the settings' number of serials is done."""
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(self._watch(until)) if until else None
            with contextlib.suppress(StoppedError):
                self._processes = await self._configure()
            self._queues = [asyncio.Queue() for _ in self._processes]
            places = self._places_per_station()
            for at in range(len(self._processes)):
                for place in range(places):
                    tasks.create_task(self._work(at, place))
            tasks.create_task(self._feed())
            await self._stopping.wait()
            for queue in self._queues:
                while not queue.empty():
                    queue.get_nowait()
                for _ in range(places):
                    queue.put_nowait(None)
            if watcher:
                watcher.cancel()
        return self.counts

    async def _watch(self, until: asyncio.Event) -> None:
        await until.wait()
        self._stopping.set()

    def _places_per_station(self) -> int:
        pace = self.settings.serials_per_minute / 60
        needed = math.ceil(pace * (1 + self.settings.defect_rate) * (self.settings.cycle_seconds + 0.1))
        return self.settings.workers or max(1, needed)

    async def _configure(self) -> list[Process]:
        """Ask the MES for the route, as a station does when it is switched on; wait until it is there."""
        async with _Session(self, self._chance("configure"), self.credentials.station) as session:
            while True:
                try:
                    processes = await session.data("GET", "/api/v1/processes")
                    defects = await session.data("GET", "/api/v1/defect-codes")
                    break
                except ParkedError:
                    await self.pause(1.0)
        return [
            Process(
                each["code"],
                each["standard_cycle_time"],
                tuple(each["characteristics"]),
                tuple(code["code"] for code in defects if code["process"] == each["code"]),
            )
            for each in processes
            if each["is_active"]
        ]

    async def _feed(self) -> None:
        """Put serials on the line at the pace, a lot at a time; wait while the first station is behind."""
        loop = asyncio.get_running_loop()
        interval = 60 / self.settings.serials_per_minute
        due = loop.time()
        async with _Session(self, self._chance("feed"), self.credentials.feeder) as session:
            while not self._stopping.is_set():
                for number in await self._new_lot(session):
                    due = max(due + interval, loop.time() - 1)
                    if await self._stopped_within(due - loop.time()) or await self._jammed():
                        return
                    self._put(number)
                    if self.counts.serials_in == self.settings.most_serials:
                        self._fed = True
                        return

    def _put(self, number: str) -> None:
        self.counts.serials_in += 1
        self._on_the_line += 1
        self._queues[0].put_nowait(Part(number, self.counts.serials_in))

    async def _jammed(self) -> bool:
        """Wait while more than a lot stands before the first station; whether the line was stopped."""
        while self._queues[0].qsize() > self.settings.lot_size:
            if await self._stopped_within(0.05):
                return True
        return False

    async def _new_lot(self, session: "_Session") -> list[str]:
        session.begin()
        size = self.settings.lot_size
        key = f"line-{self.settings.seed}-{id(self):x}-{self.counts.serials_in}"
        try:
            lot = await session.data(
                "POST", "/api/v1/lots", {"target_quantity": size, "created_by": "line"}, key=f"{key}-lot"
            )
            if lot["status"] == "DRAFT":
                await session.data(
                    "PATCH",
                    f"/api/v1/lots/{lot['lot_number']}",
                    {"action": "release", "changed_by": "line"},
                    key=f"{key}-release",
                )
            made = await session.data(
                "POST", f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": size}, key=f"{key}-serials"
            )
        except StoppedError:
            return []
        except ParkedError as reason:
            self.counts.parked_by_reason[f"lot: {reason}"] += 1
            await self._stopped_within(1.0)
            return []
        return [each["serial_number"] for each in made["serials"]]

    async def _work(self, at: int, place: int) -> None:
        """One work place of one station: its own connection, a new session for each part."""
        process = self._processes[at]
        equipment = f"{process.code}-{place + 1}"
        async with _Session(self, self._chance(equipment), self.credentials.station) as session:
            while (part := await self._queues[at].get()) is not None:
                session.begin()
                try:
                    after = await self._handle(session, part, process, equipment)
                except StoppedError:
                    return
                except ParkedError as reason:
                    self.counts.parked_by_reason[str(reason)] += 1
                    self._leave(finished=False)
                else:
                    self._move(part, after)

    async def _handle(self, session: "_Session", part: Part, process: Process, equipment: str) -> str:
        """Start, work, complete. The serial's status afterwards; raises ParkedError."""
        found = self.inspect(part.index, process, part.attempt)
        key = f"{part.number}/{process.code}/{part.attempt}"
        who = {"serial_number": part.number, "process_code": process.code, "operator_id": found.operator_id}
        await session.data(
            "POST",
            "/api/v1/process/start",
            {**who, "equipment_id": equipment, "timestamp": _now()},
            key=f"{key}/start",
        )
        self.counts.started += 1
        started_by = session.release
        await asyncio.sleep(self.settings.cycle_seconds)
        result = await session.data(
            "POST",
            "/api/v1/process/complete",
            {
                **who,
                "is_pass": found.is_pass,
                "timestamp": _now(),
                "cycle_time": found.cycle_time,
                "process_specific_data": found.data,
                "defect_code": found.defect_code,
            },
            key=f"{key}/complete",
        )
        self._book(result["result"], started_by, session.release)
        return str(result["serial_status"])

    def _book(self, result: str, started_by: str, completed_by: str) -> None:
        self.counts.completed += 1
        self.counts.completed_by_release[completed_by] += 1
        self.counts.split_parts += started_by != completed_by
        if result == "PASS":
            self.counts.passed += 1
        else:
            self.counts.failed += 1
            self.counts.fails_by_release[completed_by] += 1

    def _move(self, part: Part, status: str) -> None:
        """Hand the part on: to the next station, to the same one again, or off the line."""
        if status == "WAITING":
            part.at, part.attempt = part.at + 1, 1
        elif status == "REWORK":
            part.attempt += 1
        else:
            if status != "COMPLETED":
                self.counts.parked_by_reason[status] += 1
            self._leave(finished=status == "COMPLETED")
            return
        if not self._stopping.is_set():
            self._queues[part.at].put_nowait(part)

    def _leave(self, *, finished: bool) -> None:
        self._on_the_line -= 1
        self.counts.finished += finished
        self.counts.parked += not finished
        if self._fed and self._on_the_line == 0:
            self._stopping.set()

    def inspect(self, index: int, process: Process, attempt: int) -> Inspection:
        """The truth about a part at a process: the same for a seed, whoever asks, in whatever order."""
        chance = random.Random(f"{self.settings.seed}/{index}/{process.code}/{attempt}")
        can_fail = [each for each in self._processes if each.defect_codes] or [process]
        rate = self.settings.defect_rate * max(1, len(self._processes)) / len(can_fail)
        is_good = not process.defect_codes or chance.random() >= rate
        is_relief = chance.random() < self.settings.relief_share
        return Inspection(
            is_pass=is_good,
            cycle_time=round(process.standard_cycle_time * chance.uniform(0.85, 1.15), 1),
            data=self._measure(process, chance, is_good=is_good),
            defect_code=None if is_good else chance.choice(process.defect_codes),
            operator_id=f"예비-{chance.randint(1, 5):02d}"
            if is_relief
            else f"OP-{chance.randint(1, 60):03d}",
        )

    def _measure(self, process: Process, chance: random.Random, *, is_good: bool) -> dict[str, Any]:
        """Measurements well inside their limits for a good part, and for a bad one outside."""
        data: dict[str, Any] = {}
        for each in process.characteristics:
            lower, upper = each["lower"], each["upper"]
            place = min(0.9, max(0.1, chance.gauss(0.5, 0.15))) if is_good else chance.uniform(1.1, 1.4)
            value = lower + place * (upper - lower)
            data[each["name"]] = round(value, 4)
            if each["unit"] == "N·m" and chance.random() < self.settings.kgf_share:
                data[each["name"]] = round(value / _KGF_CM, 3)
                data[f"{each['name']}_unit"] = "kgf·cm"
        return data

    def _chance(self, whose: str) -> random.Random:
        return random.Random(f"{self.settings.seed}/{whose}")

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait so long, or until the line is stopped; whether it was."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait before asking again; raises StoppedError when the line stops meanwhile."""
        if await self._stopped_within(seconds):
            raise StoppedError


class _Session:
    """One work place's connection to the MES, and its session with the gateway."""

    def __init__(self, line: Line, chance: random.Random, credential: str) -> None:
        self._line = line
        self._chance = chance
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=60),
            headers={"Authorization": f"Bearer {credential}"},
            verify=False,  # plain HTTP on one machine; loading certificates costs 30 ms a station
        )
        self._url = ""
        self.release = "-"
        self.begin()

    async def __aenter__(self) -> "_Session":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._client.aclose()

    def begin(self) -> None:
        """A new session: the gateway does not know us, and draws a release."""
        self._client.cookies.clear()
        self._url = self._chance.choice(self._line._urls)  # noqa: SLF001  one module, one job

    async def data(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """The answer's data. A failure is asked again with the same key; raises ParkedError when it stays."""
        errors = unreachable = 0
        while True:
            status, document = await self._ask(method, path, body, key)
            if status < 400:
                return document["data"]
            code = str(document.get("code", f"HTTP_{status}"))
            if 400 <= status < 500:
                self._line.counts.refusals[code] += 1
                raise ParkedError(code)
            unreachable += status in _GATEWAY_ERRORS
            errors += status not in _GATEWAY_ERRORS
            if errors >= self._line.settings.tries or unreachable >= self._line.settings.patience:
                raise ParkedError(code)
            await self._line.pause(min(1.0, 0.05 * 2 ** (errors + unreachable)))

    async def _ask(
        self, method: str, path: str, body: object, key: str | None
    ) -> tuple[int, Mapping[str, Any]]:
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = await self._client.request(method, f"{self._url}{path}", json=body, headers=headers)
        except httpx.TransportError:
            self._line.counts.unreachable += 1
            return 503, {"code": "UNREACHABLE"}
        self.release = answer.headers.get("X-Release", "-")
        self._line.counts.statuses[self.release, answer.status_code] += 1
        try:
            document = answer.json()
        except ValueError:
            document = {}
        return answer.status_code, document if isinstance(document, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat()
