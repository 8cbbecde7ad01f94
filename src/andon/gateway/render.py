"""Routes to the documents that Envoy watches: listeners, clusters, one route document per listener. Pure.

What is not here: what a route does with a request (`routing.py`), the bootstrap (`bootstrap.py`), and
writing or acknowledging (`folder.py`, `delivery.py`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from andon.gateway.model import Backend, HealthCheck, Route
from andon.gateway.names import IDLE, ClusterName, route_name
from andon.gateway.routing import (
    SESSION_HEADER,
    TOTAL_WEIGHT,
    cluster_of,
    duration,
    route_configuration,
    serving,
)
from andon.kernel.errors import InvalidInput

Json = dict[str, Any]
CUT = "andon.cut"  # statistic: answers that began well and were cut off, by cluster

_API = "type.googleapis.com/envoy."
_CLUSTER = f"{_API}config.cluster.v3.Cluster"
_LISTENER = f"{_API}config.listener.v3.Listener"
_HCM = f"{_API}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = f"{_API}extensions.filters.http.router.v3.Router"
_AGGREGATE = f"{_API}extensions.clusters.aggregate.v3.ClusterConfig"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_EARLY = f"{_API}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_STATS_LOG = f"{_API}extensions.access_loggers.stats.v3.Config"

# The default of 1024 connections and 3 concurrent retries would turn a killed candidate into errors.
_LIMITS = {
    "max_connections": 65536,
    "max_pending_requests": 65536,
    "max_requests": 65536,
    "max_retries": 65536,
}


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What all routes have in common.

    `rds_folder`: where Envoy finds the route documents. `upstream_idle`: shorter than the servers' own
    keep-alive (uvicorn: 5 s), or a request meets a connection that is just being closed. `stream_idle`:
    how long a WebSocket or event stream may be silent. `counts_cut_answers`: needs Envoy 1.40.
    """

    rds_folder: str
    connect_timeout: timedelta = timedelta(seconds=1)
    upstream_idle: timedelta = timedelta(seconds=4)
    stream_idle: timedelta = timedelta(hours=1)
    counts_cut_answers: bool = True


@dataclass(frozen=True, slots=True)
class Documents:
    """What Envoy should read: one listener and one cluster document, a route document per listener name."""

    lds: Json
    cds: Json
    rds: Mapping[str, Json]


def render(routes: Sequence[Route], options: RenderOptions) -> Documents:
    """The documents for `routes`; with none of them a valid idle configuration.

    Raises InvalidInput when weights do not sum to 1000 or 0, when a weight falls on a release without an
    endpoint, or when two routes want one port.
    """
    _check(routes)
    ordered = sorted(routes, key=lambda each: route_name(each.unit, each.environment))
    return Documents(
        lds=document(_listener(each, options) for each in ordered),
        cds=cluster_document(cluster for each in ordered for cluster in clusters(each, options)),
        rds={
            route_name(each.unit, each.environment): document(
                [route_configuration(each)], revision=each.revision
            )
            for each in ordered
        },
    )


def document(resources: Iterable[Json], *, revision: int | None = None) -> Json:
    """A discovery response; its version is a digest of the content, after the revision where there is one."""
    listed = list(resources)
    digest = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:16]
    return {"version_info": digest if revision is None else f"{revision}.{digest}", "resources": listed}


def cluster_document(made: Iterable[Json]) -> Json:
    """The cluster document. It is never empty: an empty one would take everything down."""
    return document(sorted([*made, _idle()], key=lambda each: str(each["name"])))


