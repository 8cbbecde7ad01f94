"""What should run of a unit in an environment. A decision writes it; targets and the gateway make it true."""

from dataclasses import dataclass

from andon.kernel.ids import EnvironmentName, UnitName, Version


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """One release that should be there: `instances` of it, taking `share` (0 to 1) of what arrives."""

    version: Version
    instances: int
    share: float


@dataclass(frozen=True, slots=True)
class Desired:
    """The whole of one unit in one environment. Releases that are not named should not run.

    `revision` rises with every change, so that an observer can say which one it has made true.
    The shares sum to 1, or are all 0 where nothing should be served.
    """

    unit: UnitName
    environment: EnvironmentName
    revision: int
    stable: Version | None
    releases: tuple[DesiredRelease, ...]

    def share_of(self, version: Version) -> float:
        """Share of `version`; 0 when it is not named."""
        return next((each.share for each in self.releases if each.version == version), 0.0)

    def instances_of(self, version: Version) -> int:
        """Instances of `version`; 0 when it is not named."""
        return next((each.instances for each in self.releases if each.version == version), 0)
