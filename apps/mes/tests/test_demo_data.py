"""The demonstrated plant: the same seed is the same plant, until now and not beyond."""

from datetime import UTC, datetime

from andon_mes.demo_data.controller import Wanted, happenings, set_up
from andon_mes.demo_data.model import EndWork, MakeLot, StartWork

SUNDAY = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def test_the_same_seed_is_the_same_plant_and_nothing_happens_after_now(connection):
    wanted = Wanted(6, 1, SUNDAY, "KR", "1.0.0")
    calendar = set_up(connection, wanted)
    events = happenings(connection, wanted, calendar)
    assert events == happenings(connection, wanted, calendar)
    assert events != happenings(connection, Wanted(6, 2, SUNDAY, "KR", "1.0.0"), calendar)
    assert all(each.at <= SUNDAY for each in events)
    assert len([each for each in events if isinstance(each, MakeLot)]) == 9
    under_way = {each.work for each in events if isinstance(each, StartWork)}
    under_way -= {each.work for each in events if isinstance(each, EndWork)}
    assert under_way, "the floor is not empty"
    for each in (each for each in events if isinstance(each, StartWork)):
        assert any(start <= each.at < end for start, end in calendar.planned_spans(each.at, SUNDAY)[:1])
