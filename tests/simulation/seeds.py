"""Stories that once broke a promise, with what they showed. They are kept as they were drawn."""

from andon.testing.simulation.story import Story
from andon.testing.simulation.weather import Lie, Weather

_QUICK = {"soak": "30s", "max_wait": "30s", "warm": "0s", "margin": 10.0, "steps": [0.5, 1.0]}
FAILED = {
    "an instance that the target named twice was counted twice": Story(
        seed=509,
        release="good",
        strategy="recreate",
        instances=3,
        faults=("target lies",),
        approvals=0,
        is_first=False,
        policy=_QUICK,
        weather=Weather(requests_per_second=50, lies=((Lie.REPEATS, (8.0, 20.0)),)),
    ),
}
