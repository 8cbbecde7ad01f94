"""One route as an Envoy route configuration: weights, stickiness, retries, timeouts. Pure.

What is not here: clusters and listeners (`render.py`).
"""

from typing import Any

from andon.gateway.model import Backend, Route
from andon.gateway.names import ClusterName, find_cluster, route_name
from andon.kernel.ids import Version

COOKIE = "andon_session"
SESSION_HEADER = "x-andon-session"  # a fresh id on every request, set before routing (render.py)
TOTAL_WEIGHT = 1000

_ALWAYS = "connect-failure,refused-stream,reset-before-request"
# A 500 is never retried: it is the release's own answer, and stays visible and counted.
_REPEATABLE = f"{_ALWAYS},reset,gateway-error"
_SAFE_METHOD = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS"}}}
_KEYED = {"name": "idempotency-key", "present_match": True}
_EVENTS = {"name": "accept", "string_match": {"contains": "text/event-stream"}}
_HAS_COOKIE = {"name": "cookie", "string_match": {"safe_regex": {"regex": rf"(?:.*[; ])?{COOKIE}=[^;]+.*"}}}

_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_PRIORITIES = (
    "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
)
_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


_Session = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]


def serving(route: Route) -> tuple[Backend, ...]:
    """The backends that have an endpoint, stable ones first (a fixed order keeps sessions in place)."""
    ready = [each for each in route.backends if each.endpoints]
    return tuple(sorted(ready, key=lambda each: each.is_candidate))


def cluster_of(route: Route, backend: Backend) -> ClusterName:
    """Where the requests meant for `backend` go: a candidate's slot, or the release's own cluster."""
    return ClusterName(route.unit, route.environment, backend.version, is_slot=backend.is_candidate)


def route_configuration(route: Route) -> dict[str, Any]:
    """The RDS resource of `route`; one that answers 503 when nothing has a weight."""
    name = route_name(route.unit, route.environment)
    backends = serving(route)
    host: dict[str, Any] = {"name": name, "domains": ["*"]}
    if sum(each.weight for each in backends) == 0:
        host["routes"] = [_nothing_ready(route)]
    else:
        host["retry_policy"] = _retry_policy(_ALWAYS)
        host["routes"] = _routes(route, backends)
    return {
        "@type": _TYPE,
        "name": name,
        "virtual_hosts": [host],
        # Without it a route to an unknown cluster is accepted and answers 503.
        "validate_clusters": True,
    }


def weights_in(configuration: dict[str, Any]) -> dict[Version, int]:
    """The weights that a route configuration made here puts in force; empty when it answers 503."""
    first = configuration["virtual_hosts"][0]["routes"][0]
    clusters = first.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    names = [(find_cluster(each["name"]), each["weight"]) for each in clusters]
    return {name.version: weight for name, weight in names if name is not None}


def clusters_in(configuration: dict[str, Any]) -> dict[str, int]:
    """Names of the clusters that a route configuration refers to, with their weights."""
    first = configuration["virtual_hosts"][0]["routes"][0]
    clusters = first.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    return {each["name"]: each["weight"] for each in clusters}


def _nothing_ready(route: Route) -> dict[str, Any]:
    body = f"No release of {route.unit} in {route.environment} is ready to serve.\n"
    return {
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": body}},
        "response_headers_to_add": [_header("retry-after", "1"), _header("content-type", "text/plain")],
    }


def _routes(route: Route, backends: tuple[Backend, ...]) -> list[dict[str, Any]]:
    """From the most special request to any; a session's cookie, where it counts, comes first."""
    kinds: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
        ([_EVENTS, _SAFE_METHOD], {"timeout": "0s", "retry_policy": _retry_policy(_REPEATABLE)}),
        ([_SAFE_METHOD], {"retry_policy": _retry_policy(_REPEATABLE)}),
        ([_KEYED], {"retry_policy": _retry_policy(_REPEATABLE)}),
        ([], {}),
    ]
    clusters = [{"name": str(cluster_of(route, each)), "weight": each.weight} for each in backends]
    made = []
    for session_match, session_action, session_rest in _sessions(sticky=route.sticky):
        for headers, special in kinds:
            weighted: dict[str, Any] = {"clusters": clusters}
            if route.sticky:
                weighted["use_hash_policy"] = True
            action = {"timeout": duration(route.timeout.total_seconds()), "weighted_clusters": weighted}
            match: dict[str, Any] = {"prefix": "/"}
            if wanted := [*session_match, *headers]:
                match["headers"] = wanted
            made.append({"match": match, "route": action | session_action | special, **session_rest})
    return made


def _sessions(*, sticky: bool) -> list[_Session]:
    """(match, addition to the action, addition to the route) for requests with and without a session.

    A request without one is hashed by the fresh id that becomes its cookie, with the same hash function,
    so that the first answer already comes from the release that the session will stay on.
    """
    if not sticky:
        return [([], {}, {})]
    known: _Session = (
        [_HAS_COOKIE],
        {"hash_policy": [{"cookie": {"name": COOKIE}}]},
        {"request_headers_to_remove": [SESSION_HEADER]},
    )
    cookie = f"{COOKIE}=%REQ({SESSION_HEADER})%; Path=/; HttpOnly; SameSite=Lax"
    fresh: _Session = (
        [],
        {"hash_policy": [{"header": {"header_name": SESSION_HEADER}}]},
        {"response_headers_to_add": [_header("set-cookie", cookie, "APPEND_IF_EXISTS_OR_ADD")]},
    )
    return [known, fresh]


def _retry_policy(conditions: str) -> dict[str, Any]:
    """At most two more attempts: another priority (the stable release), another host."""
    return {
        "retry_on": conditions,
        "num_retries": 2,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {"@type": _PRIORITIES, "update_frequency": 1},
        },
        "retry_host_predicate": [
            {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": _HOSTS}}
        ],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
    }


def duration(seconds: float) -> str:
    """Protobuf's JSON form of a duration."""
    return f"{seconds:.3f}s"


def _header(key: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "append_action": action}
