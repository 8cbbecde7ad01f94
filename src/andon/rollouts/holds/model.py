"""A hold: nothing deploys by itself to one unit in one environment. Facts, frozen."""

from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import EnvironmentName, UnitName, Version


@dataclass(frozen=True, slots=True)
class Hold:
    """Automation keeps its hands off this place, whatever the release, until a person releases it.

    version: what was gone back from; None where somebody holds the place for another reason. rollout: id of
    the one that was ended, or that goes back; empty where there is none.
    """

    unit: UnitName
    environment: EnvironmentName
    actor: str
    reason: str
    at: datetime
    version: Version | None = None
    rollout: str = ""
