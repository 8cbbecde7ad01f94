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

from andon.gateway.aside import on_trial, roles_of
from andon.gateway.filters import duration, http_filters
from andon.gateway.model import Backend, HealthCheck, Outliers, Route
from andon.gateway.names import IDLE, ClusterName, Role, redirect_name, route_name, sds
from andon.gateway.routing import SESSION_HEADER, TOTAL_WEIGHT, route_configuration, serving
from andon.kernel.errors import InvalidInput

Json = dict[str, Any]
CUT = "andon.cut"  # statistic: answers that began well and were cut off, by cluster

_API = "type.googleapis.com/envoy."
_CLUSTER = f"{_API}config.cluster.v3.Cluster"
_LISTENER = f"{_API}config.listener.v3.Listener"
_HCM = f"{_API}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = f"{_API}extensions.filters.http.router.v3.Router"
_TLS = f"{_API}extensions.transport_sockets.tls.v3.DownstreamTlsContext"
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
# Mirrored requests are dropped rather than piled up before a release that is too slow for them.
_MIRROR_LIMITS = _LIMITS | {"max_pending_requests": 100, "max_requests": 1000}
# For TLS 1.2; those of 1.3 are all good. Forward secrecy and authenticated encryption only (RFC 9325, 4.2).
_CIPHERS = [
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
]


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What all routes have in common.

    `folder`: where Envoy finds route documents (`rds/`) and certificates (`sds/`). `upstream_idle`: shorter
    than the servers' own keep-alive (uvicorn: 5 s), or a request meets a connection that is just being
    closed. `stream_idle`: how long a WebSocket or event stream may be silent. `is_modern`: Envoy 1.40 or
    newer, which counts cut answers, reads cookies, and marks mirrored requests.
    """

    folder: str
    connect_timeout: timedelta = timedelta(seconds=1)
    upstream_idle: timedelta = timedelta(seconds=4)
    stream_idle: timedelta = timedelta(hours=1)
    is_modern: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """What one route adds: listeners, clusters, and its route document."""

    listeners: list[Json]
    clusters: list[Json]
    rds: Json


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
    check(routes)
    return together({route_name(each.unit, each.environment): part_of(each, options) for each in routes})


def part_of(route: Route, options: RenderOptions) -> Part:
    """What one route adds to the documents."""
    made = route_configuration(route, is_modern=options.is_modern)
    rds = document([made], revision=route.revision)
    return Part(listeners(route, options), clusters(route, options), rds)


def together(parts: Mapping[str, Part], last: Documents | None = None) -> Documents:
    """The documents of all parts, by name; one that says what it said last time is that very one."""
    ordered = sorted(parts.items())
    heard = [each for _, part in ordered for each in part.listeners]
    known = [_idle(), *(each for _, part in ordered for each in part.clusters)]
    known.sort(key=lambda each: str(each["name"]))
    return Documents(
        lds=document(heard) if last is None or last.lds["resources"] != heard else last.lds,
        cds=document(known) if last is None or last.cds["resources"] != known else last.cds,
        rds={name: part.rds for name, part in ordered},
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
    """One static cluster for each release with an endpoint, and a failover slot for each candidate; those
    that the release on trial has beside them."""
    backends = serving(route)
    stable = [each for each in backends if not each.is_candidate]
    made = [_release_cluster(route, each, Role.DRAWN, options) for each in backends]
    made += [_slot(route, each, Role.SLOT, stable, options) for each in backends if each.is_candidate]
    trial = on_trial(route)
    if trial is not None:
        made += [
            _slot(route, trial, role, stable, options)
            if role is Role.MATCHED_SLOT
            else _release_cluster(route, trial, role, options)
            for role in roles_of(route)
        ]
    return made


def check(routes: Sequence[Route]) -> None:
    """Raises InvalidInput; see `render`."""
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
        for place in places(route):
            if (other := taken.setdefault(place, route)) is not route:
                raise collision(route, other, place)


def places(route: Route) -> list[tuple[str, int]]:
    """Addresses and ports that a route listens on."""
    redirect = route.tls.redirect_port if route.tls else None
    return [(route.host, port) for port in (route.port, redirect) if port is not None]


def collision(route: Route, other: Route, place: tuple[str, int]) -> InvalidInput:
    """The error for two routes that want one port."""
    return InvalidInput(
        "gateway-port-twice",
        f"{route.unit} in {route.environment} and {other.unit} in {other.environment}"
        f" both want {place[0]}:{place[1]}",
        hint="give one of them another port in its andon.toml",
    )


def _idle() -> Json:
    return {"@type": _CLUSTER, "name": IDLE, "type": "STATIC", "connect_timeout": "1s"}


def _release_cluster(route: Route, backend: Backend, role: Role, options: RenderOptions) -> Json:
    name = str(ClusterName(route.unit, route.environment, backend.version, role))
    endpoints = [{"endpoint": {"address": address(each.host, each.port)}} for each in backend.endpoints]
    made = {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        # A session stays on its instance too, for units that keep state in memory.
        "lb_policy": "RING_HASH" if route.sticky else "LEAST_REQUEST",
        **_common(options, _MIRROR_LIMITS if role is Role.MIRRORED else _LIMITS),
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
    # Never of a candidate: it would hide the failures that the judge has to see.
    if route.features.outliers is not None and not backend.is_candidate:
        made["outlier_detection"] = _outliers(route.features.outliers)
    return made


def _outliers(outliers: Outliers) -> Json:
    """Only answers that say that an instance cannot serve; a 500 may be the fault of a request."""
    return {
        "consecutive_gateway_failure": outliers.failures,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": duration(outliers.rest.total_seconds()),
        "max_ejection_percent": int(outliers.most * 100),
        # Or its rest ended at its next good health check, and it cost its next failures at once.
        "successful_active_health_check_uneject_host": False,
    }


def _slot(
    route: Route, candidate: Backend, role: Role, stable: Sequence[Backend], options: RenderOptions
) -> Json:
    """The candidate first, the stable release behind it. Requests are counted on the slot."""
    name = ClusterName(route.unit, route.environment, candidate.version, role)
    behind = [name.own, *(ClusterName(route.unit, route.environment, each.version) for each in stable)]
    return {
        "@type": _CLUSTER,
        "name": str(name),
        "lb_policy": "CLUSTER_PROVIDED",
        **_common(options, _LIMITS),
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": _AGGREGATE, "clusters": [str(each) for each in behind]},
        },
    }


def _common(options: RenderOptions, limits: Mapping[str, int]) -> Json:
    return {
        "connect_timeout": duration(options.connect_timeout.total_seconds()),
        # Half of the endpoints down must not bring the dead half back into rotation.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [dict(limits)]},
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


def listeners(route: Route, options: RenderOptions) -> list[Json]:
    """The listener of a route, and the one that sends requests without TLS to it."""
    name = route_name(route.unit, route.environment)
    chain: Json = {"filters": [_manager(_connection_manager(route, name, options))]}
    if route.tls is not None:
        chain["transport_socket"] = _transport_socket(name, options)
    made = [_listener(name, address(route.host, route.port), chain)]
    if route.tls is not None and route.tls.redirect_port is not None:
        plain = redirect_name(name)
        chain = {"filters": [_manager(_redirecting(plain, route.port))]}
        made.append(_listener(plain, address(route.host, route.tls.redirect_port), chain))
    return made


def _listener(name: str, where: Json, chain: Json) -> Json:
    return {
        "@type": _LISTENER,
        "name": name,
        "address": where,
        # With reuse a second Envoy on this port would start silently and take half of the connections.
        "enable_reuse_port": False,
        "filter_chains": [chain],
    }


def _manager(typed: Json) -> Json:
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}


def _transport_socket(name: str, options: RenderOptions) -> Json:
    """TLS with a certificate that Envoy takes up from its file while connections go on."""
    secret = {"name": sds(name), "sds_config": _watched(f"{options.folder}/{sds(name)}.json")}
    parameters = {"tls_minimum_protocol_version": "TLSv1_2", "cipher_suites": _CIPHERS}
    common = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": parameters,
        "tls_certificate_sds_secret_configs": [secret],
    }
    typed = {"@type": _TLS, "common_tls_context": common}
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


def _redirecting(name: str, port: int) -> Json:
    """Nothing but the way to the same address by TLS. 308: the method stays."""
    action = {"https_redirect": True, "port_redirect": port, "response_code": "PERMANENT_REDIRECT"}
    host = {"name": name, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "redirect": action}]}
    return {
        "@type": _HCM,
        "stat_prefix": name,
        "route_config": {"name": name, "virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        "request_headers_timeout": "30s",
    }


def _watched(path: str) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def _connection_manager(route: Route, name: str, options: RenderOptions) -> Json:
    made: Json = {
        "@type": _HCM,
        "stat_prefix": name,
        "rds": {
            "route_config_name": name,
            "config_source": _watched(f"{options.folder}/rds/{name}.json"),
        },
        "http_filters": http_filters(route.features),
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
    if options.is_modern:
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
