"""Charts on real rows: points taken once, signals raised once, and what follows from them."""

import asyncio
import sys
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from andon_mes.kernel.clock import ManualClock
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.spc import store
from andon_mes.spc.shifts import ShiftWatch
from andon_mes.spc.watch import Watch, write
from andon_mes.store.engine import open_database
from andon_mes.store.order import settled_place
from andon_mes.store.schema import calls, spc_points, spc_signals
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from charted import STABLE, T0, Measuring, chart

OUT = 60.0


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


@pytest.fixture
def watch(database):
    return Watch(database, ManualClock(T0 + timedelta(hours=2)))


async def measure(database, values, *, measuring=None, **more):
    """Complete serials with these values; gives what goes on completing."""

    def work(connection):
        own = measuring or Measuring(connection)
        own.complete(connection, values, **more)
        return own

    return await database.write(work)


async def rows(database, table):
    return await database.read(lambda each: each.execute(sa.select(table)).mappings().all())


async def set_up(database, **how):
    await database.write(lambda each: chart(each, **how))


async def test_points_are_taken_once_in_the_characteristics_unit_and_only_first_attempts(database, watch):
    await set_up(database)
    measuring = await measure(database, [45.0, None, 44.0])
    await measure(database, [4.5], measuring=measuring, unit="kgf")
    await measure(database, [30.0], measuring=measuring, attempt=2)
    await measure(database, ["much"], measuring=measuring)
    for _ in range(2):
        await watch.tick()
    found = await rows(database, spc_points)
    assert [each["value"] for each in found] == pytest.approx([45.0, 44.0, 4.5 * 9.80665])
    assert [each["ordinal"] for each in found] == [1, 2, 3]


async def test_a_signal_is_raised_once_however_many_instances_look(database, watch):
    await set_up(database, on_signal="call")
    await measure(database, [*STABLE, *STABLE, *STABLE[:5], 45.0, OUT])
    others = [Watch(database, ManualClock(T0 + timedelta(hours=2))) for _ in range(3)]
    await asyncio.gather(*(each.tick() for each in (watch, *others)))
    [signal] = await rows(database, spc_signals)
    assert (signal["rule"], signal["chart"], signal["points"]["subgroups"]) == ("nelson-1", "location", [27])
    [call] = await rows(database, calls)
    assert (call["kind"], call["raised_by"]) == ("QUALITY", "system")
    assert len(await rows(database, spc_points)) == 27


async def test_a_rule_that_goes_on_being_broken_is_one_signal(database, watch):
    await set_up(database)
    measuring = await measure(database, [*STABLE, *STABLE, *STABLE[:5]])
    for value in [OUT, OUT, 45.0, OUT]:
        await measure(database, [value], measuring=measuring)
        await watch.tick()
    found = [
        each["points"]["subgroups"]
        for each in await rows(database, spc_signals)
        if each["chart"] == "location"
    ]
    assert found == [[26], [29]]


async def test_the_first_baseline_signals_nothing(database, watch):
    await set_up(database)
    await measure(database, [*STABLE, OUT, *STABLE, *STABLE])
    await watch.tick()
    assert await rows(database, spc_signals) == []


async def test_what_is_written_from_an_old_plan_changes_nothing(database, watch):
    await set_up(database)
    await measure(database, STABLE)
    [step] = await database.read(watch._plan)
    await watch.tick()
    assert not await database.write(lambda each: write(each, step, T0))
    assert len(await rows(database, spc_points)) == 10


