"""Desired releases, ready instances and services to the routes of the gateway. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction

from andon.gateway.aside import is_expressible
from andon.gateway.model import Backend, Endpoint, Features, HealthCheck, Route, Tls
from andon.gateway.render import collision, places
from andon.gateway.routing import TOTAL_WEIGHT
from andon.kernel.errors import AndonError, InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import NO_ROUTING, Desired, Match, Routing

UnitKey = tuple[UnitName, EnvironmentName]
ReleaseKey = tuple[UnitName, EnvironmentName, Version]


@dataclass(frozen=True, slots=True)
class Service:
    """How a unit is reached in an environment: where the gateway listens and how it treats requests.

    `health`: the check of each release; `default_health` is that of a release that is not named there.
    """

    port: int
    host: str = "127.0.0.1"
    sticky: bool = False
    timeout: timedelta = timedelta(seconds=60)
    health: Mapping[Version, HealthCheck] = field(default_factory=dict)
    default_health: HealthCheck = field(default_factory=HealthCheck)
    features: Features = field(default_factory=Features)
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """Routes to make true, and units that stay as they are, because too little is known about them or
    because they contradict another unit."""

    routes: tuple[Route, ...]
    keep: frozenset[UnitKey] = frozenset()
    problems: tuple[AndonError, ...] = ()


def routes_of(
    desired: Sequence[Desired],
    endpoints: Mapping[ReleaseKey, Sequence[Endpoint] | None],
    services: Mapping[UnitKey, Service],
) -> Routes:
    """One route per unit and environment that has a service.

    `endpoints`: of ready instances. None, or a release that is not there, means not known (yet), which is
    not the same as none: such a unit keeps the route it has.
    """
    routes, keep, problems = [], set(), []
    for each in desired:
        key = (each.unit, each.environment)
        service = services.get(key)
        if service is None:
            continue
        known = {release.version: endpoints.get((*key, release.version)) for release in each.releases}
        ready = {version: tuple(found) for version, found in known.items() if found is not None}
        if len(ready) < len(known):
            keep.add(key)
        else:
            routes.append(_route(each, ready, service))
            problems += [_inexpressible(each, match) for match in _left_out(each.routing)]
    return _without_collisions(routes, keep, problems)


def _without_collisions(
    routes: Sequence[Route], keep: set[UnitKey], problems: Sequence[AndonError]
) -> Routes:
    """One unit with a port that another has must not stop the gateway of all."""
    taken: dict[tuple[str, int], Route] = {}
    made: list[Route] = []
    found = list(problems)
    for route in routes:
        others = [(taken[place], place) for place in places(route) if place in taken]
        if others:
            keep.add((route.unit, route.environment))
            found.append(collision(route, *others[0]))
        else:
            taken |= dict.fromkeys(places(route), route)
            made.append(route)
    return Routes(tuple(made), frozenset(keep), tuple(found))


def _left_out(routing: Routing) -> list[Match]:
    return [each for each in routing.matches if not is_expressible(each)]


def _inexpressible(desired: Desired, match: Match) -> AndonError:
    return InvalidInput(
        "gateway-match",
        f"{desired.unit} in {desired.environment} goes without the {match.kind} match {match.name!r}:"
        " no request can carry it",
        hint="name a header or cookie by letters, digits and hyphens, not x-andon-..., with a plain value",
    )


def routing_of(desired: Desired, ready: set[Version]) -> Routing:
    """What the release on trial gets beside its weight: nothing while it is not ready.

    A match that no request could meet is left out. A mirror needs a stable release to mirror.
    """
    trial = [each.version for each in desired.releases if each.version != desired.stable]
    if desired.stable is None or not trial or trial[-1] not in ready:
        return NO_ROUTING
    matches = tuple(each for each in dict.fromkeys(desired.routing.matches) if is_expressible(each))
    mirror = min(1.0, max(0.0, desired.routing.mirror)) if desired.stable in ready else 0.0
    return replace(desired.routing, matches=matches, mirror=mirror)


def weights_of(desired: Desired, ready: set[Version]) -> dict[Version, int]:
    """Weights of 1000 for the desired shares, over releases that are ready.

    The share of a release that is not ready goes to the stable one; when that is not ready either, to
    those that are ready and have a share. A release whose share is 0 never receives any. A share above 0
    gives at least a weight of 1.
    """
    shares = {each.version: Fraction(each.share).limit_denominator(100_000) for each in desired.releases}
    serving = {version: share for version, share in shares.items() if share > 0 and version in ready}
    lost = sum(shares.values(), Fraction(0)) - sum(serving.values(), Fraction(0))
    if desired.stable in ready and desired.stable in shares and (lost > 0 or desired.stable in serving):
        stable = desired.stable
        serving[stable] = serving.get(stable, Fraction(0)) + lost
    return dict.fromkeys(shares, 0) | _rounded(serving)


def _rounded(shares: Mapping[Version, Fraction]) -> dict[Version, int]:
    """Integers in proportion to `shares` that sum to 1000, each at least 1 (largest remainder)."""
    total = sum(shares.values(), Fraction(0))
    if total == 0:
        return {}
    exact = {version: share * TOTAL_WEIGHT / total for version, share in shares.items()}
    made = {version: max(1, int(value)) for version, value in exact.items()}
    by_remainder = sorted(made, key=lambda version: (made[version] - exact[version], version))
    for version in by_remainder[: max(0, TOTAL_WEIGHT - sum(made.values()))]:
        made[version] += 1
    largest = max(made, key=lambda version: made[version])
    made[largest] -= sum(made.values()) - TOTAL_WEIGHT
    return made


def _route(desired: Desired, ready: Mapping[Version, tuple[Endpoint, ...]], service: Service) -> Route:
    serving = {version for version, found in ready.items() if found}
    weights = weights_of(desired, serving)
    stable = desired.stable
    ordered = sorted(desired.releases, key=lambda each: each.version != stable)
    return Route(
        unit=desired.unit,
        environment=desired.environment,
        revision=desired.revision,
        host=service.host,
        port=service.port,
        backends=tuple(
            Backend(
                version=each.version,
                weight=weights[each.version],
                endpoints=ready[each.version],
                is_candidate=stable is not None and each.version != stable,
                health=service.health.get(each.version, service.default_health),
            )
            for each in ordered
        ),
        sticky=service.sticky,
        timeout=service.timeout,
        routing=routing_of(desired, serving),
        features=service.features,
        tls=service.tls,
    )
