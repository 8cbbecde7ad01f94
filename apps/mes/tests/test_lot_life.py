"""What a person does with lots and serials: each state and action as a table, then over HTTP what follows."""

import itertools

import pytest
from andon_mes.kernel.errors import Conflict
from andon_mes.lots.decide import decide_change as lot_change
from andon_mes.lots.decide import may_close
from andon_mes.lots.model import LotAction, LotStatus
from andon_mes.serials.decide import decide_change as serial_change
from andon_mes.serials.model import SerialAction, SerialStatus

ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
# Rows are states, columns what comes of release, hold, cancel, close, ship; a dot is refused.
LOTS = {
    "DRAFT": "RELEASED . CANCELLED . .",
    "RELEASED": ". HOLD CANCELLED CLOSING .",
    "IN_PROGRESS": ". HOLD CANCELLED CLOSING .",
    "HOLD": "IN_PROGRESS . CANCELLED . .",
    "CLOSING": ". HOLD CANCELLED . .",
    "CLOSED": ". . . . CLOSED",
    "CANCELLED": ". . . . .",
}
# The same of hold, release, scrap, ship.
SERIALS = {
    "CREATED": "HOLD . SCRAPPED .",
    "WAITING": "HOLD . SCRAPPED .",
    "IN_PROCESS": "HOLD . . .",
    "COMPLETED": "HOLD . . SHIPPED",
    "SHIPPED": ". . . .",
    "DEFECTIVE": "HOLD . SCRAPPED .",
    "REWORK": "HOLD . SCRAPPED .",
    "SCRAPPED": ". . . .",
    "HOLD": "HOLD WAITING SCRAPPED .",
}


def outcome(decide, *seen):
    try:
        return decide(*seen).value
    except Conflict:
        return "."


def test_in_every_state_a_lot_allows_what_the_table_says():
    for status in LotStatus:
        came = [outcome(lot_change, status, LotStatus.IN_PROGRESS, action) for action in LotAction]
        assert came == LOTS[status].split(), status


def test_in_every_state_a_serial_allows_what_the_table_says():
    for status in SerialStatus:
        came = [outcome(serial_change, status, SerialStatus.WAITING, action) for action in SerialAction]
        assert came == SERIALS[status].split(), status


def test_a_lot_closes_when_it_is_open_and_all_of_it_is_there_or_it_is_closing():
    for status, generated in itertools.product(LotStatus, (0, 1, 2)):
        may = status is LotStatus.CLOSING or (
            status in {LotStatus.RELEASED, LotStatus.IN_PROGRESS} and generated == 2
        )
        assert may_close(status, generated=generated, target=2) == may


async def change(plant, what, action, **more):
    where = f"/api/v1/{'lots' if isinstance(what, dict) else 'serials'}/"
    name = what["lot_number"] if isinstance(what, dict) else what
    return await plant.patch(where + name, {"action": action, "reason": "why", "changed_by": "Kim", **more})


async def lot_of(plant, lot):
    return (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]


async def finish(plant, serial):
    for process in ROUTE:
        await plant.pass_process(serial, process)


async def test_a_lot_that_is_closed_short_lets_what_is_begun_end_and_voids_the_rest(plant):
    lot, [begun, never] = await plant.released_lot(2)
    await plant.start(begun, "SPRING")
    closing = (await change(plant, lot, "close")).json()["data"]
    assert (closing["status"], closing["defect_quantity"]) == ("CLOSING", 0)
    shown = await plant.serial(never)
    assert (shown["status"], shown["is_defective"]) == ("SCRAPPED", False)
    assert (await plant.start(never, "SPRING")).json()["code"] == "SERIAL_SCRAPPED"
    refused = await plant.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": 1})
    assert refused.json()["code"] in {"LOT_STATE", "LOT_FULL"}
    await plant.complete(begun, "SPRING")
    for process in ROUTE[1:]:
        await plant.pass_process(begun, process)
    closed = await lot_of(plant, lot)
    assert (closed["status"], closed["actual_quantity"], closed["defect_quantity"]) == ("CLOSED", 1, 0)


async def test_a_closing_lot_takes_no_more_serials(plant):
    lot = await plant.lot(2)
    await change(plant, lot, "release")
    where = f"/api/v1/lots/{lot['id']}/serials/generate"
    serial = (await plant.post(where, {"quantity": 1})).json()["data"]["serials"][0]["serial_number"]
    await plant.start(serial, "SPRING")
    await change(plant, lot, "close")
    assert (await plant.post(where, {"quantity": 1})).json()["code"] == "LOT_STATE"


async def test_a_lot_of_which_nothing_is_under_way_closes_at_once(plant):
    lot, serials = await plant.released_lot(2)
    await finish(plant, serials[0])
    closed = (await change(plant, lot, "close")).json()["data"]
    assert (closed["status"], closed["actual_quantity"]) == ("CLOSED", 1)


