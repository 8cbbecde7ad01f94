"""What a sample of n from a normal distribution tells of its standard deviation.

Sources: ASTM E2587 (factors for control limits); Montgomery, Introduction to Statistical Quality
Control, 7th ed., appendix VI. d2 and d3 are the mean and the standard deviation of the range in units of
sigma, integrated from its distribution (five and four decimals; a test compares them with the tables).
c4 is exact.
"""

import math

LARGEST = 25
"""The largest subgroup that the tables know."""

_D2 = (
    1.12838, 1.69257, 2.05875, 2.32593, 2.53441, 2.70436, 2.84720, 2.97003,
    3.07751, 3.17287, 3.25846, 3.33598, 3.40676, 3.47183, 3.53198, 3.58788,
    3.64006, 3.68896, 3.73495, 3.77834, 3.81938, 3.85832, 3.89535, 3.93063,
)  # fmt: skip
_D3 = (
    0.8525, 0.8884, 0.8798, 0.8641, 0.8480, 0.8332, 0.8198, 0.8078,
    0.7971, 0.7873, 0.7785, 0.7704, 0.7630, 0.7562, 0.7499, 0.7441,
    0.7386, 0.7335, 0.7287, 0.7242, 0.7199, 0.7159, 0.7121, 0.7084,
)  # fmt: skip


def d2(n: int) -> float:
    """Mean of the range of n values, 2 to 25, in units of sigma."""
    return _D2[n - 2]


def d3(n: int) -> float:
    """Standard deviation of the range of n values, 2 to 25, in units of sigma."""
    return _D3[n - 2]


def c4(n: int) -> float:
    """Mean of the sample standard deviation of n values, in units of sigma."""
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
