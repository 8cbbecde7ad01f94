"""What deaths cost: of the candidate, of the control process, of Envoy itself."""

import asyncio
import os
import random
import signal
import sys
import time

from bench.gateway.figures import Figure, Size, none_failed, quantile, settle
from bench.gateway.load import Load, Tally
from bench.gateway.rig import CANDIDATE, Instance, Rig


async def killed_candidate(made: Rig, size: Size) -> list[Figure]:
    """kill -9 of the candidate's only instance at half of the traffic; then to share 0 by its counts."""
    await made.share(500)
    scraper = made.scraper()
    async with Load(made.port, size.connections) as tally:
        await settle(tally, size.requests // 5)
        await made.candidate.kill()
        died = time.perf_counter()
        for _ in range(100):
            counts = {key[2]: each for key, each in (await scraper.scrape()).releases.items()}
            if counts[CANDIDATE].errors >= 5:
                break
            await asyncio.sleep(0.1)
        noticed = time.perf_counter() - died
        await made.share(0)
        returned = time.perf_counter() - died
        await settle(tally, size.requests - size.requests // 5)
    made.candidate = await Instance.start("candidate")
    await made.share(0)
    return [
        none_failed("candidate killed", tally),
        Figure("its 5th error seen, scraping each 100 ms", f"{noticed * 1000:.0f} ms"),
        Figure("death to share 0 acknowledged", f"{returned * 1000:.0f} ms", "<= 500 ms", returned <= 0.5),
    ]


async def killed_instances(made: Rig, size: Size) -> list[Figure]:
    """kill -9 of one of two instances of the stable release, again and again; the next has another port.

    Andon is told some time later, so that the gateway meets the dead one first.
    """
    spare = await Instance.start("stable")
    try:
        await made.instances([made.stable.port, spare.port])
        async with Load(made.port, size.connections) as tally:
            for _ in range(size.deaths):
                await settle(tally, size.between)
                await made.stable.kill()
                await asyncio.sleep(random.choice((0, 0.05, 0.2)))
                await made.instances([spare.port])
                made.stable, spare = spare, await Instance.start("stable")
                await made.instances([made.stable.port, spare.port])
            await settle(tally, size.between)
        await made.instances([made.stable.port])
    finally:
        await spare.kill()
    await made.share(0)
    return [none_failed(f"one of two instances killed {size.deaths} times", tally)]


async def killed_control(made: Rig, size: Size) -> list[Figure]:
    """kill -9 of processes that move the weights without pause, and others that take over."""
    await made.share(0)
    await made.let_go()
    ports = (made.port, made.stable.port, made.candidate.port)
    command = ("-m", "bench.gateway.control", str(made.folder), *map(str, ports))
    async with Load(made.port, size.connections) as tally:
        for _ in range(size.kills):
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            while b"moving" not in await process.stdout.readline():
                assert process.returncode is None
            await asyncio.sleep(random.uniform(0.05, 0.3))
            process.kill()
            await process.wait()
            await settle(tally, size.requests // size.kills)
        await made.take_over()
        await made.share(0)
    return [none_failed(f"control process killed {size.kills} times amid changes", tally)]


async def crashed_envoy(made: Rig, size: Size) -> list[Figure]:
    """kill -9 of Envoy, again and again. The gap between two good answers is the time without service."""
    gaps, is_same = [], True
    for _ in range(size.crashes):
        await made.let_go()
        await made.take_over()  # an Andon that has not seen Envoy die lately
        await asyncio.sleep(random.uniform(0, 0.5))
        async with Load(made.port, 2) as tally:
            await settle(tally, 50)
            tally.longest_gap, files = 0.0, made.documents()
            os.kill(made.pid(), signal.SIGKILL)
            gaps.append(await _gap(tally))
        is_same = is_same and made.documents() == files
    return [
        Figure(
            f"Envoy crashed {size.crashes} times: time without service (p50/max)",
            f"{quantile(gaps, 0.5):.2f} / {max(gaps):.2f} s",
        ),
        Figure("its documents afterwards", "the same bytes" if is_same else "others", "the same", is_same),
    ]


async def _gap(tally: Tally) -> float:
    async with asyncio.timeout(30):
        while tally.failed == 0:
            await asyncio.sleep(0.005)
    before = sum(tally.answers.values())
    async with asyncio.timeout(30):
        while sum(tally.answers.values()) < before + 20:
            await asyncio.sleep(0.005)
    return tally.longest_gap
