"""The demonstrated plant: the same seed is the same plant, and the MES refuses nothing of it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from andon_mes.demo_data.controller import Doing, Wanted, happenings, set_up
from andon_mes.demo_data.model import StartWork
from andon_mes.kernel.errors import Conflict
from andon_mes.store import schema
from andon_mes.store.engine import make_engine

SUNDAY = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture
def connection(database_path):
    engine = make_engine(database_path, busy_timeout=timedelta(seconds=5), durability="NORMAL")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def count(connection, table):
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_the_line_of_the_demo_runs_without_a_refusal_and_shows_something_everywhere(connection):
    wanted = Wanted(3, 1, SUNDAY, "KR", "1.0.0")
    calendar = set_up(connection, wanted)
    events = happenings(connection, wanted, calendar)
    assert events == happenings(connection, wanted, calendar)
    assert all(each.at <= SUNDAY for each in events)
    doing = Doing(wanted, calendar)
    doing.do(connection, events)
    assert doing.refused == {}
    for table in ("process_data", "defects", "reworks", "component_uses", "equipment_states", "calibrations",
                  "contested_events", "calls", "label_prints", "operators", "qualifications"):  # fmt: skip
        assert count(connection, schema.metadata.tables[table]), table
    statuses = set(connection.scalars(sa.select(schema.lots.c.status)))
    assert {"DRAFT", "HOLD", "CANCELLED", "IN_PROGRESS"} <= statuses
    started = connection.execute(
        sa.select(sa.func.count()).where(schema.process_data.c.status == "IN_PROGRESS")
    ).scalar_one()
    assert started, "the floor is not empty"
    with pytest.raises(Conflict):
        set_up(connection, wanted)
    again = happenings(connection, wanted, calendar)
    assert again != events, "beside other production it is another plant"
    assert [each for each in again if isinstance(each, StartWork)]
