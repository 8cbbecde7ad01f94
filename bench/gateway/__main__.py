"""`python -m bench.gateway [--quick]`: the gateway's figures beside their bars; exit 1 if one is missed."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.gateway.cost import cost
from bench.gateway.faults import crashed_envoy, killed_candidate, killed_control, killed_instances
from bench.gateway.figures import FULL, QUICK, Figure, Size
from bench.gateway.rig import rig
from bench.gateway.switching import many_services, streams_survive, switches_under_load

_PARTS = (
    *(switches_under_load, streams_survive),
    *(killed_candidate, killed_instances, killed_control, crashed_envoy),
    cost,
)


async def measure(size: Size, only: str) -> list[Figure]:
    """All figures, one after another on one rig; `only`: those of the parts whose name contains it."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        async with rig(Path(name)) as made:
            for part in _PARTS:
                if only in part.__name__:
                    _show(found := await part(made, size))
                    figures += found
    if only in many_services.__name__:
        _show(found := await many_services(size))
        figures += found
    return figures


def _show(figures: list[Figure]) -> None:
    for each in figures:
        verdict = "" if each.is_met is None else ("met" if each.is_met else "MISSED")
        print(f"{each.what:<75}  {each.value:<36} {each.bar:<16} {verdict}".rstrip(), flush=True)


def main() -> int:
    """Measure, print, say whether every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer changes and rounds")
    parser.add_argument("--only", default="", help="parts whose name contains it, such as crash")
    chosen = parser.parse_args()
    figures = asyncio.run(measure(QUICK if chosen.quick else FULL, chosen.only))
    return 0 if all(each.is_met is not False for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
