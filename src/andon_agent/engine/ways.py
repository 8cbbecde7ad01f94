"""By which containers a release is made from what a station has: the fewest bytes. Pure but for what it asks.

A way is a chain of deltas, each from one release to the next, or the full package alone. The full package is
always a way, so that whatever goes wrong with a delta, the station is not stuck.
"""

import heapq
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from andon_agent.engine.ports import Named
from andon_wire.errors import WireError

LONGEST_CHAIN = 4
Names = Callable[[str], Mapping[str, Named]]  # of a version; raises WireError


@dataclass(frozen=True, slots=True)
class Hop:
    """One container. version: what it makes; base: what it needs, None for the full package."""

    version: str
    base: str | None
    container: Named


def bundle_of(platform: str) -> str:
    """Name of the full package."""
    return f"bundle-{platform}.andon"


def tree_of(platform: str) -> str:
    """Name of the manifest of the release's tree."""
    return f"tree-{platform}.json"


def contract_of(platform: str) -> str:
    """Name of what an agent must know to run it."""
    return f"application-{platform}.json"


def deltas_of(names: Mapping[str, Named], platform: str) -> Mapping[str, Named]:
    """The deltas of a release, by the version that they start from."""
    pattern = re.compile(rf"delta-{re.escape(platform)}-from-(.+)\.andon")
    return {found[1]: each for name, each in names.items() if (found := pattern.fullmatch(name))}


def full(version: str, names: Mapping[str, Named], platform: str) -> Sequence[Hop]:
    """The way that needs nothing; none where the release has no full package for this platform."""
    bundle = names.get(bundle_of(platform))
    return [] if bundle is None else [Hop(version, None, bundle)]


def cheapest(version: str, have: Sequence[str], names_of: Names, platform: str) -> Sequence[Hop]:
    """The way with the fewest bytes; empty where there is none.

    have: versions that are here; the first is preferred among equals.

    Raises:
        WireError: as `names_of` does for `version`; an older release that cannot be asked is no way.
    """
    best = full(version, names_of(version), platform)
    most = sum(each.container.size for each in best) if best else None
    waiting: list[tuple[int, int, str, tuple[Hop, ...]]] = [(0, 0, version, ())]
    seen: set[str] = set()
    order = 0
    while waiting:
        size, _, at, hops = heapq.heappop(waiting)
        if most is not None and size >= most:
            break
        if at in have:
            return hops
        if at in seen or len(hops) == LONGEST_CHAIN:
            continue
        seen.add(at)
        for base, delta in sorted(deltas_of(_asked(names_of, at, version), platform).items()):
            order += 1
            heapq.heappush(waiting, (size + delta.size, order, base, (Hop(at, base, delta), *hops)))
    return best


def _asked(names_of: Names, at: str, version: str) -> Mapping[str, Named]:
    try:
        return names_of(at)
    except WireError:
        if at == version:
            raise
        return {}
