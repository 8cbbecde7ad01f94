"""A plant's past in bulk: lots, serials and attempts as the MES writes them, on SQLite or PostgreSQL.

Ten thousand attempts a day, seven to a serial, fifty serials to a lot, one in fifty attempts a fail. The last
day is under way: its last lots are open, and their serials stand along the route.
"""

import contextlib
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from andon_mes.store.engine import make_engine
from andon_mes.store.migrate import migrate
from andon_mes.store.schema import lots, process_data, product_models, serials

from andon.testing.database import shared_server

TODAY = date(2025, 11, 10)
BEGINS = datetime(2025, 11, 9, 23, tzinfo=UTC)  # 08:00 in Seoul
NOW = BEGINS + timedelta(hours=20)
ROUTE = ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK")
STANDARD = (120, 180, 60, 300, 180, 60, 120)
SERIALS_OF_LOT = 50
_BATCH = 20_000
_PATIENCE = timedelta(minutes=10)
_OPEN = 4 * SERIALS_OF_LOT


@contextlib.contextmanager
def database(kind: str) -> Iterator[sa.Engine]:
    """An empty database of the MES, `sqlite` or `postgresql`, with the engine that the MES itself uses."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-mes-", ignore_cleanup_errors=True) as folder:
        if kind == "sqlite":
            yield from _opened(str(Path(folder) / "mes.db"))
            return
        Path(folder).chmod(0o755)
        with shared_server(Path(folder)) as server, server.fresh_database() as url:
            yield from _opened(url)


def _opened(where: str) -> Iterator[sa.Engine]:
    migrate(where)
    engine = make_engine(where, busy_timeout=_PATIENCE, durability="NORMAL")
    yield engine
    engine.dispose()


def fill(engine: sa.Engine, attempts: int, *, a_day: int = 10_000, models: int = 1) -> None:
    """Write `attempts` attempts of `models` product models, the newest of them today, `a_day` a day."""
    writer = _Writer(random.Random(7))
    days = -(-attempts // a_day)
    left = attempts
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # a million audit rows are another figure
            connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("BEGIN")
        writer.model_ids = _models(connection, models)
        for number in range(days, 0, -1):
            size = min(left, a_day)
            _insert(connection, writer.day(TODAY - timedelta(days=number - 1), size, is_today=number == 1))
            left -= size
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("ANALYZE")


class _Writer:
    """Makes days one after another, with the ids going on."""

    def __init__(self, chance: random.Random) -> None:
        self.model_ids: list[int] = []
        self._chance = chance
        self._lot_id = 0
        self._serial_id = 0

    def day(self, on: date, size: int, *, is_today: bool) -> dict[sa.Table, list[dict[str, Any]]]:
        """About `size` attempts; today's last two hundred serials are somewhere along the route."""
        found: dict[sa.Table, list[dict[str, Any]]] = {lots: [], serials: [], process_data: []}
        begins = BEGINS - (TODAY - on)
        count = -(-size // len(ROUTE)) + (_OPEN // 2 if is_today else 0)
        open_from = count - _OPEN if is_today else count
        for place in range(count):
            if place % SERIALS_OF_LOT == 0:
                self._lot_id += 1
                is_open = place + SERIALS_OF_LOT > open_from
                lot = _lot(self._lot_id, on, place // SERIALS_OF_LOT + 1, is_open)
                found[lots].append(
                    {**lot, "product_model_id": self.model_ids[self._lot_id % len(self.model_ids)]}
                )
            self._serial_id += 1
            steps = place % len(ROUTE) if place >= open_from else len(ROUTE)
            steps = min(steps, size - len(found[process_data]))
            place_in_lot = place % SERIALS_OF_LOT + 1
            serial = _serial(self._serial_id, self._lot_id, place_in_lot, steps, begins)
            found[serials].append(serial)
            start = begins + timedelta(seconds=20 * 3600 * place / count)
            done = [_attempt(self._chance, self._serial_id, step, start) for step in range(steps)]
            found[process_data] += done
            if steps < len(ROUTE) and place % 2:
                serial["status"] = "IN_PROCESS"
                found[process_data].append(_open(_attempt(self._chance, self._serial_id, steps, start)))
        return found


def _lot(lot_id: int, on: date, sequence: int, is_open: bool) -> dict[str, Any]:
    return {
        "id": lot_id,
        "lot_number": f"FN-KR-{on:%Y%m%d}-D-{sequence:06d}",
        "plant_code": "KR",
        "shift": "D",
        "production_date": on,
        "sequence": sequence,
        "target_quantity": SERIALS_OF_LOT,
        "status": "IN_PROGRESS" if is_open else "CLOSED",
        "priority": "NORMAL",
        "created_at": BEGINS,
    }


def _serial(serial_id: int, lot_id: int, place: int, steps: int, at: datetime) -> dict[str, Any]:
    is_done = steps == len(ROUTE)
    return {
        "id": serial_id,
        "serial_number": f"FN-KR-{serial_id:09d}",
        "lot_id": lot_id,
        "sequence_in_lot": place,
        "checksum": "00",
        "status": "COMPLETED" if is_done else "WAITING",
        "current_process": None if is_done else ROUTE[steps],
        "is_defective": False,
        "created_at": at,
    }


def _attempt(chance: random.Random, serial_id: int, step: int, start: datetime) -> dict[str, Any]:
    passed = chance.random() > 0.02
    cycle = STANDARD[step] * chance.uniform(0.8, 1.3)
    done = start + timedelta(seconds=step * 300 + cycle)
    return {
        "serial_id": serial_id,
        "process_id": step + 1,
        "attempt": 1,
        "status": "PASS" if passed else "FAIL",
        "started_at": done - timedelta(seconds=cycle),
        "completed_at": done,
        "recorded_at": done,
        "cycle_time": cycle,
        "operator_id": f"OP-{step}",
        "equipment_id": f"E-{step}",
        "start_inferred": False,
        "is_offline": False,
        "is_pass": passed,
        "release": "1.0.0",
        "process_specific_data": {"torque": round(chance.gauss(1.2, 0.03), 3), "lma_model": "LMA-7"},
        "created_at": done,
        "updated_at": done,
    }


def _open(attempt: dict[str, Any]) -> dict[str, Any]:
    under_way = {"status": "IN_PROGRESS", "completed_at": None, "cycle_time": None, "is_pass": None}
    return {**attempt, **under_way}


def _models(connection: sa.Connection, count: int) -> list[int]:
    first = dict(connection.execute(sa.select(product_models)).mappings().one())
    more = [{**first, "id": number, "code": f"M-{number}"} for number in range(2, count + 1)]
    if more:
        connection.execute(sa.insert(product_models), more)
    return list(connection.scalars(sa.select(product_models.c.id)))


def _insert(connection: sa.Connection, rows: dict[sa.Table, list[dict[str, Any]]]) -> None:
    for table, values in rows.items():
        for first in range(0, len(values), _BATCH):
            connection.execute(sa.insert(table), values[first : first + _BATCH])
