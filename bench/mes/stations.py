"""Stations that start and complete their serials over HTTP, one connection each, in a process of their own.

`python -m bench.mes.stations PORT TOKEN SECONDS < serials`: a line of serials for each station. It prints how
many pairs of start and completion were answered, and their latencies, as JSON. Written on bare streams: what
the client takes of the machine is taken from the server.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

ROUTE = ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK")


async def station(port: int, token: str, serials: list[str], until: float) -> list[float]:
    """The seconds that each pair took; every answer must be a success."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"HTTP/1.1\r\nHost: mes\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    async def post(path: str, body: dict[str, object], key: str) -> None:
        content = json.dumps(body).encode()
        lines = f"POST {path} {head}Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(lines.encode() + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        low = answer.lower()
        length = int(low[low.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        said = await reader.readexactly(length)
        if answer[9:11] != b"20":
            raise RuntimeError(f"{path}: {answer[:80]!r} {said!r}")

    took = []
    for serial in serials:
        for process in ROUTE:
            if time.monotonic() > until:
                writer.close()
                return took
            who = {
                "serial_number": serial,
                "process_code": process,
                "operator_id": "OP-1",
                "equipment_id": "E-1",
                "timestamp": datetime.now(UTC).isoformat(),
            }
            done = {
                "is_pass": True,
                "cycle_time": 58.2,
                "process_specific_data": {"torque": 1.21, "assembly_complete": True},
            }
            began = time.monotonic()
            await post("/api/v1/process/start", who, f"{serial}-{process}-s")
            await post("/api/v1/process/complete", {**who, **done}, f"{serial}-{process}-c")
            took.append(time.monotonic() - began)
    raise RuntimeError("the serials were used up before the time")


async def run(port: int, token: str, seconds: float, lines: list[str]) -> None:
    until = time.monotonic() + seconds
    found = await asyncio.gather(*(station(port, token, line.split(), until) for line in lines))
    print(json.dumps([each for of in found for each in of]))


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.stdin.read().splitlines()))
