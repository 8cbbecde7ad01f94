"""What production says per release, and what the instance says of itself."""

from datetime import timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families


def first_pass(text):
    """(release, process, result) → count."""
    return {
        (sample.labels["release"], sample.labels["process"], sample.labels["result"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "mes_first_pass_total"
    }


async def test_first_pass_counts_attempt_1_only(plant):
    _, serials = await plant.released_lot(2)
    await plant.fail(serials[0], "SPRING", "D001")
    await plant.pass_process(serials[0], "SPRING")
    await plant.pass_process(serials[1], "SPRING")
    assert first_pass(await plant.metrics()) == {
        ("1.0.0", "SPRING", "pass"): 1,
        ("1.0.0", "SPRING", "fail"): 1,
    }


async def test_silence_is_not_zero(plant):
    assert first_pass(await plant.metrics()) == {}


async def test_a_completion_counts_for_the_release_that_served_it_and_any_instance_knows(
    database_path, run_instance
):
    async with run_instance(database_path) as old, run_instance(database_path, release="1.1.0") as new:
        _, serials = await old.released_lot(3)
        await old.pass_process(serials[0], "SPRING")
        new.event_at = old.event_at + timedelta(hours=1)
        await new.pass_process(serials[1], "SPRING")
        await new.fail(serials[2], "SPRING", "D001")
        expected = {
            ("1.0.0", "SPRING", "pass"): 1,
            ("1.0.0", "SPRING", "fail"): 0,
            ("1.1.0", "SPRING", "pass"): 1,
            ("1.1.0", "SPRING", "fail"): 1,
        }
        assert first_pass(await old.metrics()) == expected
        assert first_pass(await new.metrics()) == expected
    async with run_instance(database_path, release="1.2.0") as later:
        assert first_pass(await later.metrics()) == expected


async def test_counting_on_gives_what_counting_anew_gives(database_path, run_instance):
    async with run_instance(database_path) as plant, run_instance(database_path) as fresh:
        _, serials = await plant.released_lot(4)
        for number, serial in enumerate(serials):
            if number % 2:
                await plant.fail(serial, "SPRING", "D001")
            else:
                await plant.pass_process(serial, "SPRING")
            counted_on = first_pass(await plant.metrics())
        assert counted_on == first_pass(await fresh.metrics())
        assert sum(counted_on.values()) == 4


async def test_cycle_times_are_a_histogram(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.complete(serial, "SPRING", cycle_time=100)
    text = await plant.metrics()
    assert 'mes_cycle_time_seconds_bucket{le="90.0",process="SPRING",release="1.0.0"} 0.0' in text
    assert 'mes_cycle_time_seconds_bucket{le="120.0",process="SPRING",release="1.0.0"} 1.0' in text
    assert 'mes_cycle_time_seconds_sum{process="SPRING",release="1.0.0"} 100.0' in text


async def test_refusals_and_requests_are_counted(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "LMA")
    text = await plant.metrics()
    assert 'mes_refusals_total{code="ROUTE_PREVIOUS_NOT_PASSED",release="1.0.0"} 1.0' in text
    assert 'mes_requests_total{method="POST",release="1.0.0",status="409"} 1.0' in text
    assert 'mes_scans_total{release="1.0.0"} 1.0' in text


async def test_alive_is_not_ready(tmp_path, run_instance):
    async with run_instance(tmp_path / "empty.db") as plant:
        assert (await plant.get("/health")).json() == {"status": "ok", "release": "1.0.0"}
        answer = await plant.get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "NOT_MIGRATED")
        assert "andon-mes migrate" in answer.json()["detail"]


async def test_ready_when_migrated_and_every_answer_names_its_release(plant):
    for path in ("/ready", "/health", "/nope"):
        answer: httpx.Response = await plant.get(path)
        assert answer.headers["X-Release"] == "1.0.0"
    assert (await plant.get("/ready")).status_code == 200


def by_application(text):
    """(application, process, result) → count."""
    return {
        (sample.labels["application"], sample.labels["process"], sample.labels["result"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "mes_application_first_pass_total"
    }


async def test_a_completion_counts_for_the_application_that_began_it(plant):
    _, serials = await plant.released_lot(3)
    for serial, version in zip(serials, ("1.0.0", "1.1.0", None), strict=True):
        said = {} if version is None else {"application_version": version}
        await plant.start(serial, "SPRING", **said)
        await plant.complete(serial, "SPRING", cycle_time=100)
    text = await plant.metrics()
    assert by_application(text) == {
        ("1.0.0", "SPRING", "pass"): 1,
        ("1.0.0", "SPRING", "fail"): 0,
        ("1.1.0", "SPRING", "pass"): 1,
        ("1.1.0", "SPRING", "fail"): 0,
    }
    assert sum(first_pass(text).values()) == 3
    bucket = 'mes_application_cycle_time_seconds_bucket{application="1.1.0",le="120.0",process="SPRING"} 1.0'
    assert bucket in text
