"""`python -m bench.fleet`: a fleet at work and at its worst moment, by the real protocol over real HTTP.

1,000 agents report every 30 s and hold a long poll; then 10,000 stations ask at once, as after a power cut.
Each request is signed and checked. Beside it a bare FastAPI endpoint answers the same burst: the ratio of
requests per second of the server's CPU says what signature, identity, guard and fleet cost, on any machine.
"""

import argparse
import asyncio
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import psutil

from bench.fleet.agents import Answers, agents, burst, steady


@contextlib.contextmanager
def serving(*words: str) -> Iterator[tuple[int, psutil.Process, subprocess.Popen[str]]]:
    """A server process and its port; it ends when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.fleet.server", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield int(process.stdout.readline()), psutil.Process(process.pid), process
    finally:
        process.stdin.close()
        process.wait(60)


def cpu(process: psutil.Process) -> float:
    """Seconds of CPU that it has used."""
    used = process.cpu_times()
    return used.user + used.system


def say(what: str, answers: Answers) -> None:
    shown = ", ".join(f"{count} x {status}" for status, count in sorted(answers.statuses.items()))
    ms = " ".join(f"{name} {answers.quantile(part) * 1000:.1f}" for name, part in
                  (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)))  # fmt: skip
    print(f"{what}: {shown}; ms: {ms}")


def at_work(port: int, server: psutil.Process, wanted: argparse.Namespace) -> None:
    """Reports and long polls; measured from when all polls are held."""
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((cpu(server), time.perf_counter()))

    answers = asyncio.run(
        steady(port, agents(wanted.agents), every_s=wanted.every, seconds=wanted.seconds, begun=mark)
    )
    mark()
    (before, began), (after, ended) = marks
    took = ended - began
    say(f"steady, {wanted.agents} agents, a report every {wanted.every:g} s, {took:.0f} s", answers)
    print(f"  server: {(after - before) / took:.1%} of a core, {server.memory_info().rss >> 20} MiB")


def at_worst(port: int, server: psutil.Process, wanted: argparse.Namespace, what: str) -> float:
    """The burst; gives requests for each second of the server's CPU."""
    signing = time.perf_counter()
    requests = [each.poll() for each in agents(wanted.polls)]
    signed = time.perf_counter() - signing
    before = cpu(server)
    answers, took = asyncio.run(burst(port, requests, wanted.connections))
    used = cpu(server) - before
    say(
        f"{what}, {wanted.polls} polls over {wanted.connections} connections (signed in {signed:.1f} s)",
        answers,
    )
    rate = wanted.polls / used
    print(f"  {wanted.polls / took:.0f} requests/s, {used:.2f} s of CPU: {rate:.0f} requests per CPU second")
    return rate


def wave(port: int, process: subprocess.Popen[str], wanted: argparse.Namespace) -> None:
    """How long until the last of those who wait hears that its release changed."""

    async def all_told() -> Answers:
        some = agents(wanted.agents)
        waiting = asyncio.create_task(burst(port, [each.poll(have=1, wait=60) for each in some], len(some)))
        await asyncio.sleep(2)
        began = time.perf_counter()
        assert process.stdin
        process.stdin.write("1.0\n")
        process.stdin.flush()
        answers, _ = await waiting
        told = time.perf_counter() - began
        print(f"a wave: {len(answers.seconds)} stations that wait are told within {told:.2f} s")
        return answers

    say("  of them", asyncio.run(all_told()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two reports of an agent")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--polls", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="the same rates for less time")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.seconds, wanted.polls = 20.0, 3000
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    stations = str(max(wanted.agents, wanted.polls))
    with tempfile.TemporaryDirectory() as home, serving("fleet", home, stations) as (port, server, process):
        print(f"{stations} stations; the server begins with {server.memory_info().rss >> 20} MiB")
        at_work(port, server, wanted)
        fleet = at_worst(port, server, wanted, "burst")
        wave(port, process, wanted)
    with serving("bare") as (port, server, _):
        bare = at_worst(port, server, wanted, "bare FastAPI")
    print(f"ratio: {fleet / bare:.2f} of the requests per CPU second of a bare FastAPI endpoint")


if __name__ == "__main__":
    main()
