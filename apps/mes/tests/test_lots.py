"""Lots and their serials over HTTP."""

import asyncio
import functools
from datetime import UTC, date, datetime, timedelta

import pytest
from andon_mes.kernel.errors import Conflict
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus, NewLot, Priority
from andon_mes.serials.decide import check_room
from andon_mes.store.engine import open_database


async def test_lots_are_numbered_by_plant_date_and_shift(plant):
    first, second = await plant.lot(), await plant.lot()
    other = await plant.lot(shift="N", production_date="2025-11-11")
    assert first["lot_number"] == "FN-KR-20251110-D-000001"
    assert second["lot_number"] == "FN-KR-20251110-D-000002"
    assert other["lot_number"] == "FN-KR-20251111-N-000001"


async def test_a_thousand_at_once_on_two_instances_get_different_numbers_without_gaps(database_path):
    new = NewLot("KR", "NH-F2X-001", date(2025, 11, 10), "D", 1, Priority.NORMAL, None, None)
    pair = [
        open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
        for _ in range(2)
    ]

    def make(connection, number):
        made = lots.create(connection, new, datetime(2025, 11, 10, 3, tzinfo=UTC))
        if number % 11 == 0:
            raise LookupError("what comes after it fails")
        return made.lot_number

    answers = await asyncio.gather(
        *(pair[number % 2].write(functools.partial(make, number=number)) for number in range(1100)),
        return_exceptions=True,
    )
    for database in pair:
        database.close()
    made = [each for each in answers if isinstance(each, str)]
    assert {type(each) for each in answers} == {str, LookupError}
    assert sorted(made) == [f"FN-KR-20251110-D-{number:06d}" for number in range(1, 1001)]


async def test_two_instances_on_one_file_share_the_numbers(database_path, run_instance):
    async with run_instance(database_path) as one, run_instance(database_path, release="1.1.0") as two:
        made = await asyncio.gather(*(plant.lot() for plant in (one, two) for _ in range(8)))
    assert sorted(int(each["lot_number"][-6:]) for each in made) == list(range(1, 17))


@pytest.mark.parametrize(
    ("utc", "wanted", "expected"),
    [
        ("2025-11-10T17:00", {}, "FN-KR-20251110-N-000001"),  # two in the morning of the 11th in Seoul
        ("2025-11-10T17:00", {"shift": "N"}, "FN-KR-20251110-N-000001"),
        ("2025-11-10T17:00", {"shift": "D"}, "FN-KR-20251111-D-000001"),
        ("2025-11-10T03:00", {"shift": "N"}, "FN-KR-20251110-N-000001"),
        ("2025-11-10T03:00", {"production_date": "2025-11-12"}, "FN-KR-20251112-D-000001"),
    ],
)
async def test_the_plants_calendar_dates_a_lot(database_path, run_instance, utc, wanted, expected):
    async with run_instance(database_path, at=datetime.fromisoformat(utc).replace(tzinfo=UTC)) as plant:
        assert (await plant.lot(**wanted))["lot_number"] == expected


