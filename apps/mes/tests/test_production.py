"""What is under way: what others ask before they disturb the line."""

import sqlalchemy as sa
from andon_mes.store.schema import product_models

PATH = "/api/v1/production"
MODEL = "NH-F2X-001"


async def production(plant, query=""):
    answer = await plant.get(PATH + query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_nothing_is_under_way_before_a_lot_is_released(plant):
    await plant.lot()
    found = await production(plant)
    assert (found["open_lots"], found["running_lots"], found["serials_in_process"]) == (0, 0, 0)
    assert found["models"] == [
        {"product_model": MODEL, "open_lots": 0, "running_lots": 0, "serials_in_process": 0}
    ]


async def test_a_lot_is_open_from_its_release_and_runs_from_its_first_serial(plant):
    _, (number, _) = await plant.released_lot(2)
    released = await production(plant)
    assert (released["open_lots"], released["running_lots"]) == (1, 0)
    await plant.start(number, "SPRING")
    running = await production(plant)
    assert (running["open_lots"], running["running_lots"], running["serials_in_process"]) == (1, 1, 1)
    assert running == await production(plant, f"?product_model={MODEL}")


async def test_a_held_lot_is_open_and_a_cancelled_one_is_over(plant):
    lot, _ = await plant.released_lot(1)
    path = f"/api/v1/lots/{lot['lot_number']}"
    await plant.patch(path, {"action": "hold", "reason": "wrong label"})
    assert (await production(plant))["open_lots"] == 1
    await plant.patch(path, {"action": "release"})
    await plant.patch(path, {"action": "cancel", "reason": "not needed"})
    assert (await production(plant))["open_lots"] == 0


async def test_a_misspelt_model_does_not_look_as_if_nothing_ran(plant):
    answer = await plant.get(f"{PATH}?product_model=NH-F2X-OO1")
    assert (answer.status_code, answer.json()["code"]) == (422, "PRODUCT_MODEL_UNKNOWN")


async def test_models_are_counted_apart(plant, database_path):
    await plant.released_lot(1)
    engine = sa.create_engine(f"sqlite:///{database_path}")
    with engine.begin() as connection:
        row = connection.execute(sa.select(product_models)).one()._asdict()
        other = row | {"id": row["id"] + 1, "code": "OTHER-1"}
        connection.execute(sa.insert(product_models).values(**other))
    engine.dispose()
    found = await production(plant)
    assert [(each["product_model"], each["open_lots"]) for each in found["models"]] == [
        (MODEL, 1),
        ("OTHER-1", 0),
    ]
    assert (await production(plant, "?product_model=OTHER-1"))["open_lots"] == 0


async def test_a_place_is_safe_to_restart_while_no_serial_is_open_there(plant):
    _, (first, second) = await plant.released_lot(2)
    await plant.start(first, "SPRING", equipment_id="PRESS-1")

    async def ask(query=""):
        return (await plant.get(f"/api/v1/safe-point{query}")).json()["data"]

    busy = await ask("?equipment=PRESS-1&process=SPRING")
    assert (busy["is_safe"], busy["serials_open"], busy["lots_open"]) == (False, 1, 1)
    assert busy["open_serials"][0]["serial_number"] == first
    assert first in busy["reason"]
    assert (await ask("?equipment=PRESS-2"))["is_safe"]
    assert (await ask("?process=LMA"))["is_safe"]
    assert not (await ask())["is_safe"]
    await plant.complete(first, "SPRING")
    after = await ask()
    assert (after["is_safe"], after["reason"]) == (True, "No serial is open here")
    assert second not in str(after)


async def test_a_misspelt_place_is_refused_rather_than_called_safe(plant):
    answer = await plant.get("/api/v1/safe-point?equipmnt=PRESS-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_FIELD")
    answer = await plant.get("/api/v1/safe-point?process=LMAA")
    assert (answer.status_code, answer.json()["code"]) == (422, "PROCESS_UNKNOWN")
