"""What the release on trial gets beside its weight, as parts of Envoy's routes. Pure.

Each goes to a cluster of its own, so that its requests are counted apart from those that were drawn.
"""

import re
from typing import Any

from andon.gateway.filters import header, only_from
from andon.gateway.model import Backend, Route
from andon.gateway.names import ClusterName, Role
from andon.units.desired import Match, MatchKind

Json = dict[str, Any]

PREVIEW_HEADER = "x-andon-preview"
MIRROR_HEADER = "x-andon-mirror"  # names the cluster, on requests to the stable release; ours alone
MIRRORED_HEADER = "x-andon-mirrored"  # tells the release on trial that its answer is dropped
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,1024}")  # RFC 6265, 4.1.1
_OURS = "x-andon-"


def is_expressible(match: Match) -> bool:
    """Whether a request can carry it: the name is a token, the value has no control or odd character."""
    value = _COOKIE_VALUE if match.kind is MatchKind.COOKIE else _VALUE
    is_ours = match.kind is MatchKind.HEADER and match.name.lower().startswith(_OURS)
    named = _TOKEN.fullmatch(match.name) is not None and not is_ours
    return named and value.fullmatch(match.value) is not None


def on_trial(route: Route) -> Backend | None:
    """The release that `routing` speaks of, when it has an endpoint. Of several the last one."""
    found = [each for each in route.backends if each.is_candidate]
    return found[-1] if found and found[-1].endpoints else None


def roles_of(route: Route) -> list[Role]:
    """The clusters that a release on trial has beside its own and its slot."""
    routing = route.routing
    return [
        *([Role.MATCHED, Role.MATCHED_SLOT] if routing.matches else []),
        *([Role.MIRRORED] if routing.mirror > 0 else []),
        *([Role.PREVIEWED] if routing.has_preview else []),
    ]


def cluster_for(route: Route, role: Role) -> str | None:
    """The cluster of the release on trial in this role; None when it has none."""
    backend = on_trial(route)
    if backend is None or role not in roles_of(route):
        return None
    return str(ClusterName(route.unit, route.environment, backend.version, role))


def matcher(match: Match, *, is_modern: bool) -> Json:
    """The part of a route's match that holds for exactly these requests."""
    if match.kind is MatchKind.HEADER:
        return {"headers": [{"name": match.name.lower(), "string_match": {"exact": match.value}}]}
    if is_modern:
        return {"cookies": [{"name": match.name, "string_match": {"exact": match.value}}]}
    pair = f"{re.escape(match.name)}={re.escape(match.value)}"
    regex = {"regex": rf"(?:.*; ?)?{pair}(?:;.*)?"}
    return {"headers": [{"name": "cookie", "string_match": {"safe_regex": regex}}]}


def preview_routes(route: Route, timeout: str) -> list[Json]:
    """A request that asks for a preview gets that release or an error, and never another release instead:
    a smoke test must not pass because the stable release answered it."""
    cluster, backend = cluster_for(route, Role.PREVIEWED), on_trial(route)
    made = []
    if cluster is not None and backend is not None:
        exact = {"name": PREVIEW_HEADER, "string_match": {"exact": backend.version}}
        made.append(
            {
                "match": {"prefix": "/", "headers": [exact]},
                "route": {"cluster": cluster, "timeout": timeout},
                "response_headers_to_add": [header("x-andon-release", backend.version)],
                "typed_per_filter_config": only_from(route.features),
            }
        )
    body = f"No such preview of {route.unit} in {route.environment}.\n"
    nothing = {"status": 404, "body": {"inline_string": body}}
    asked = {"prefix": "/", "headers": [{"name": PREVIEW_HEADER, "present_match": True}]}
    return [*made, {"match": asked, "direct_response": nothing}]


def mirror_policies(route: Route, *, is_modern: bool) -> list[Json]:
    """Mirrors to the cluster that the header names. Only the stable release's weight adds that header, so
    that no request to the release on trial is sent to it twice."""
    if cluster_for(route, Role.MIRRORED) is None:
        return []
    part = {"numerator": round(route.routing.mirror * 1_000_000), "denominator": "MILLION"}
    policy: Json = {"cluster_header": MIRROR_HEADER, "runtime_fraction": {"default_value": part}}
    if is_modern:
        policy |= {
            "disable_shadow_host_suffix_append": True,
            "request_headers_mutations": [
                {"append": header(MIRRORED_HEADER, "true")},
                {"remove": MIRROR_HEADER},
            ],
        }
    return [policy]


def mirror_mark(route: Route, backend: Backend) -> Json:
    """The addition to a weighted cluster on a route that mirrors."""
    if backend.is_candidate:
        return {"request_headers_to_remove": [MIRROR_HEADER]}
    return {"request_headers_to_add": [header(MIRROR_HEADER, cluster_for(route, Role.MIRRORED) or "")]}
