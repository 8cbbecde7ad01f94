"""One route as an Envoy route configuration: weights, stickiness, retries, timeouts. Pure.

What is not here: clusters and listeners (`render.py`), what a release on trial gets beside its weight
(`aside.py`), features (`filters.py`), and reading a configuration back (`reading.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from andon.gateway.aside import cluster_for, matcher, mirror_mark, mirror_policies, preview_routes
from andon.gateway.filters import cached_header, duration, header, response_headers, turned_on
from andon.gateway.model import Backend, Features, Route
from andon.gateway.names import ClusterName, Role, route_name

COOKIE = "andon_session"
SESSION_HEADER = "x-andon-session"  # a fresh id on every request, set before routing (render.py)
TOTAL_WEIGHT = 1000

Json = dict[str, Any]

_ALWAYS = "connect-failure,refused-stream,reset-before-request"
# A 500 is never retried: it is the release's own answer, and stays visible and counted.
_REPEATABLE = f"{_ALWAYS},reset,gateway-error"
_SAFE_METHOD = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS"}}}
_KEYED = {"name": "idempotency-key", "present_match": True}
_EVENTS = {"name": "accept", "string_match": {"contains": "text/event-stream"}}
_UPGRADE = {"name": "upgrade", "present_match": True}
# A dead instance has nothing in flight, so of two hosts the least busy is it three times in four: with only 3
# draws more, as is usual, a retry met it again in a third of all cases. Two dead of three: 8/9 a draw.
_HOST_DRAWS = 128
_HAS_COOKIE = {"name": "cookie", "string_match": {"safe_regex": {"regex": rf"(?:.*[; ])?{COOKIE}=[^;]+.*"}}}

_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_PRIORITIES = (
    "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
)
_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Requests that are treated alike. `is_repeatable`: may be sent again after a failed answer."""

    headers: tuple[Json, ...] = ()
    is_repeatable: bool = False
    is_endless: bool = False
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True)
class _Session:
    """Requests with a session's cookie, or without: what they match, and what their routes add."""

    headers: tuple[Json, ...]
    action: Json
    rest: Json


@dataclass(frozen=True, slots=True)
class _Part:
    """Paths that begin with `prefix`, where no longer beginning fits."""

    prefix: str
    timeout: str
    is_cached: bool


def serving(route: Route) -> tuple[Backend, ...]:
    """The backends that have an endpoint, stable ones first (a fixed order keeps sessions in place)."""
    ready = [each for each in route.backends if each.endpoints]
    return tuple(sorted(ready, key=lambda each: each.is_candidate))


def cluster_of(route: Route, backend: Backend) -> ClusterName:
    """Where the requests drawn for `backend` go: a candidate's slot, or the release's own cluster."""
    role = Role.SLOT if backend.is_candidate else Role.DRAWN
    return ClusterName(route.unit, route.environment, backend.version, role)


def route_configuration(route: Route, *, is_modern: bool = True) -> Json:
    """The RDS resource of `route`; one that answers 503 when nothing has a weight.

    is_modern: for an Envoy of 1.40 or newer.
    """
    name = route_name(route.unit, route.environment)
    backends = serving(route)
    host: Json = {"name": name, "domains": ["*"]}
    if headers := response_headers(route):
        host["response_headers_to_add"] = headers
    if features := turned_on(route.features):
        host["typed_per_filter_config"] = features
    if sum(each.weight for each in backends) == 0:
        host["routes"] = [*preview_routes(route, _timeout(route)), _nothing_ready(route)]
    else:
        host["retry_policy"] = _retry_policy(_ALWAYS, route.features)
        host["routes"] = _routes(route, backends, is_modern=is_modern)
    return {
        "@type": _TYPE,
        "name": name,
        "virtual_hosts": [host],
        # Without it a route to an unknown cluster is accepted and answers 503.
        "validate_clusters": True,
    }


def _nothing_ready(route: Route) -> Json:
    body = f"No release of {route.unit} in {route.environment} is ready to serve.\n"
    return {
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": body}},
        "response_headers_to_add": [header("retry-after", "1"), header("content-type", "text/plain")],
    }


