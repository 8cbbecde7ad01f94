"""Which containers to download, in which order: a full package, one delta, or several in a row."""

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from andon_wire.names import bases, bundle_of

MOST_LINKS = 4  # for each but the last a whole tree is made on the way
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


Offers = Callable[[str], Iterable[Offer]]  # those that make a version


def offers(version: str, sizes: Mapping[str, int], platform: str) -> Sequence[Offer]:
    """The containers among the artifacts of a release. sizes: bytes, by name."""
    whole = bundle_of(platform)
    found = [Offer(whole, None, version, sizes[whole])] if whole in sizes else []
    deltas = bases(sizes, platform).items()
    return found + [Offer(name, base, version, sizes[name]) for base, name in deltas]


def plan_chain(
    want: str, have: Collection[str], offers_of: Offers, *, most: int = MOST_LINKS
) -> Sequence[Offer] | None:
    """The cheapest way from one of `have`, or from nothing, to `want`; None where there is none.

    It is a full package where no chain of at most `most` containers is cheaper; empty where `want` is there.
    It is looked for from its end, so that `offers_of` is asked of `want`, and of an older version only while
    a way through it may still be the cheapest. What failed once is left out by the caller. The same offers
    give the same plan, in any order.

    Raises: as `offers_of`.
    """
    waiting: list[tuple[int, int, tuple[str, ...], str | None, tuple[Offer, ...]]] = [(0, 0, (), want, ())]
    fewest: dict[str | None, int] = {}  # links of a way at most as dear, by where it begins
    while waiting:
        cost, links, names, at, taken = heapq.heappop(waiting)
        if at is None or at in have:
            return taken
        if links == most or fewest.get(at, most) <= links:
            continue
        fewest[at] = links
        for each in offers_of(at):
            dearer = cost + each.size_bytes + (LINK_BYTES if links else 0)
            order = (f"{each.new}/{each.name}", *names)
            heapq.heappush(waiting, (dearer, links + 1, order, each.old, (each, *taken)))
    return None
