"""The loop that charts: takes what was completed, judges it, and raises signals once.

Level-triggered: a cursor for each characteristic says up to which completion its points were taken. A step is
planned on a reader, so that no scan waits for arithmetic, and written in one transaction only if the cursor
is where the plan found it: of several instances one writes, and what a kill interrupts is planned again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon_mes.kernel.clock import Clock
from andon_mes.processes.limits import measured
from andon_mes.signals.controller import raise_signal
from andon_mes.signals.model import NewSignal, OnSignal
from andon_mes.spc import reading, store
from andon_mes.spc.charts import subgroups
from andon_mes.spc.decide import Study, new_signals, study
from andon_mes.spc.model import Measured, Unknown, Violation
from andon_mes.spc.store import Charted, Completed, Stream
from andon_mes.store.engine import Connection, Database, Work
from andon_mes.store.order import settled_place

BATCH = 500
"""Completions that a step takes at most; a group of one place is never cut, and is smaller."""

FRESH = timedelta(days=1)
"""What is older when it is charted holds and calls nobody: it is the past of a chart that was set up late."""

_MOST_STEPS = 20
_FAR_BEHIND = 10_000
"""How far a cursor may lag behind completions without a measurement before that is written down."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a step adds to one stream."""

    before: Stream
    points: tuple[Measured, ...]
    signals: tuple[NewSignal, ...]

    @property
    def after(self) -> Stream:
        """The stream when this is written."""
        count = self.before.points + len(self.points)
        return replace(self.before, points=count, judged=count)


@dataclass(frozen=True, slots=True)
class Step:
    """What is written for one characteristic, from one place of its cursor to another."""

    charted: Charted
    before: int
    after: int
    parts: tuple[Part, ...]
    is_more: bool


class Watch:
    """The loop of one instance."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._quiet: dict[int, int] = {}

    async def tick(self) -> None:
        """Chart what was completed since the last time; a long backlog over several ticks."""
        for _ in range(_MOST_STEPS):
            steps = await self._database.read(self._plan)
            for step in steps:
                await self._database.write(self._writing(step))
            if not any(each.is_more for each in steps):
                return

    def _writing(self, step: Step) -> Work[bool]:
        now = self._clock.now()
        return lambda connection: write(connection, step, now)

    def _plan(self, connection: Connection) -> list[Step]:
        upto = settled_place(connection)
        planned = (self._plan_one(connection, each, upto) for each in store.list_charted(connection))
        return [each for each in planned if each is not None]

    def _plan_one(self, connection: Connection, charted: Charted, upto: int) -> Step | None:
        before = store.cursor(connection, charted)
        start = max(before, self._quiet.get(charted.id, 0))
        if start >= upto:
            return None
        found = store.list_completed(connection, charted, start, upto, most=BATCH)
        is_more = len(found) == BATCH
        if is_more:
            found = _whole_places(found)
        after = found[-1].place if is_more else upto
        parts = tuple(_parts(connection, charted, found))
        if not parts and after - before < _FAR_BEHIND and not is_more:
            self._quiet[charted.id] = after
            return None
        return Step(charted, before, after, parts, is_more)


def write(connection: Connection, step: Step, at: datetime) -> bool:
    """Write the step; False, and nothing, when the cursor is no longer where it was planned from."""
    if not store.move_cursor(connection, step.charted, step.before, step.after):
        return False
    charted = step.charted
    follows = OnSignal(charted.on_signal) if charted.on_signal else None
    for part in step.parts:
        store.add_points(connection, charted, part.before.model_id, part.points)
        store.set_stream(connection, charted, part.after)
        for signal in part.signals:
            about = f"{charted.process} {charted.name}: {signal.rule} ({signal.chart})"
            is_fresh = signal.made_at is None or at - signal.made_at <= FRESH
            raise_signal(connection, signal, follows if is_fresh else None, about=about, at=at)
    return True


def _whole_places(found: list[Completed]) -> list[Completed]:
    """Without the last place, of which more may follow; unless it is all that there is."""
    whole = [each for each in found if each.place < found[-1].place]
    return whole or found


def _parts(connection: Connection, charted: Charted, found: Sequence[Completed]) -> Iterator[Part]:
    known = charted.as_characteristic()
    streams = store.list_streams(connection, charted)
    by_model: dict[int, list[Measured]] = {}
    for each in found:
        value = measured(each.data, known)
        if value is None:
            continue
        stream = streams.get(each.model_id) or Stream(each.model_id, 0, 0)
        points = by_model.setdefault(each.model_id, [])
        points.append(Measured(stream.points + len(points) + 1, value, each.at, each.attempt_id))
    for model_id, points in by_model.items():
        stream = streams.get(model_id) or Stream(model_id, 0, 0)
        yield Part(stream, tuple(points), tuple(_signals(connection, charted, stream, points)))


def _signals(
    connection: Connection, charted: Charted, stream: Stream, new: Sequence[Measured]
) -> Iterator[NewSignal]:
    """The signals that the new points of a stream begin. A first baseline signals nothing."""
    setup, size = reading.setup(charted), charted.size
    known = reading.Known(connection, charted, stream.model_id, tuple(new))
    done = stream.judged // size
    if setup is None or new[-1].ordinal // size == done:
        return
    limits = reading.limits(known, setup)
    begin = reading.context(limits.baseline, done + 1, size)
    judged = study(
        setup, subgroups(known.points((begin - 1) * size + 1, new[-1].ordinal), size), limits.limits
    )
    silent = limits.baseline.last // size if limits.baseline.set_by is None else 0
    for each in new_signals(judged, max(done, silent)):
        yield _signal(charted, stream, judged, each)


def _signal(charted: Charted, stream: Stream, judged: Study, broken: Violation) -> NewSignal:
    by_number = {each.number: place for place, each in enumerate(judged.groups)}
    last = judged.groups[by_number[broken.numbers[-1]]]
    plotted = judged.dispersions if broken.where == "dispersion" else judged.locations
    assert not isinstance(judged.limits, Unknown)
    limits = judged.limits.dispersion if broken.where == "dispersion" else judged.limits.location
    points = {
        "subgroups": list(broken.numbers),
        "values": [plotted[by_number[each]] for each in broken.numbers],
        "at": last.at.isoformat(),
        "centre": limits.centre,
        "lower": limits.lower,
        "upper": limits.upper,
    }
    return NewSignal(
        key=f"{charted.id}/{stream.model_id}/{broken.rule}/{broken.where}/{broken.numbers[-1]}x{charted.size}",
        process_id=charted.process_id,
        rule=broken.rule,
        chart=broken.where,
        points=points,
        characteristic_id=charted.id,
        model_id=stream.model_id,
        attempt_id=last.attempt_ids[-1],
        made_at=last.at,
    )