async def test_a_refused_lot_leaves_no_gap(plant):
    wrong = await plant.post("/api/v1/lots", {"target_quantity": 1, "product_model": "NH-NOPE"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "PRODUCT_MODEL_UNKNOWN")
    assert "NH-F2X-001" in wrong.json()["detail"]
    assert (await plant.lot())["lot_number"].endswith("000001")


async def test_the_same_key_makes_one_lot_and_one_set_of_serials(plant):
    answers = [await plant.post("/api/v1/lots", {"target_quantity": 4}, key="k") for _ in range(2)]
    assert answers[0].content == answers[1].content
    where = f"/api/v1/lots/{answers[0].json()['data']['id']}/serials/generate"
    made = [await plant.post(where, {"quantity": 4}, key="g") for _ in range(2)]
    assert made[0].content == made[1].content


async def test_the_same_key_releases_a_lot_once(plant):
    lot = await plant.lot()
    where, key = f"/api/v1/lots/{lot['lot_number']}", {"Idempotency-Key": "release-1"}
    answers = [await plant.client.patch(where, json={"action": "release"}, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].content == answers[1].content


async def test_serials_never_pass_the_target(plant):
    lot = await plant.lot(3)
    where = f"/api/v1/lots/{lot['id']}/serials/generate"
    answers = await asyncio.gather(*(plant.post(where, {"quantity": 2}) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"LOT_FULL"}
    rest = (await plant.post(where, {"quantity": 1})).json()["data"]["serials"]
    assert rest[0]["serial_number"] == "FN-KR-251110D-001-0003"


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        (["release"], "RELEASED"),
        (["release", "hold"], "HOLD"),
        (["release", "hold", "release"], "RELEASED"),
        (["cancel"], "CANCELLED"),
    ],
)
async def test_a_person_moves_a_lot(plant, actions, status):
    lot = await plant.lot()
    for action in actions:
        answer = await plant.patch(
            f"/api/v1/lots/{lot['lot_number']}", {"action": action, "reason": "why", "changed_by": "Kim"}
        )
    assert answer.json()["data"]["status"] == status


@pytest.mark.parametrize("actions", [["hold"], ["release", "release"], ["cancel", "release"]])
async def test_what_the_state_does_not_allow_says_what_it_does(plant, actions):
    lot = await plant.lot()
    for action in actions:
        answer = await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": action, "reason": "why"})
    assert (answer.status_code, answer.json()["code"]) == (409, "LOT_STATE")
    assert "it can" in answer.json()["detail"]


async def test_a_hold_needs_a_reason(plant):
    lot, _ = await plant.released_lot(1)
    answer = await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": "hold"})
    assert (answer.status_code, answer.json()["field"]) == (422, "reason")


async def test_a_draft_does_not_start(plant):
    lot = await plant.lot(1)
    made = await plant.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": 1})
    serial = made.json()["data"]["serials"][0]["serial_number"]
    assert (await plant.start(serial, "SPRING")).json()["code"] == "LOT_NOT_RELEASED"


async def test_pages_are_newest_first_and_filtered(plant):
    for priority in ("LOW", "URGENT", "LOW"):
        await plant.lot(priority=priority)
    page = (await plant.get("/api/v1/lots?page=1&page_size=2")).json()["data"]
    assert [each["lot_number"][-1] for each in page["lots"]] == ["3", "2"]
    assert page["total"] == 3
    assert (await plant.get("/api/v1/lots?status=CREATED")).json()["data"]["total"] == 3
    urgent = (await plant.get("/api/v1/lots?priority=URGENT&status=DRAFT&date=2025-11-10&plant=KR")).json()
    assert [each["priority"] for each in urgent["data"]["lots"]] == ["URGENT"]
    assert (await plant.get("/api/v1/lots?page_size=101")).status_code == 422


async def test_a_rate_of_nothing_is_unknown(plant):
    assert (await plant.lot())["defect_rate"] is None


async def test_the_default_rows_are_those_of_the_requirements(plant):
    processes = (await plant.get("/api/v1/processes")).json()["data"]
    assert [(each["code"], each["standard_cycle_time"]) for each in processes] == [
        ("SPRING", 120),
        ("LMA", 180),
        ("LASER", 60),
        ("EOL", 300),
        ("ROBOT", 180),
        ("PRINT", 60),
        ("PACK", 120),
    ]
    codes = (await plant.get("/api/v1/defect-codes")).json()["data"]
    assert [(each["code"], each["process"], each["severity"]) for each in codes] == [
        ("D001", "SPRING", "MAJOR"),
        ("D002", "LMA", "CRITICAL"),
        ("D003", "LASER", "MINOR"),
        ("D004", "EOL", "CRITICAL"),
        ("D005", "EOL", "CRITICAL"),
        ("D006", "EOL", "CRITICAL"),
        ("D007", "ROBOT", "CRITICAL"),
        ("D008", "PRINT", "MINOR"),
    ]


@pytest.mark.parametrize(
    ("status", "generated", "fix"),
    [
        (LotStatus.HOLD, 0, "Release the hold, or use another lot"),
        (LotStatus.CLOSED, 4, "Use another lot"),
        (LotStatus.CANCELLED, 0, "Use another lot"),
        (LotStatus.RELEASED, 4, "The lot has all its serials; make another lot"),
        (LotStatus.RELEASED, 3, "Ask for at most 1"),
    ],
)
def test_who_asks_for_too_many_serials_is_told_what_they_can_do(status, generated, fix):
    with pytest.raises(Conflict) as refused:
        check_room(status, 4, generated, 2)
    assert refused.value.problem.fix.en == fix