def to_bytes(made: Json) -> bytes:
    """A document as it is written: JSON, keys in order."""
    return json.dumps(made, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def revision_in(version_info: str) -> int:
    """The revision that a route document was made from."""
    return int(version_info.partition(".")[0])


def clusters(route: Route, options: RenderOptions) -> list[Json]:
    """One static cluster for each release with an endpoint, and a failover slot for each candidate."""
    backends = serving(route)
    stable = [each for each in backends if not each.is_candidate]
    made = [_release_cluster(route, each, options) for each in backends]
    slots = [_slot(route, each, stable, options) for each in backends if each.is_candidate]
    return made + slots


def _check(routes: Sequence[Route]) -> None:
    for route in routes:
        total = sum(each.weight for each in route.backends)
        lost = [each.version for each in route.backends if each.weight and not each.endpoints]
        if total not in (0, TOTAL_WEIGHT) or lost or any(each.weight < 0 for each in route.backends):
            raise InvalidInput(
                "gateway-weights",
                f"weights of {route.unit} in {route.environment} sum to {total}"
                + (f" and send requests to {', '.join(lost)}, which has no endpoint" if lost else ""),
                hint=f"weights sum to {TOTAL_WEIGHT}, or all are 0; only releases with an endpoint have one",
            )
    taken: dict[tuple[str, int], Route] = {}
    for route in routes:
        other = taken.setdefault((route.host, route.port), route)
        if other is not route:
            raise collision(route, other)


def collision(route: Route, other: Route) -> InvalidInput:
    """The error for two routes that want one port."""
    return InvalidInput(
        "gateway-port-twice",
        f"{route.unit} in {route.environment} and {other.unit} in {other.environment}"
        f" both want {route.host}:{route.port}",
        hint="give one of them another port in its andon.toml",
    )


def _idle() -> Json:
    return {"@type": _CLUSTER, "name": IDLE, "type": "STATIC", "connect_timeout": "1s"}


def _release_cluster(route: Route, backend: Backend, options: RenderOptions) -> Json:
    name = str(ClusterName(route.unit, route.environment, backend.version))
    endpoints = [{"endpoint": {"address": address(each.host, each.port)}} for each in backend.endpoints]
    return {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        # A session stays on its instance too, for units that keep state in memory.
        "lb_policy": "RING_HASH" if route.sticky else "LEAST_REQUEST",
        **_common(options),
        # A removed endpoint goes at once, and does not linger until a health check notices.
        "ignore_health_on_host_removal": True,
        "health_checks": [_health_check(backend.health)],
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "common_http_protocol_options": {
                    "idle_timeout": duration(options.upstream_idle.total_seconds())
                },
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _slot(route: Route, candidate: Backend, stable: Sequence[Backend], options: RenderOptions) -> Json:
    """The candidate first, the stable release behind it. Requests are counted on the slot."""
    behind = [candidate, *stable]
    members = [str(ClusterName(route.unit, route.environment, each.version)) for each in behind]
    return {
        "@type": _CLUSTER,
        "name": str(cluster_of(route, candidate)),
        "lb_policy": "CLUSTER_PROVIDED",
        **_common(options),
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": _AGGREGATE, "clusters": members},
        },
    }


def _common(options: RenderOptions) -> Json:
    return {
        "connect_timeout": duration(options.connect_timeout.total_seconds()),
        # Half of the endpoints down must not bring the dead half back into rotation.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [dict(_LIMITS)]},
    }


def _health_check(health: HealthCheck) -> Json:
    interval = duration(health.interval.total_seconds())
    return {
        "timeout": duration(health.timeout.total_seconds()),
        "interval": interval,
        # A release at weight 0 is checked as often as one that serves; Envoy's default is 60 s.
        "no_traffic_interval": interval,
        "unhealthy_threshold": health.unhealthy_after,
        "healthy_threshold": health.healthy_after,
        "http_health_check": {"path": health.path, "host": "localhost"},
    }


def _listener(route: Route, options: RenderOptions) -> Json:
    name = route_name(route.unit, route.environment)
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _connection_manager(route, name, options),
    }
    return {
        "@type": _LISTENER,
        "name": name,
        "address": address(route.host, route.port),
        # With reuse a second Envoy on this port would start silently and take half of the connections.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [manager]}],
    }


def _connection_manager(route: Route, name: str, options: RenderOptions) -> Json:
    made: Json = {
        "@type": _HCM,
        "stat_prefix": name,
        "rds": {
            "route_config_name": name,
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": {"path": f"{options.rds_folder}/{name}.json"},
            },
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True},
            }
        ],
        "use_remote_address": True,
        # Nobody's x-envoy-* headers may change timeouts and retries: no address counts as internal.
        "internal_address_config": {"unix_sockets": False},
        "normalize_path": True,
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "request_headers_timeout": "30s",
        # Envoy's default of five minutes also ends WebSockets.
        "stream_idle_timeout": duration(options.stream_idle.total_seconds()),
    }
    if route.sticky:
        made["early_header_mutation_extensions"] = [_fresh_session()]
    if options.counts_cut_answers:
        made["access_log"] = [_cut_answers()]
    return made


def _fresh_session() -> Json:
    header = {"key": SESSION_HEADER, "value": "%UNIQUE_ID%"}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": _EARLY,
            "mutations": [{"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}],
        },
    }


def _cut_answers() -> Json:
    """Count an answer that began below 500 and was then cut off by its release: a code cannot tell."""
    below_500 = {"comparison": {"op": "LE", "value": {"default_value": 499, "runtime_key": "andon.unused"}}}
    flags = {"flags": ["UC", "UR", "UPE", "UT"]}
    tags = [{"name": "cluster", "value_format": "%UPSTREAM_CLUSTER%"}]
    return {
        "name": "envoy.access_loggers.stats",
        "filter": {
            "and_filter": {"filters": [{"response_flag_filter": flags}, {"status_code_filter": below_500}]}
        },
        "typed_config": {
            "@type": _STATS_LOG,
            "stat_prefix": CUT.partition(".")[0],
            "counters": [{"stat": {"name": CUT.partition(".")[2], "tags": tags}, "value_fixed": 1}],
        },
    }


def address(host: str, port: int) -> Json:
    """A socket address. Envoy takes addresses, not names; only `localhost` is known here."""
    return {"socket_address": {"address": "127.0.0.1" if host == "localhost" else host, "port_value": port}}
