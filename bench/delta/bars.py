"""The table, and what has to hold (shared/design/DELTA.md); all of it as ratios to tufup in the same run."""

from collections.abc import Callable, Mapping, Sequence

from bench.delta.figures import TUFUP, Cost, Figure

OURS, PLAIN = "andon: hdiff and rebase", "andon: hdiff"
MOST_APPLY_BYTES = 160 << 20

_Ratio = Callable[[Figure], float]
_SIZE: _Ratio = lambda each: each.size_bytes  # noqa: E731  a column each
_MAKE: _Ratio = lambda each: each.make.cpu_seconds  # noqa: E731
_APPLY: _Ratio = lambda each: each.apply.cpu_seconds  # noqa: E731
_PEAK: _Ratio = lambda each: each.apply.peak_bytes  # noqa: E731

BARS: Mapping[str, Sequence[tuple[str, str, _Ratio, float]]] = {
    "app": [
        (OURS, "size", _SIZE, 0.45),
        (OURS, "make", _MAKE, 1 / 60),
        (OURS, "apply", _APPLY, 1 / 100),
        (OURS, "apply memory", _PEAK, 1 / 20),
    ],
    "patch": [
        (PLAIN, "size", _SIZE, 0.75),
        (PLAIN, "make", _MAKE, 1 / 8),
        (PLAIN, "apply", _APPLY, 1 / 25),
        (OURS, "size", _SIZE, 0.40),
        (OURS, "apply", _APPLY, 1 / 15),
    ],
    "minor": [(OURS, "size", _SIZE, 0.62), (OURS, "apply", _APPLY, 1 / 15)],
}


def head(pair: str) -> None:
    """The columns."""
    columns = ("way", "size", "of it", "make CPU s", "wall s", "MiB", "apply CPU s", "wall s", "MiB", "of it")
    print(f"\n{pair}\n" + _row(columns), flush=True)


def show(figure: Figure, first: Figure) -> None:
    """A row; ratios are to the first way, tufup where it was measured."""
    ratio = figure.size_bytes / first.size_bytes
    speed = figure.apply.cpu_seconds / first.apply.cpu_seconds
    columns = (
        figure.way,
        f"{figure.size_bytes:,}",
        f"{ratio:.3f}",
        *_cost(figure.make),
        *_cost(figure.apply),
    )
    print(_row((*columns, f"{speed:.3f}")), flush=True)


def _cost(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.cpu_seconds:.1f}", f"{cost.wall_seconds:.1f}", f"{cost.peak_bytes >> 20}"


def _row(columns: Sequence[str]) -> str:
    return f"{columns[0]:<26}" + "".join(f"{each:>13}" for each in columns[1:])


def judge(pair: str, found: Sequence[Figure]) -> int:
    """Say of each bar whether it is met; how many are not."""
    by = {each.way: each for each in found}
    if TUFUP not in by:
        return 0
    missed = 0
    for way, what, of, bar in BARS.get(pair, ()):
        if way in by:
            ratio = of(by[way]) / of(by[TUFUP])
            missed += ratio > bar
            print(f"  {way}: {what} {ratio:.4f} of tufup's, at most {bar:.4f}: {_word(ratio <= bar)}")
    if OURS in by:
        peak = by[OURS].apply.peak_bytes
        missed += peak > MOST_APPLY_BYTES
        print(f"  {OURS}: apply takes {peak >> 20} MiB, at most 160: {_word(peak <= MOST_APPLY_BYTES)}")
    return missed


def _word(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
