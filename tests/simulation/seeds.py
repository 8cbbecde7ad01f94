"""Stories that once broke a promise, with what they showed. They are kept as they were drawn."""

from andon.testing.simulation.people import abort, roll_back
from andon.testing.simulation.story import Story
from andon.testing.simulation.weather import Lie, Weather

_QUICK = {"soak": "30s", "max_wait": "30s", "warm": "0s", "margin": 10.0, "steps": [0.5, 1.0]}
FAILED = {
    "a return while the stable release stopped started the candidate that was not there yet": Story(
        seed=101284,
        release="good",
        strategy="recreate",
        instances=3,
        faults=("clicks",),
        approvals=0,
        is_first=False,
        policy=_QUICK,
        weather=Weather(requests_per_second=50),
        deeds=((3.7, abort),),
    ),
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
    "a person took back a rollout that was held, and a machine deployed there again": Story(
        seed=673,
        release="good",
        strategy="blue-green",
        instances=3,
        faults=("clicks", "stable ill"),
        approvals=0,
        is_first=False,
        policy={"soak": "3s", "max_wait": "60s", "warm": "5s", "margin": 3.0, "require_evidence": True},
        weather=Weather(requests_per_second=5, stable_ill=(12.0, 1012.0)),
        deeds=((90.0, roll_back),),
    ),
}
