"""Many events in one request: each for itself, and each with the answer that it would have had alone."""

import asyncio
import json
from datetime import timedelta

import pytest
from andon_mes.api.load import Admitted

START, COMPLETE = "/api/v1/process/start-batch", "/api/v1/process/complete-batch"


async def batch(plant, where, items):
    headers = {"Content-Type": "application/json"}
    answer = await plant.client.post(where, content=json.dumps({"items": items}), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_the_good_are_booked_and_the_bad_are_named_in_their_order(plant):
    _, serials = await plant.released_lot(3)
    good = [plant.body(each, "SPRING") for each in serials]
    bad = [
        plant.body(serials[0], "LMA"),
        plant.body("FN-KR-991110D-001-0001", "SPRING"),
        {**plant.body(serials[1], "SPRING"), "timestamp": "yesterday"},
        {"serial_number": 7},
    ]
    done = await batch(plant, START, [good[0], *bad, *good[1:]])
    assert [each["status"] for each in done["results"]] == [201, 409, 409, 422, 422, 201, 201]
    assert [each["code"] for each in done["results"][1:4]] == [
        "ATTEMPT_OPEN_ELSEWHERE",
        "SERIAL_UNKNOWN",
        "INVALID_INPUT",
    ]
    assert [each["index"] for each in done["results"]] == list(range(7))
    assert (done["succeeded"], done["failed"]) == (3, 4)
    assert done["results"][3]["body"]["field"] == "timestamp"
    assert done["results"][5]["body"]["serial_number"] == serials[1]
    assert any("가" <= letter <= "힣" for letter in done["results"][1]["body"]["detail_ko"])


async def test_items_of_one_serial_keep_their_order(plant):
    _, [serial] = await plant.released_lot(1)
    items = [{**plant.body(serial, each), "is_pass": True} for each in ("SPRING", "LMA", "LASER", "EOL")]
    done = await batch(plant, COMPLETE, items)
    assert [each["status"] for each in done["results"]] == [200] * 4
    assert (await plant.serial(serial))["current_process"] == "ROBOT"


async def test_an_item_has_the_same_key_alone_and_in_a_batch(plant):
    _, [serial] = await plant.released_lot(1)
    body = plant.body(serial, "SPRING")
    alone = await plant.post("/api/v1/process/start", body, key="queued-1")
    [again] = (await batch(plant, START, [{**body, "idempotency_key": "queued-1"}]))["results"]
    assert (again["status"], again["is_replayed"], again["body"]) == (201, True, alone.json()["data"])
    other = {**plant.body(serial, "SPRING"), "idempotency_key": "queued-1"}
    assert (await batch(plant, START, [other]))["results"][0]["code"] == "KEY_REUSED"


async def test_a_batch_that_is_sent_again_writes_nothing_again(plant):
    _, serials = await plant.released_lot(2)
    items = [{**plant.body(each, "SPRING"), "is_pass": True} for each in serials]
    first, second = await batch(plant, COMPLETE, items), await batch(plant, COMPLETE, items)
    assert [each["body"] for each in second["results"]] == [each["body"] for each in first["results"]]
    assert {each["is_replayed"] for each in second["results"]} == {True}
    assert len((await plant.serial(serials[0]))["attempts"]) == 1


async def test_an_item_that_was_refused_is_taken_once_its_reason_is_gone_unless_it_has_a_key(plant):
    _, serials = await plant.released_lot(2)
    early = [{**plant.body(each, "LMA"), "is_pass": True} for each in serials]
    early[1]["idempotency_key"] = "queued-1"
    first = await batch(plant, COMPLETE, early)
    for each in serials:
        await plant.pass_process(each, "SPRING")
    again = await batch(plant, COMPLETE, early)
    assert [each["status"] for each in first["results"]] == [409, 409]
    assert [(each["status"], each["is_replayed"]) for each in again["results"]] == [(200, False), (409, True)]


@pytest.mark.parametrize("key", [7, "", "x" * 201, "a\nb", "\ud800"])
async def test_a_key_that_cannot_be_kept_fails_its_item_alone(plant, key):
    _, serials = await plant.released_lot(2)
    items = [{**plant.body(serials[0], "SPRING"), "idempotency_key": key}, plant.body(serials[1], "SPRING")]
    done = await batch(plant, START, items)
    assert [each["status"] for each in done["results"]] == [422, 201]


async def test_a_batch_has_one_to_a_hundred_items(plant):
    for items in ([], [{}] * 101, {}, [1]):
        assert (await plant.post(START, {"items": items})).status_code == 422


async def test_lots_are_made_and_serials_changed_and_looked_up_in_batches(plant):
    made = await batch(plant, "/api/v1/lots/create-batch", [{"target_quantity": 1}, {"target_quantity": 0}])
    assert [each["status"] for each in made["results"]] == [201, 422]
    _, serials = await plant.released_lot(2)
    changes = [{"serial_number": each, "action": "hold", "reason": "recall"} for each in serials]
    changes.append({"serial_number": serials[0], "action": "hold"})
    keyed = [{**each, "idempotency_key": f"hold-{at}"} for at, each in enumerate(changes)]
    changed = await batch(plant, "/api/v1/serials/change-batch", keyed)
    assert [each["status"] for each in changed["results"]] == [200, 200, 422]
    again = await batch(plant, "/api/v1/serials/change-batch", keyed)
    assert [each["is_replayed"] for each in again["results"]] == [True, True, False]
    numbers = {"serial_numbers": [serials[1], "FN-KR-991110D-001-0001", serials[0]]}
    found = (await plant.post("/api/v1/serials/lookup", numbers)).json()["data"]
    assert [each["status"] for each in found["results"]] == [200, 404, 200]
    assert [each["body"].get("status") for each in found["results"]] == ["HOLD", 404, "HOLD"]


async def ask(app, path):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app({"type": "http", "path": path, "method": "GET", "headers": []}, receive, send)
    return sent[0]


async def test_past_the_most_requests_at_once_the_next_waits_its_turn():
    go, begun = asyncio.Event(), []

    async def slow(scope, _receive, send):
        begun.append(scope["path"])
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    app = Admitted(slow, most=2)
    asked = [asyncio.create_task(ask(app, path)) for path in ("/api/1", "/api/2", "/api/3", "/health")]
    while "/health" not in begun:
        await asyncio.sleep(0)
    assert begun == ["/api/1", "/api/2", "/health"], "what is watched does not wait"
    go.set()
    assert {each["status"] for each in await asyncio.gather(*asked)} == {200}
    assert (await ask(app, "/api/4"))["status"] == 200


async def test_who_waits_too_long_is_asked_to_come_again_and_leaves_no_place_taken():
    go = asyncio.Event()

    async def slow(_scope, _receive, send):
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    app = Admitted(slow, most=1, longest_wait=timedelta(milliseconds=1))
    first = asyncio.create_task(ask(app, "/api/v1/lots"))
    await asyncio.sleep(0)
    refused = await asyncio.gather(*(ask(app, "/api/v1/lots") for _ in range(25)))
    assert {(each["status"], dict(each["headers"])[b"retry-after"]) for each in refused} == {(503, b"1")}
    go.set()
    assert (await first)["status"] == 200
    assert (await ask(app, "/api/v1/lots"))["status"] == 200
