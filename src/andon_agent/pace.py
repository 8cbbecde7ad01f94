"""How long to wait: an interval with jitter, so that not all stations call at once; longer after failures."""

import random

FIRST_S, LONGEST_S = 1.0, 300.0


def jittered(interval_s: float, jitter: float, chance: random.Random) -> float:
    """The interval, longer or shorter by at most its part `jitter`."""
    return interval_s * (1 + jitter * (2 * chance.random() - 1))


class Backoff:
    """Waits after failures in a row: 1, 2, 4 ... up to `longest_s`, each between its half and itself."""

    def __init__(self, chance: random.Random, longest_s: float = LONGEST_S) -> None:
        self._chance, self._longest_s = chance, longest_s
        self._failures = 0

    def again(self) -> None:
        """It worked."""
        self._failures = 0

    def failed(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait now. at_least_s: what the other side asked for, believed up to an hour."""
        whole = min(self._longest_s, FIRST_S * 2.0 ** min(self._failures, 40))
        self._failures += 1
        return max(whole * (0.5 + self._chance.random() / 2), min(at_least_s, 3600.0))
