"""Which containers to download, in which order: a full package, one delta, or several in a row."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

MOST_LINKS = 8
LINK_BYTES = (
    256 << 10
)  # what each container after the first is taken to cost beside its bytes: time to apply it


@dataclass(frozen=True, slots=True)
class Offer:
    """A container that may be had. old, new: versions as the caller names them; a full package has no old."""

    name: str
    old: str | None
    new: str
    size_bytes: int


_Way = tuple[int, int, tuple[str, ...], int, str | None, tuple[Offer, ...]]


def plan_chain(
    offers: Iterable[Offer], have: str | None, want: str, *, most: int = MOST_LINKS
) -> Sequence[Offer] | None:
    """The cheapest way from `have` (None: nothing is installed) to `want`; None where there is none.

    It is a full package where no chain of at most `most` deltas is smaller; empty where `want` is there. What
    failed once is left out of `offers` by the caller. The same offers give the same plan, in any order.
    """
    if have == want:
        return ()
    ways = _by_old(offers)
    starts = (have, None) if have is not None else (None,)
    number = count()  # no two ways are compared by where they lead
    waiting: list[_Way] = [(0, 0, (), next(number), start, ()) for start in starts]
    best: dict[tuple[str | None, int], int] = {}
    while waiting:
        cost, links, names, _, at, taken = heapq.heappop(waiting)
        if at == want:
            return taken
        if links == most or best.setdefault((at, links), cost) < cost:
            continue
        for each in ways.get(at, []):
            extra = each.size_bytes + (LINK_BYTES if links else 0)
            way = (cost + extra, links + 1, (*names, each.name), next(number), each.new, (*taken, each))
            heapq.heappush(waiting, way)
    return None


def _by_old(offers: Iterable[Offer]) -> Mapping[str | None, Sequence[Offer]]:
    found: dict[str | None, list[Offer]] = {}
    for each in sorted(offers, key=lambda each: (each.size_bytes, each.name)):
        found.setdefault(each.old, []).append(each)
    return found
