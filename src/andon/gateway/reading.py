"""What a route configuration that was made here says: read back from the document that is in force. Pure."""

from collections.abc import Iterator
from typing import Any

from andon.gateway.model import Beside
from andon.gateway.names import ClusterName, Role, find_cluster
from andon.kernel.ids import Version

Json = dict[str, Any]
_BESIDE = {
    Role.MATCHED_SLOT: Beside.MATCHED,
    Role.MIRRORED: Beside.MIRRORED,
    Role.PREVIEWED: Beside.PREVIEWED,
}


def weights_in(configuration: Json) -> dict[Version, int]:
    """The weights that it puts in force; empty when it answers 503."""
    weighted = next((each for each in _actions(configuration) if "weighted_clusters" in each), {})
    clusters = weighted.get("weighted_clusters", {}).get("clusters", [])
    names = [(find_cluster(each["name"]), each["weight"]) for each in clusters]
    return {name.version: weight for name, weight in names if name is not None}


def clusters_in(configuration: Json) -> set[str]:
    """Names of the clusters that it refers to."""
    return {str(name) for name, _ in _references(configuration)}


def receiving_in(configuration: Json) -> set[str]:
    """Names of the clusters with instances that it sends requests to, drawn or not."""
    return {str(name.own) for name, weight in _references(configuration) if weight > 0}


def beside_in(configuration: Json) -> frozenset[Beside]:
    """What the release on trial gets beside its weight."""
    return frozenset(_BESIDE[name.role] for name, _ in _references(configuration) if name.role in _BESIDE)


def _actions(configuration: Json) -> Iterator[Json]:
    for each in configuration["virtual_hosts"][0]["routes"]:
        yield each.get("route", {})


def _references(configuration: Json) -> Iterator[tuple[ClusterName, int]]:
    """Every cluster that a route names, with its weight where it has one, else 1."""
    for action in _actions(configuration):
        clusters = action.get("weighted_clusters", {}).get("clusters", [])
        named = [(each["name"], each["weight"]) for each in clusters]
        named += [(action["cluster"], 1)] if "cluster" in action else []
        if "request_mirror_policies" in action:
            named += [
                (added["header"]["value"], 1)
                for each in clusters
                for added in each.get("request_headers_to_add", [])
            ]
        yield from ((found, weight) for name, weight in named if (found := find_cluster(name)) is not None)
