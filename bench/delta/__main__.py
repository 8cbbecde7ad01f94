"""`python -m bench.delta --kept FOLDER`: what updating real bundles costs, by each way of doing it.

Real frozen applications are made once and stay in the folder (about 3 GB with their venvs). Figures are of
this run on this machine: read the ratios to tufup, which is measured in the same run. `--quick` does it with
small generated trees, downloads nothing, and judges nothing.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.delta import bars, bundles, quick, tools
from bench.delta.figures import Figure, Place, measure, prepare, ways
from bench.delta.ways import archive


def main() -> int:
    """Measure, print, say whether the bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.delta", description=__doc__)
    parser.add_argument(
        "--kept", type=Path, default=Path.home() / ".cache/andon-bench-delta", metavar="FOLDER"
    )
    parser.add_argument("--quick", action="store_true", help="small generated trees instead of real bundles")
    parser.add_argument("--only", default="", help="pairs whose name contains it: app, patch, minor, windows")
    parser.add_argument("--ways", default="", help="ways whose name contains it, and tufup")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-delta-") as name:
        if chosen.quick:
            place = Place(Path(name), None, chosen.kept / "tools")
            _pair("quick", *quick.make(Path(name)), place, chosen.ways)
            return 0
        missed = 0
        tufup = bundles.environment(chosen.kept / "venvs" / "tufup", ["tufup==0.10.0"])
        for pair in bundles.PAIRS:
            if chosen.only in pair.name:
                place = Place(Path(name) / pair.name, tufup, chosen.kept / "tools")
                place.room.mkdir()
                found = _pair(pair.name, pair.old(chosen.kept), pair.new(chosen.kept), place, chosen.ways)
                missed += bars.judge(pair.name, found)
                shutil.rmtree(place.room)
    return 1 if missed else 0


def _pair(name: str, old: Path, new: Path, place: Place, only: str) -> Sequence[Figure]:
    """Measure all ways on a pair; the archives that they start from are removed again."""
    chosen = [each for each in ways(place) if only in each or each == "tufup"]
    if not tools.xdelta3(place.tools):
        print("xdelta3 cannot be had here: left out", file=sys.stderr)
        chosen = [each for each in chosen if "xdelta3" not in each]
    prepare(old, new)
    try:
        bars.head(name)
        found: list[Figure] = []
        for each in chosen:
            found.append(measure(each, old, new, place))
            bars.show(found[-1], found[0])
        return found
    finally:
        archive(old).unlink(missing_ok=True)
        archive(new).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
