"""Names that Envoy gives back in its statistics, and how to read them. Pure.

A name carries no dot, because Envoy's statistics are split at dots; a version's dots become underscores,
which no unit, environment or version contains.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from andon.kernel.ids import EnvironmentName, UnitName, Version

CDS = "cds"  # keys of the cluster and of the listener document
LDS = "lds"
IDLE = "andon~idle"


class Role(StrEnum):
    """What a cluster of a release is for. Each has its own, so that their requests are counted apart.

    A slot stands in front of another cluster of the release on trial, and falls back on the stable one.
    """

    DRAWN = ""  # by share
    SLOT = "slot"
    MATCHED = "matched"  # by header or cookie
    MATCHED_SLOT = "matched-slot"
    MIRRORED = "mirrored"
    PREVIEWED = "previewed"


_SPELLED = frozenset(each for each in Role if each)
_BEHIND = {Role.SLOT: Role.DRAWN, Role.MATCHED_SLOT: Role.MATCHED}


@dataclass(frozen=True, slots=True)
class ClusterName:
    """A release behind Envoy, in one of its roles."""

    unit: UnitName
    environment: EnvironmentName
    version: Version
    role: Role = Role.DRAWN

    def __str__(self) -> str:
        parts = [self.unit, self.environment, self.version.replace(".", "_")]
        return "~".join([*parts, self.role] if self.role else parts)

    @property
    def is_slot(self) -> bool:
        """Whether it stands in front of another one, which has the instances."""
        return self.role in _BEHIND

    @property
    def own(self) -> Self:
        """The cluster that has the release's instances: itself, or the one behind a slot."""
        return replace(self, role=_BEHIND.get(self.role, self.role))


def find_cluster(name: str) -> ClusterName | None:
    """The release that `name` stands for; None for a cluster that is not a release's."""
    unit, *rest = name.split("~")
    if not 2 <= len(rest) <= 3 or (len(rest) == 3 and rest[2] not in _SPELLED):
        return None
    role = Role(rest[2]) if len(rest) == 3 else Role.DRAWN
    return ClusterName(UnitName(unit), EnvironmentName(rest[0]), Version(rest[1].replace("_", ".")), role)


def route_name(unit: UnitName, environment: EnvironmentName) -> str:
    """Name of a listener, of its route configuration and of its statistics."""
    return f"{unit}~{environment}"


def rds(name: str) -> str:
    """Key of the route document of the listener `name`."""
    return f"rds/{name}"


def redirect_name(name: str) -> str:
    """Name of the listener that sends requests without TLS to the listener `name`."""
    return f"{name}~redirect"


def sds(name: str) -> str:
    """Name of the certificate of the listener `name`, and of its file without the ending."""
    return f"sds/{name}"
