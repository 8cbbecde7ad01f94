"""Envoy's filters for requests, and which of their features a route turns on. Pure.

Every listener has all of them, turned off, which costs next to nothing. A route's document turns on what
its manifest asks for: so a promotion that asks for something else, and the return from it, is one rename
and closes no connection.
"""

import math
from datetime import timedelta
from typing import Any

from andon.gateway.model import Features, Limit, Route

Json = dict[str, Any]

_API = "type.googleapis.com/envoy.extensions."
_FILTER = f"{_API}filters.http."
_CORS, _PREVIEW, _LIMIT, _GZIP, _BROTLI = (
    f"andon.{each}" for each in ("cors", "preview", "limit", "gzip", "brotli")
)
_GZIP_LIBRARY = {"@type": f"{_API}compression.gzip.compressor.v3.Gzip"}
# Quality 4 of 11: smaller than gzip, and about as quick.
_BROTLI_LIBRARY = {"@type": f"{_API}compression.brotli.compressor.v3.Brotli", "quality": 4}
_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_MOST_ADDRESSES = 10_000  # whose requests are counted at once; beyond them the longest silent is forgotten
_COMPRESS_ABOVE = 1000
_HSTS = "max-age=63072000"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = "authorization, content-type, idempotency-key, x-requested-with"


def http_filters(features: Features) -> list[Json]:
    """All filters, in the order in which a request meets them."""
    above = features.compress_above or _COMPRESS_ABOVE
    return [
        _off(_CORS, {"@type": f"{_FILTER}cors.v3.Cors"}),
        _off(_PREVIEW, {"@type": f"{_FILTER}rbac.v3.RBAC"}),
        _off(_LIMIT, {"@type": f"{_FILTER}local_ratelimit.v3.LocalRateLimit", "stat_prefix": _LIMIT}),
        _compressor(_GZIP, _GZIP_LIBRARY, above),
        _compressor(_BROTLI, _BROTLI_LIBRARY, above),
        {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{_FILTER}router.v3.Router", "suppress_envoy_headers": True},
        },
    ]


def turned_on(features: Features) -> Json:
    """The filters that work for all requests of a route, with what they need to know."""
    made: Json = {}
    if features.allow_origins:
        made[_CORS] = _cors(features.allow_origins)
    if features.limit is not None:
        made[_LIMIT] = _limit(features.limit)
    if features.compress_above is not None:
        compress: Json = {"overrides": {"response_direction_config": {}}}
        made |= {name: _per_route("compressor.v3.CompressorPerRoute", compress) for name in (_GZIP, _BROTLI)}
    return made


def only_from(features: Features) -> Json:
    """The filter that lets a preview be asked for from some networks only."""
    split = (each.split("/") for each in features.preview_from)
    near = [{"remote_ip": {"address_prefix": first, "prefix_len": int(bits)}} for first, bits in split]
    policies = {"near": {"permissions": [{"any": True}], "principals": near}} if near else {}
    rules = {"action": "ALLOW", "policies": policies}
    return {_PREVIEW: _per_route("rbac.v3.RBACPerRoute", {"rbac": {"rules": rules}})}


def response_headers(route: Route) -> list[Json]:
    """Headers of every answer. A unit that gives one of them itself knows better."""
    headers = {"x-frame-options": "DENY", "x-content-type-options": "nosniff"}
    made = headers if route.features.has_security_headers else {}
    if route.tls is not None:
        made = made | {"strict-transport-security": _HSTS}
    return [header(key, value, "ADD_IF_ABSENT") for key, value in made.items()]


def cached_header(features: Features) -> Json:
    """Lets a browser keep an answer; only a good one, or it would keep a release's missing file for days."""
    policy = f"public, max-age={int(features.cached_for.total_seconds())}"
    return header("cache-control", f'%CEL(response.code == 200 ? "{policy}" : "")%', "ADD_IF_ABSENT")


def header(key: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    """A header to add."""
    return {"header": {"key": key, "value": value}, "append_action": action}


def duration(seconds: float) -> str:
    """Protobuf's JSON form of a duration."""
    return f"{seconds:.3f}s"


def _off(name: str, typed: Json) -> Json:
    return {"name": name, "disabled": True, "typed_config": typed}


def _per_route(kind: str, content: Json) -> Json:
    return {"@type": f"{_FILTER}{kind}", **content}


def _compressor(name: str, library: Json, above: int) -> Json:
    return _off(
        name,
        {
            "@type": f"{_FILTER}compressor.v3.Compressor",
            "response_direction_config": {"common_config": {"min_content_length": above}},
            "choose_first": name == _BROTLI,
            "compressor_library": {"name": name, "typed_config": library},
        },
    )


def _cors(origins: tuple[str, ...]) -> Json:
    return _per_route(
        "cors.v3.CorsPolicy",
        {
            "allow_origin_string_match": [{"exact": each} for each in origins],
            "allow_methods": _METHODS,
            "allow_headers": _HEADERS,
            "allow_credentials": True,
            "max_age": "600",
        },
    )


def _limit(limit: Limit) -> Json:
    """A bucket of its own for each client address; the one for all together never empties."""
    seconds = limit.per / timedelta(seconds=1)
    again = max(1, math.ceil(seconds / limit.requests))
    return _per_route(
        "local_ratelimit.v3.LocalRateLimit",
        {
            "stat_prefix": _LIMIT,
            "filter_enabled": _ALWAYS,
            "filter_enforced": _ALWAYS,
            "token_bucket": _bucket(2**32 - 1, seconds),
            "rate_limits": [{"actions": [{"remote_address": {}}]}],
            "descriptors": [
                {"entries": [{"key": "remote_address"}], "token_bucket": _bucket(limit.requests, seconds)}
            ],
            "max_dynamic_descriptors": _MOST_ADDRESSES,
            "response_headers_to_add": [header("retry-after", str(again))],
        },
    )


def _bucket(tokens: int, seconds: float) -> Json:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": duration(seconds)}
