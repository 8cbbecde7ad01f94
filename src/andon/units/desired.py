"""What should run of a unit in an environment. A decision writes it; targets and the gateway make it true."""

from dataclasses import dataclass
from enum import StrEnum

from andon.kernel.ids import EnvironmentName, UnitName, Version


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """One release that should be there: `instances` of it, taking `share` (0 to 1) of what arrives."""

    version: Version
    instances: int
    share: float


class MatchKind(StrEnum):
    """Where a request says that it belongs to an A/B group."""

    HEADER = "header"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Match:
    """Requests whose header or cookie `name` has exactly this value."""

    kind: MatchKind
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Routing:
    """What is routed beside the shares. All of it goes to the release on trial, the one that is not stable.

    matches: requests that meet any of these go to it, whatever the shares say. mirror: part (0 to 1) of the
    requests to the stable release that are sent to it as well, while its answers are dropped. has_preview: it
    can be reached by a request that asks for its version, before it has any share. None of these requests
    are evidence for a comparison by share: nobody drew them.
    """

    matches: tuple[Match, ...] = ()
    mirror: float = 0.0
    has_preview: bool = False


NO_ROUTING = Routing()


@dataclass(frozen=True, slots=True)
class Desired:
    """The whole of one unit in one environment. Releases that are not named should not run.

    `revision` rises with every change, so that an observer can say which one it has made true.
    The shares sum to 1, or are all 0 where nothing should be served. releases: the former first, so that the
    one that came last stands last.
    """

    unit: UnitName
    environment: EnvironmentName
    revision: int
    stable: Version | None
    releases: tuple[DesiredRelease, ...]
    routing: Routing = NO_ROUTING

    def share_of(self, version: Version) -> float:
        """Share of `version`; 0 when it is not named."""
        return next((each.share for each in self.releases if each.version == version), 0.0)

    def instances_of(self, version: Version) -> int:
        """Instances of `version`; 0 when it is not named."""
        return next((each.instances for each in self.releases if each.version == version), 0)
