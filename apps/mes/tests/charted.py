"""A plant that measures: completions written straight into the rows, as thousands of scans leave them."""

import itertools
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from andon_mes.store import counters
from andon_mes.store.schema import (
    characteristics,
    lots,
    process_data,
    processes,
    product_models,
    serials,
)

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
STABLE = [44.9, 45.2, 45.0, 44.7, 45.3, 45.1, 44.8, 45.0, 45.4, 44.6]
"""Newtons of `spring_force` that no rule of either author minds, however often they are repeated."""


def chart(connection, *, name="spring_force", kind="i-mr", size=1, on_signal=None, rules=None):
    """Let the characteristic be charted."""
    values = {"chart": kind, "subgroup_size": size, "on_signal": on_signal, "rules": rules}
    connection.execute(sa.update(characteristics).where(characteristics.c.name == name).values(**values))


class Measuring:
    """One lot whose serials are completed at SPRING, one each minute."""

    def __init__(self, connection, *, model="NH-F2X-001", start=T0):
        self._at = (start + timedelta(minutes=each) for each in itertools.count())
        self._place = itertools.count(1)
        self._model = model
        model_id = connection.scalar(sa.select(product_models.c.id).where(product_models.c.code == model))
        self._process_id = connection.scalar(sa.select(processes.c.id).where(processes.c.code == "SPRING"))
        row = {
            "lot_number": f"LOT-{model}", "plant_code": "KR", "product_model_id": model_id, "shift": "D",
            "production_date": T0.date(), "sequence": 1, "target_quantity": 9999, "status": "IN_PROGRESS",
            "priority": "NORMAL", "created_at": T0,
        }  # fmt: skip
        self._lot_id = connection.execute(sa.insert(lots).returning(lots.c.id), row).scalar_one()

    def complete(self, connection, values, *, unit=None, attempt=1, failed=()):
        """Complete a serial for each of `values`; None was not measured. `failed`: places that failed."""
        for place, value in enumerate(values):
            number = next(self._place)
            serial = {
                "serial_number": f"SN-{self._model}-{number:06}", "lot_id": self._lot_id,
                "sequence_in_lot": number, "checksum": "00", "status": "WAITING", "is_defective": False,
                "created_at": T0,
            }  # fmt: skip
            serial_id = connection.execute(sa.insert(serials).returning(serials.c.id), serial).scalar_one()
            at = next(self._at)
            data = (
                None
                if value is None
                else {"spring_force": value} | ({"spring_force_unit": unit} if unit else {})
            )
            connection.execute(
                sa.insert(process_data),
                {
                    "serial_id": serial_id, "process_id": self._process_id, "attempt": attempt,
                    "status": "FAIL" if place in failed else "PASS", "is_pass": place not in failed,
                    "started_at": at, "completed_at": at, "recorded_at": at, "operator_id": "OP-1",
                    "start_inferred": False, "process_specific_data": data, "created_at": at,
                    "updated_at": at, "completion_seq": counters.next_value(connection, "completions"),
                },
            )  # fmt: skip
