"""The line against real instances of the releases: it is honest, it books once, and it moves on."""

import asyncio
import contextlib
import subprocess
import sys
from os import environ

import httpx
import pytest

from andon.testing.ports import free_port
from demo import credentials
from demo.line import Credentials, Line, LineSettings, Process
from demo.sources import MES

PATIENCE_SECONDS = 120  # generous: the machine may be busy with other tests
FAST = LineSettings(serials_per_minute=3000, cycle_seconds=0.0, most_serials=24, lot_size=12, workers=2)


@contextlib.asynccontextmanager
async def running(version, folder):
    """An instance of `version` on the database of `folder`, and its address."""
    tree = folder / version
    MES.at(version, tree)
    port = free_port()
    settings = {
        **environ,
        "PYTHONPATH": str(tree / "src"),
        "ANDON_MES_DATABASE": str(folder / "mes.db"),
        "ANDON_MES_RELEASE": version,
        "ANDON_MES_DURABILITY": "NORMAL",
    }
    mes = [sys.executable, "-m", "andon_mes"]
    subprocess.run([*mes, "migrate"], env=settings, check=True)
    with (folder / f"{version}.log").open("w") as log:
        process = subprocess.Popen([*mes, "serve", "--port", str(port)], env=settings, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert process.poll() is None, (folder / f"{version}.log").read_text()
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{address}/ready")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield address
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


async def issued(folder) -> Credentials:
    """What the line shows to instances on the database of `folder`."""
    variables = {"ANDON_MES_DATABASE": str(folder / "mes.db")}
    return await credentials.issue([sys.executable, "-m", "andon_mes"], variables)


async def first_pass_fails(address: str, process: str) -> float:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{address}/metrics")).text
    lines = [line for line in text.splitlines() if f'process="{process}"' in line and 'result="fail"' in line]
    return sum(float(line.split()[-1]) for line in lines)


async def test_every_serial_is_finished_or_parked_and_booked_once_on_two_releases_at_once(tmp_path):
    async with running("1.0.0", tmp_path) as one, running("1.1.0", tmp_path) as two:
        line = Line([one, two], FAST, await issued(tmp_path))
        async with asyncio.timeout(PATIENCE_SECONDS):
            counts = await line.run()
        assert counts.finished + counts.parked == counts.serials_in == 24
        assert (
            counts.server_errors == counts.unreachable == counts.refusals.total() == counts.split_parts == 0
        )
        assert counts.passed + counts.failed == counts.completed == counts.started
        assert set(counts.completed_by_release) == {"1.0.0", "1.1.0"}
        assert counts.passed >= 7 * counts.finished


async def test_1_2_0_fails_good_parts_at_one_process_and_answers_200(tmp_path):
    async with running("1.2.0", tmp_path) as address:
        line = Line(address, FAST, await issued(tmp_path), defect_rate=0.0, kgf_share=0.5)
        async with asyncio.timeout(PATIENCE_SECONDS):
            counts = await line.run()
        assert counts.server_errors == 0
        assert 24 * 0.2 < await first_pass_fails(address, "LMA") < 24 * 0.8
        assert await first_pass_fails(address, "EOL") == 0


async def test_1_3_0_fails_on_some_names_and_the_line_parks_the_part_and_moves_on(tmp_path):
    async with running("1.3.0", tmp_path) as address:
        line = Line(address, FAST, await issued(tmp_path), defect_rate=0.0, relief_share=0.1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            counts = await line.run()
        assert counts.server_errors == 3 * counts.parked > 0
        assert counts.parked_by_reason == {"INTERNAL": counts.parked}
        assert counts.finished + counts.parked == 24


async def test_a_line_without_a_mes_stops_when_told():
    line = Line(f"http://127.0.0.1:{free_port()}")
    await line.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line.counters()["unreachable"] == 0:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await line.stop()
    assert line.counters()["serials_in"] == 0


def a_process(code: str, *defect_codes: str) -> Process:
    torque = {"name": "torque", "unit": "N·m", "lower": 1.1, "upper": 1.3, "defect_code": "D002"}
    return Process(code, 100.0, (torque,), defect_codes)


def test_the_truth_about_a_part_does_not_depend_on_who_asks_first():
    line = Line("http://nowhere")
    process = a_process("LMA", "D002")
    first = [line.inspect(index, process, 1) for index in range(50)]
    again = [Line("http://elsewhere").inspect(index, process, 1) for index in reversed(range(50))]
    assert first == again[::-1]
    assert first != [line.inspect(index, process, 2) for index in range(50)]


@pytest.mark.parametrize("rate", [0.0, 0.04, 0.3])
def test_defects_come_at_the_rate_that_was_set_and_good_parts_measure_well(rate):
    line = Line("http://nowhere", defect_rate=rate)
    process = a_process("LMA", "D002")
    found = [line.inspect(index, process, 1) for index in range(5000)]
    assert sum(not each.is_pass for each in found) / 5000 == pytest.approx(rate, abs=0.02)
    for each in found:
        factor = 0.0980665 if "torque_unit" in each.data else 1.0
        assert (1.1 < each.data["torque"] * factor < 1.3) == each.is_pass
    assert 0.25 < sum("torque_unit" in each.data for each in found) / 5000 < 0.35
    assert 0.01 < sum("예비" in each.operator_id for each in found) / 5000 < 0.03