async def test_a_held_closing_lot_goes_on_closing(plant):
    lot, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    await change(plant, lot, "close")
    await change(plant, lot, "hold")
    assert (await plant.complete(serial, "SPRING")).json()["code"] == "LOT_HOLD"
    assert (await change(plant, lot, "release")).json()["data"]["status"] == "CLOSING"
    assert (await plant.complete(serial, "SPRING")).status_code == 200


@pytest.mark.parametrize("action", ["close", "cancel", "hold"])
async def test_a_lot_is_ended_or_held_with_a_reason(plant, action):
    lot, _ = await plant.released_lot(1)
    answer = await change(plant, lot, action, reason=None)
    assert (answer.status_code, answer.json()["field"]) == (422, "reason")


async def test_a_cancelled_lot_ends_what_is_open_and_holds_what_was_begun(plant):
    lot, [working, waiting, finished, never] = await plant.released_lot(4)
    await plant.start(working, "SPRING")
    await plant.pass_process(waiting, "SPRING")
    await finish(plant, finished)
    assert (await change(plant, lot, "cancel")).json()["data"]["status"] == "CANCELLED"
    shown = [await plant.serial(each) for each in (working, waiting, finished, never)]
    assert [each["status"] for each in shown] == ["HOLD", "HOLD", "COMPLETED", "SCRAPPED"]
    assert [each["held_from"] for each in shown] == ["WAITING", "WAITING", None, None]
    assert shown[0]["attempts"][0]["status"] == "ABORTED"
    assert (await plant.complete(working, "SPRING")).json()["code"] == "LOT_NOT_RELEASED"
    last = shown[1]["history"][-1]
    assert (last["new_status"], last["changed_by"], last["reason"]) == ("HOLD", "Kim", "why")
    counted = await lot_of(plant, lot)
    assert (counted["actual_quantity"], counted["defect_quantity"]) == (1, 0)


async def test_what_was_held_on_a_machine_when_its_lot_was_cancelled_waits(plant):
    lot, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    await change(plant, serial, "hold")
    await change(plant, lot, "cancel")
    assert (await plant.serial(serial))["held_from"] == "WAITING"


async def test_a_finished_serial_is_shipped_once_and_nothing_brings_it_back(plant):
    _, [serial, _] = await plant.released_lot(2)
    assert (await change(plant, serial, "ship")).json()["code"] == "SERIAL_STATE"
    await finish(plant, serial)
    shipped = (await change(plant, serial, "ship", reason=None)).json()["data"]
    assert (shipped["status"], shipped["shipped_at"]) == ("SHIPPED", "2025-11-10T03:00:00+00:00")
    for action in SerialAction:
        assert (await change(plant, serial, action)).json()["code"] == "SERIAL_STATE"
    assert (await plant.start(serial, "PACK")).json()["code"] == "SERIAL_COMPLETED"


async def test_a_finished_serial_that_is_held_is_not_shipped_and_still_counts_as_made(plant):
    lot, [serial] = await plant.released_lot(1)
    await finish(plant, serial)
    await change(plant, serial, "hold")
    assert (await change(plant, serial, "ship")).json()["code"] == "SERIAL_STATE"
    counted = await lot_of(plant, lot)
    assert (counted["status"], counted["actual_quantity"]) == ("CLOSED", 1)
    assert (await change(plant, lot, "ship")).json()["code"] == "NOTHING_TO_SHIP"
    assert (await change(plant, serial, "release")).json()["data"]["status"] == "COMPLETED"


async def test_nothing_leaves_a_held_lot(plant):
    lot, [serial, _] = await plant.released_lot(2)
    await finish(plant, serial)
    await change(plant, lot, "hold")
    refused = await change(plant, serial, "ship")
    assert (refused.status_code, refused.json()["code"]) == (409, "LOT_HOLD")


async def test_a_closed_lot_is_shipped_whole(plant):
    lot, serials = await plant.released_lot(2)
    assert (await change(plant, lot, "ship")).json()["code"] == "LOT_STATE"
    for serial in serials:
        await finish(plant, serial)
    shipped = (await change(plant, lot, "ship", reason=None)).json()["data"]
    assert (shipped["status"], shipped["actual_quantity"]) == ("CLOSED", 2)
    assert [(await plant.serial(each))["status"] for each in serials] == ["SHIPPED"] * 2
    again = await change(plant, lot, "ship")
    assert (again.status_code, again.json()["code"]) == (409, "NOTHING_TO_SHIP")


async def test_a_lot_waits_for_what_is_held_of_it_and_closes_with_its_release(plant):
    lot, [first, second] = await plant.released_lot(2)
    await finish(plant, first)
    await change(plant, first, "hold")
    await finish(plant, second)
    assert (await lot_of(plant, lot))["status"] == "IN_PROGRESS"
    await change(plant, first, "release")
    assert (await lot_of(plant, lot))["status"] == "CLOSED"