def _routes(route: Route, backends: tuple[Backend, ...], *, is_modern: bool) -> list[Json]:
    """From the most special request to any: previews, matches, sessions, what may be repeated, the rest."""
    made = preview_routes(route, _timeout(route))
    matched = cluster_for(route, Role.MATCHED_SLOT)
    if matched is not None:
        for match in route.routing.matches:
            for each, _ in _shapes(route):
                wanted = matcher(match, is_modern=is_modern)
                wanted["headers"] = [*wanted.get("headers", ()), *each["match"].pop("headers", ())]
                each["match"] |= {key: value for key, value in wanted.items() if value}
                each["route"]["cluster"] = matched
                made.append(each)
    mirrors = mirror_policies(route, is_modern=is_modern)
    for each, is_mirrored in _shapes(route):
        mirrored = mirrors if is_mirrored else []
        each["route"]["weighted_clusters"] = _weighted(route, backends, is_mirrored=bool(mirrored))
        if mirrored:
            each["route"]["request_mirror_policies"] = mirrored
        made.append(each)
    return made


def _shapes(route: Route) -> Iterator[tuple[Json, bool]]:
    """Every kind of request as a route that lacks its cluster, and whether it may be mirrored."""
    for part in _parts(route):
        for session in _sessions(route):
            for kind in _kinds(route):
                match: Json = {"prefix": part.prefix}
                if wanted := [*session.headers, *kind.headers]:
                    match["headers"] = wanted
                action: Json = {"timeout": duration(0) if kind.is_endless else part.timeout} | session.action
                if kind.is_repeatable:
                    action["retry_policy"] = _retry_policy(_REPEATABLE, route.features)
                rest = dict(session.rest)
                if part.is_cached:
                    added = [*rest.get("response_headers_to_add", ()), cached_header(route.features)]
                    rest["response_headers_to_add"] = added
                yield {"match": match, "route": action, **rest}, kind.is_mirrored


def _kinds(route: Route) -> list[_Kind]:
    """A WebSocket begins as a GET; it and an event stream are never mirrored, as they would never end."""
    is_mirroring = cluster_for(route, Role.MIRRORED) is not None
    writes = is_mirroring and route.features.mirrors_writes
    return [
        *([_Kind((_UPGRADE, _SAFE_METHOD), is_repeatable=True)] if is_mirroring else []),
        _Kind((_EVENTS, _SAFE_METHOD), is_repeatable=True, is_endless=True),
        _Kind((_SAFE_METHOD,), is_repeatable=True, is_mirrored=is_mirroring),
        _Kind((_KEYED,), is_repeatable=True, is_mirrored=writes),
        _Kind(is_mirrored=writes),
    ]


def _parts(route: Route) -> list[_Part]:
    """The longest beginning first."""
    timeouts = dict(route.features.timeouts)
    made = []
    for prefix in {"/", *timeouts, *route.features.cached}:
        fitting = [each for each in timeouts if prefix.startswith(each)]
        longest = timeouts[max(fitting, key=len)] if fitting else route.timeout
        is_cached = any(prefix.startswith(each) for each in route.features.cached)
        made.append(_Part(prefix, duration(longest.total_seconds()), is_cached))
    return sorted(made, key=lambda each: (-len(each.prefix), each.prefix))


def _weighted(route: Route, backends: tuple[Backend, ...], *, is_mirrored: bool) -> Json:
    clusters = [
        {"name": str(cluster_of(route, each)), "weight": each.weight}
        | (mirror_mark(route, each) if is_mirrored else {})
        for each in backends
    ]
    return {"clusters": clusters} | ({"use_hash_policy": True} if route.sticky else {})


def _timeout(route: Route) -> str:
    return duration(route.timeout.total_seconds())


def _sessions(route: Route) -> list[_Session]:
    """A request without a session is hashed by the fresh id that becomes its cookie, with the same hash
    function, so that the first answer already comes from the release that the session will stay on.
    """
    if not route.sticky:
        return [_Session((), {}, {})]
    known = _Session(
        (_HAS_COOKIE,),
        {"hash_policy": [{"cookie": {"name": COOKIE}}]},
        {"request_headers_to_remove": [SESSION_HEADER]},
    )
    cookie = f"{COOKIE}=%REQ({SESSION_HEADER})%; Path=/; HttpOnly; SameSite=Lax"
    if route.tls is not None:
        cookie += "; Secure"
    fresh = _Session(
        (),
        {"hash_policy": [{"header": {"header_name": SESSION_HEADER}}]},
        {"response_headers_to_add": [header("set-cookie", cookie, "APPEND_IF_EXISTS_OR_ADD")]},
    )
    return [known, fresh]


def _retry_policy(conditions: str, features: Features) -> Json:
    """A few more attempts: another priority (the stable release), another host while there is one."""
    return {
        "retry_on": conditions,
        "num_retries": features.retries,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {"@type": _PRIORITIES, "update_frequency": 1},
        },
        "retry_host_predicate": [
            {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": _HOSTS}}
        ],
        "host_selection_retry_max_attempts": _HOST_DRAWS,
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
    }
