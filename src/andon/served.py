"""What manifests ask of the gateway, in the gateway's words. It holds no rule."""

from collections.abc import Mapping

from andon.gateway.model import Features, HealthCheck, Limit, Outliers, Tls
from andon.gateway.plan import Service
from andon.kernel.ids import Version
from andon.units.model import Environment, Manifest
from andon.units.serving import Gateway


def service_of(manifest: Manifest, place: Environment, health: Mapping[Version, HealthCheck]) -> Service:
    """How the gateway serves a unit in one of its environments. `health`: the check of each release."""
    return Service(
        port=place.port,
        host=place.host,
        sticky=manifest.gateway.sticky,
        timeout=manifest.gateway.timeout,
        health=health,
        default_health=check_of(manifest),
        features=features_of(manifest.gateway),
        tls=Tls(place.redirect_port) if place.tls else None,
    )


def check_of(manifest: Manifest) -> HealthCheck:
    """How the gateway sees that an instance is alive."""
    return HealthCheck(
        path=manifest.health.path,
        interval=manifest.health.interval,
        timeout=manifest.health.timeout,
        unhealthy_after=manifest.health.failures,
    )


def features_of(asked: Gateway) -> Features:
    """What it does with requests beside bringing them to a release."""
    limit, outliers = asked.limit, asked.outliers
    return Features(
        timeouts=tuple(asked.timeouts.items()),
        retries=asked.retries,
        limit=None if limit is None else Limit(limit.requests, limit.per),
        outliers=None if outliers is None else Outliers(outliers.failures, outliers.rest, outliers.most),
        compress_above=asked.compress_above if asked.compress else None,
        has_security_headers=asked.security_headers,
        allow_origins=tuple(asked.cors),
        cached=tuple(asked.cache),
        cached_for=asked.cache_for,
        preview_from=tuple(asked.preview_from),
        mirrors_writes=asked.mirror_writes,
    )
