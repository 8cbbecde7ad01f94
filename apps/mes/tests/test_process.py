"""The real process: it becomes ready, answers what is in flight when told to stop, and exits with 0."""

import asyncio
import contextlib
import random
import signal
import socket
import sys
from os import environ

import httpx


def free_port():
    """One that nothing listens on, below those that the kernel gives to connections: one must not take it."""
    while True:
        port = random.SystemRandom().randint(10_000, 19_999)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def test_sigterm_finishes_requests_in_flight_and_exits_with_0(database_path, credentials):
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "andon_mes", "serve", "--port", str(port)),
        env={**environ, "ANDON_MES_DATABASE": str(database_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        headers = {"Authorization": f"Bearer {credentials['line_lead']}"}
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=60, headers=headers) as client:
            await until_ready(client, process)
            asked = [
                asyncio.create_task(client.post("/api/v1/lots", json={"target_quantity": 1}))
                for _ in range(20)
            ]
            await asked[0]
            process.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*asked, return_exceptions=True)
        log = await process.stdout.read()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    answered = [each.status_code for each in answers if isinstance(each, httpx.Response)]
    assert set(answered) == {201}
    assert b'"event": "Shutting down"' in log


async def until_ready(client, process):
    async with asyncio.timeout(60):
        while True:
            assert process.returncode is None, "it ended before it was ready"
            try:
                if (await client.get("/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)
