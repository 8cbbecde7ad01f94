"""A control process to be killed: `python -m bench.gateway.control FOLDER PORT STABLE CANDIDATE`."""

import asyncio
import sys
from pathlib import Path

from bench.gateway.rig import Control, Instance


async def main(folder: str, port: str, stable: str, candidate: str) -> None:
    """Adopt the Envoy of the folder and move the weights without pause."""
    places = (Instance(None, int(stable)), Instance(None, int(candidate)))
    control = Control(Path(folder), places, (int(port),))
    await control.start()
    share = 0
    while True:
        share = (share + 100) % 1100
        await control.share(share)
        if share == 100:
            print("moving", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
