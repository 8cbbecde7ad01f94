"""Names that Envoy gives back in its statistics, and how to read them. Pure.

A name carries no dot, because Envoy's statistics are split at dots; a version's dots become underscores,
which no unit, environment or version contains.
"""

from dataclasses import dataclass

from andon.kernel.ids import EnvironmentName, UnitName, Version

CDS = "cds"  # keys of the cluster and of the listener document
LDS = "lds"
IDLE = "andon~idle"
_SLOT = "slot"


@dataclass(frozen=True, slots=True)
class ClusterName:
    """A release behind Envoy: its own cluster, or its failover slot while it is on trial."""

    unit: UnitName
    environment: EnvironmentName
    version: Version
    is_slot: bool = False

    def __str__(self) -> str:
        parts = [self.unit, self.environment, self.version.replace(".", "_")]
        return "~".join([*parts, _SLOT] if self.is_slot else parts)


def find_cluster(name: str) -> ClusterName | None:
    """The release that `name` stands for; None for a cluster that is not a release's."""
    parts = name.split("~")
    is_slot = len(parts) == 4 and parts[3] == _SLOT
    if len(parts) != 3 and not is_slot:
        return None
    return ClusterName(
        UnitName(parts[0]), EnvironmentName(parts[1]), Version(parts[2].replace("_", ".")), is_slot
    )


def route_name(unit: UnitName, environment: EnvironmentName) -> str:
    """Name of a listener, of its route configuration and of its statistics."""
    return f"{unit}~{environment}"


def rds(name: str) -> str:
    """Key of the route document of the listener `name`."""
    return f"rds/{name}"
