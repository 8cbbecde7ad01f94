"""How many stations a fleet has, ring by ring, when a rollout begins: what waves are counted in. Pure.

A station that is pinned is not among them: it gets nothing, whatever the share.
"""

import math
from dataclasses import dataclass

from andon.kernel.errors import InvalidInput

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Census:
    """The stations of an environment. rings: name and stations, in the order in which waves open them.

    silent: of them, those that nobody has heard of lately. pinned: those that stay where they are, beside.
    """

    rings: tuple[tuple[str, int], ...]
    pinned: int = 0
    silent: int = 0

    @property
    def stations(self) -> int:
        """All that a share is taken of."""
        return sum(count for _, count in self.rings)

    def up_to(self, ring: str) -> int:
        """The stations of `ring` and of all rings before it.

        Raises:
            InvalidInput: there is no such ring.
        """
        names = [name for name, _ in self.rings]
        if ring not in names:
            known = ", ".join(names) or "none"
            raise InvalidInput(
                "no-such-ring", f"the fleet has no ring {ring!r}; it has {known}", hint="andon fleet rings"
            )
        return sum(count for _, count in self.rings[: names.index(ring) + 1])

    def count_of(self, share: float) -> int:
        """How many stations a share is: at least one, and all of them only at 1. As `fleet/assign.py`."""
        if share <= 0:
            return 0
        if share >= 1:
            return self.stations
        return max(1, math.floor(share * self.stations + _ROUNDING))

    def share_of(self, count: int) -> float:
        """The share that so many stations are."""
        return 1.0 if count >= self.stations else count / self.stations