async def test_what_a_kill_interrupts_is_done_again(database, watch):
    await set_up(database)
    await measure(database, [*STABLE, *STABLE, *STABLE[:5], OUT])
    [step] = await database.read(watch._plan)

    def killed(connection):
        assert write(connection, step, T0)
        raise SystemError("killed")

    with pytest.raises(SystemError):
        await database.write(killed)
    assert await rows(database, spc_points) == []
    await watch.tick()
    assert len(await rows(database, spc_points)) == 26
    assert len(await rows(database, spc_signals)) == 1


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=st.lists(st.sampled_from([*STABLE, OUT, 30.0, 46.5, None]), min_size=30, max_size=60),
    cuts=st.lists(st.integers(0, 80), max_size=4),
)
async def test_when_the_loop_looks_changes_neither_points_nor_signals(
    template, tmp_path_factory, values, cuts
):
    import shutil

    found = []
    for at in ([], sorted(set(cuts))):
        path = shutil.copy(template, tmp_path_factory.mktemp("cuts") / "mes.db")
        database = open_database(path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
        watch, measuring = Watch(database, ManualClock(T0)), None
        await set_up(database, rules="nelson")
        for start, end in zip([0, *at], [*at, len(values)], strict=True):
            measuring = await measure(database, values[start:end], measuring=measuring)
            await watch.tick()
        points = [(each["ordinal"], each["value"]) for each in await rows(database, spc_points)]
        signals = sorted(each["key"] for each in await rows(database, spc_signals))
        found.append((points, signals))
        database.close()
    assert found[0] == found[1]


async def test_a_long_backlog_is_taken_in_whole_steps(database, watch):
    await set_up(database)
    measuring = await measure(database, STABLE * 70)
    await watch.tick()
    assert len(await rows(database, spc_points)) == 700
    await measure(database, [None] * 3, measuring=measuring)
    await watch.tick()
    charted = (await database.read(store.list_charted))[0]
    assert await database.read(lambda each: store.cursor(each, charted)) == 700  # quiet is not written down
    assert await database.read(settled_place) == 703


async def test_a_signal_of_the_past_holds_nothing(database):
    await set_up(database, on_signal="hold")
    await measure(database, [*STABLE, *STABLE, *STABLE[:5], OUT])
    await Watch(database, ManualClock(T0 + timedelta(days=3))).tick()
    assert len(await rows(database, spc_signals)) == 1
    assert all(each.reason is None for each in await database.read(_held))


def _held(connection):
    from andon_mes.signals.store import list_held

    return list_held(connection)


async def charted_plant(plant, database, values, **how):
    await set_up(database, **how)
    await measure(database, values, **({"failed": {7}} if how.get("rules") == "limits" else {}))
    await Watch(database, plant.clock).tick()


async def test_a_signal_may_hold_its_process_until_somebody_releases_it(plant, database):
    plant.clock.advance(timedelta(hours=1))
    await charted_plant(plant, database, [*STABLE, *STABLE, *STABLE[:5], OUT], on_signal="hold")
    _, [serial] = await plant.released_lot(1)
    refused = await plant.start(serial, "SPRING")
    assert (refused.status_code, refused.json()["code"]) == (409, "PROCESS_HOLD")
    assert "nelson-1" in refused.json()["detail"]
    [signal] = (await plant.get("/api/v1/spc/signals?open=true")).json()["data"]["signals"]
    where = f"/api/v1/spc/signals/{signal['id']}"
    said = (await plant.patch(where, {"cause": "worn fixture"})).json()["data"]
    assert (said["cause"], said["characteristic"]) == ("worn fixture", "spring_force")
    assert (await plant.patch(where, {"cause": "another"})).json()["code"] == "SIGNAL_ACKNOWLEDGED"
    hold = "/api/v1/spc/holds/SPRING"
    assert (await plant.patch(hold, {"action": "hold", "reason": "again"})).json()["code"] == "PROCESS_STATE"
    free = (await plant.patch(hold, {"action": "release", "reason": "fixture replaced"})).json()["data"]
    assert free["held_reason"] is None
    assert (await plant.start(serial, "SPRING")).status_code == 201


async def test_a_chart_shows_points_limits_violations_and_no_capability_of_what_is_unstable(plant, database):
    plant.clock.advance(timedelta(hours=1))
    await charted_plant(plant, database, [*(STABLE * 11), OUT, *STABLE])
    where = "/api/v1/spc/SPRING/spring_force"
    shown = (await plant.get(where)).json()["data"]
    assert (shown["unit"], shown["product_model"], shown["points_taken"]) == ("N", "NH-F2X-001", 121)
    assert (len(shown["points"]), shown["baseline"]["last_subgroup"]) == (50, 25)
    assert shown["points"][-11]["rules"] == ["nelson-1"]
    assert shown["violations"][0] == {"rule": "nelson-1", "chart": "location", "subgroups": [111]}
    assert (shown["capability"]["cpk"], shown["capability"]["why"]) == (None, "NOT_STABLE")
    until = (T0 + timedelta(minutes=110)).isoformat().replace("+", "%2B")
    stable = (await plant.get(f"{where}?last=500&until={until}")).json()["data"]
    assert (len(stable["points"]), stable["violations"], stable["capability"]["values"]) == (110, [], 110)
    assert stable["capability"]["cpk"] > 1
    own = (await plant.get(f"{where}?last=50&limits_from=shown&exclude_signalled=true")).json()["data"]
    assert own["location"]["upper"] < OUT
    assert own["baseline"] is None


async def test_a_baseline_is_set_with_a_reason_and_judges_what_follows(plant, database):
    plant.clock.advance(timedelta(hours=1))
    await charted_plant(plant, database, [*(STABLE * 3), *(each + 4 for each in STABLE * 3)])
    where = "/api/v1/spc/SPRING/spring_force"
    assert (await plant.get(where)).json()["data"]["violations"] != []
    body = {"first_subgroup": 31, "last_subgroup": 60, "reason": "new spring supplier"}
    for few in ({"last_subgroup": 40}, {"last_subgroup": 70}, {"last_subgroup": 3}):
        refused = await plant.post(f"{where}/baseline", {**body, **few})
        assert (refused.status_code, refused.json()["code"]) == (422, "BASELINE_UNUSABLE")
    made = await plant.post(f"{where}/baseline", body)
    assert (made.status_code, made.json()["data"]["excluded"]) == (201, [])
    shown = (await plant.get(f"{where}?last=30")).json()["data"]
    assert shown["violations"] == []
    assert shown["baseline"]["reason"] == "new spring supplier"


async def test_what_is_not_charted_or_not_measured_says_so(plant, database):
    where = "/api/v1/spc/SPRING/spring_force"
    assert (await plant.get(where)).json()["data"]["why"] == "NO_CHART"
    await set_up(database)
    empty = (await plant.get(where)).json()["data"]
    assert (empty["why"], empty["points"], empty["capability"]["why"]) == ("TOO_FEW", [], "TOO_FEW")
    assert (await plant.get("/api/v1/spc/SPRING/spring_length")).json()["code"] == "CHARACTERISTIC_UNKNOWN"
    assert (await plant.get("/api/v1/spc/PAINT")).json()["code"] == "PROCESS_UNKNOWN"
    assert (await plant.get(f"{where}?product_model=X")).json()["code"] == "PRODUCT_MODEL_UNKNOWN"
    listed = (await plant.get("/api/v1/spc")).json()["data"]
    assert [each["characteristic"] for each in listed["characteristics"]] == ["spring_force"]


async def test_the_p_chart_of_a_process_counts_first_attempts_by_shift(plant, database):
    start = T0 - timedelta(hours=3)  # the day shift begins at 08:00 in Seoul

    def work(connection):
        for shift in range(25):
            measuring = Measuring(
                connection, model="NH-F2X-001", start=start - timedelta(hours=12 * (25 - shift))
            )
            bad = range(8) if shift == 24 else range(1)
            measuring.complete(connection, [45.0] * 20, failed=set(bad))
            connection.execute(sa.text("update lots set lot_number = lot_number || '-' || id"))
            connection.execute(sa.text("update serials set serial_number = serial_number || '-' || id"))

    await database.write(work)
    shown = (await plant.get("/api/v1/spc/SPRING")).json()["data"]
    assert (len(shown["points"]), shown["why"]) == (25, None)
    assert (shown["points"][-1]["tried"], shown["points"][-1]["failed"]) == (20, 8)
    assert shown["points"][-1]["shift"] == "2025-11-09 N"
    assert shown["points"][-1]["rules"] == ["nelson-1"]
    calendar = plain_calendar(ZoneInfo("Asia/Seoul"), time(8), time(20))
    watches = [ShiftWatch(database, plant.clock, calendar) for _ in range(2)]
    for _ in range(2):
        await asyncio.gather(*(each.tick() for each in watches))
    [signal] = await rows(database, spc_signals)
    assert (signal["chart"], signal["rule"], signal["points"]["shifts"]) == (
        "p",
        "nelson-1",
        ["2025-11-09 N"],
    )
    nothing = (await plant.get("/api/v1/spc/LMA")).json()["data"]
    assert (nothing["why"], nothing["points"][0]["share"]) == ("NO_VARIATION", None)
