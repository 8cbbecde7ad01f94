"""Stations beside each other on a floor gone wild: as many events as are asked for, then the laws."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from andon_mes.kernel.errors import MesError
from andon_mes.lots.model import LotAction
from andon_mes.serials.model import SerialAction
from floor import DEFECT, FIT, ROUTE, UNFIT, Floor, check_laws

STATIONS = 64
FLOORS = 12
EVENTS_PER_FLOOR = 250
LOT_ACTIONS = list(LotAction), [20, 4, 0.3, 0.3, 3]
SERIAL_ACTIONS = list(SerialAction), [5, 20, 0.5, 3]


@dataclass
class Storm:
    """Throws events through the databases of one or more instances, and counts what came of them."""

    databases: list
    seed: int
    counts: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    until: float = float("inf")

    async def rage(self, events, seconds=float("inf")):
        """Throw `events`, or as many as can be in `seconds`; every law is checked on every floor."""
        self.until = time.monotonic() + seconds
        per_floor = min(EVENTS_PER_FLOOR, max(1, events // FLOORS))
        floors = asyncio.Queue()
        for number in range(-(-events // per_floor)):
            floors.put_nowait(number)
        lanes = min(FLOORS, floors.qsize())
        await asyncio.gather(*(self._work_off(floors, per_floor, STATIONS // lanes) for _ in range(lanes)))
        return self.counts

    async def _work_off(self, floors, events, stations):
        while not floors.empty() and time.monotonic() < self.until:
            chance = Random(f"{self.seed}/{floors.get_nowait()}")
            floor = Floor(size=chance.randint(2, 10))
            await chance.choice(self.databases).write(floor.begin)
            lane = _Lane(self, floor, chance, events)
            await asyncio.gather(*(lane.station() for _ in range(max(2, stations))))
            opened, closed = await self.databases[0].read(lambda each, floor=floor: check_laws(each, floor))
            assert opened == self.answered[floor.lot_number, "started"], "as many starts as were answered"
            assert closed == self.answered[floor.lot_number, "completed"], "as many completions"
            self.counts["floors"] += 1


@dataclass
class _Lane:
    """The stations of one floor. What they believe of a serial is what they were answered last."""

    storm: Storm
    floor: Floor
    chance: Random
    left: int
    beliefs: dict = field(default_factory=dict)

    async def station(self):
        while self.left > 0:
            self.left -= 1
            self.storm.counts["events"] += 1
            await self._throw(self.chance)

    async def _throw(self, chance):
        number = chance.choice(self.floor.numbers)
        dice = chance.random()
        if dice < 0.02:
            await self._person(self.floor.change_lot(chance.choices(*LOT_ACTIONS)[0]))
        elif dice < 0.1:
            await self._person(self.floor.change_serial(number, chance.choices(*SERIAL_ACTIONS)[0]))
        elif dice < 0.13:
            process, _ = self.beliefs.get(number, ("SPRING", False))
            await self._person(self.floor.abort(number, process))
        else:
            await self._scan(number, chance)

    async def _scan(self, number, chance):
        place, is_open = self.beliefs.get(number, ("SPRING", False))
        process = place if chance.random() < 0.8 else chance.choice(ROUTE)
        more = {"who": FIT if chance.random() < 0.8 else chance.choice(UNFIT)}
        if chance.random() < 0.03:
            more["late"] = chance.randint(0, 60)
        if is_open == (chance.random() < 0.85):
            kind, passed = "completed", process not in DEFECT or chance.random() < 0.88
            work = self.floor.complete(number, process, passed=passed, **more)
        else:
            kind, work = "started", self.floor.start(number, process, **more)
        answer = await self._ask(work)
        self._learn(number, kind, answer)
        if chance.random() < 0.03:
            again = await self._ask(work)
            assert again.is_replayed, "the same key is answered once"
            assert (again.status_code, again.body) == (answer.status_code, answer.body)
            self.storm.counts["repeated"] += 1

    def _learn(self, number, kind, answer):
        counts, document = self.storm.counts, json.loads(answer.body)
        if answer.status_code == 409:
            counts[document["code"]] += 1
            return
        data = document["data"]
        if data.get("already_known"):
            return
        counts[kind] += 1
        self.storm.answered[self.floor.lot_number, kind] += 1
        self.storm.answered[self.floor.lot_number, "started"] += 0
        counts["applied in spite of the route"] += data.get("violation") is not None
        if kind == "started":
            self.beliefs[number] = (data["process_code"], True)
        else:
            self.beliefs[number] = (data["current_process"] or "PACK", False)

    async def _person(self, work):
        try:
            await self.chance.choice(self.storm.databases).write(work)
        except MesError:
            self.storm.counts["refused to a person"] += 1

    async def _ask(self, work):
        return await self.chance.choice(self.storm.databases).write(work, alone=False)
