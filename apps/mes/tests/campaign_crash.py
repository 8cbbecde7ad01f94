"""kill -9 under load: `python -m pytest tests/campaign_crash.py`; ANDON_MES_CRASHES is how often (20).

Stations keep asking with the same key until they are answered. Afterwards each event is there exactly once.
"""

import asyncio
import random
import sqlite3
import sys
from os import environ
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent))
from test_process import free_port, until_ready

CRASHES = int(environ.get("ANDON_MES_CRASHES", "20"))
STATIONS = 8


async def test_no_event_is_lost_or_doubled_by_kill_9(database_path, credentials):
    port, chance = free_port(), random.Random(CRASHES)
    over = asyncio.Event()

    async def serve():
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "andon_mes", "serve", "--port", str(port)),
            env={**environ, "ANDON_MES_DATABASE": str(database_path)},
            stdout=asyncio.subprocess.DEVNULL,
        )

    async def insist(client, path, body, key):
        while True:
            try:
                answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code < 500
            return answer.json()["data"]

    async def station(name):
        """Make a lot of one serial, start it, complete it; count what was answered."""
        done = 0
        headers = {"Authorization": f"Bearer {credentials['line_lead']}"}
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=5, headers=headers) as client:
            while not over.is_set():
                key = f"{name}-{done}"
                lot = await insist(client, "/api/v1/lots", {"target_quantity": 1}, f"{key}-lot")
                made = await insist(
                    client, f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": 1}, f"{key}-serial"
                )
                with sqlite3.connect(database_path, timeout=10) as connection:
                    connection.execute("update lots set status = 'RELEASED' where id = ?", (lot["id"],))
                who = {
                    "serial_number": made["serials"][0]["serial_number"],
                    "process_code": "SPRING",
                    "operator_id": name,
                    "timestamp": "2025-11-10T12:00:00+09:00",
                }
                await insist(client, "/api/v1/process/start", who, f"{key}-start")
                await insist(client, "/api/v1/process/complete", {**who, "is_pass": True}, f"{key}-complete")
                done += 1
        return done

    process = await serve()
    stations = [asyncio.create_task(station(f"S{number}")) for number in range(STATIONS)]
    for _ in range(CRASHES):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until_ready(client, process)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        process.kill()
        await process.wait()
        process = await serve()
    over.set()
    done = sum(await asyncio.gather(*stations))
    process.terminate()
    assert await process.wait() == 0
    with sqlite3.connect(database_path) as connection:
        rows = connection.execute("select count(*), max(completion_seq) from process_data").fetchone()
        lots = connection.execute("select count(*), max(sequence) from lots").fetchone()
        open_rows = connection.execute("select count(*) from process_data where is_pass is null").fetchone()
    assert done > CRASHES
    assert (rows, lots, open_rows) == ((done, done), (done, done), (0,))
