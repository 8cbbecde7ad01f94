"""Desired shares, ready instances and services become routes."""

import itertools
from dataclasses import replace

import pytest

from andon.gateway.model import Endpoint, Features, HealthCheck, Tls
from andon.gateway.plan import Service, routes_of, routing_of, weights_of
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import NO_ROUTING, Desired, DesiredRelease, Match, MatchKind, Routing

SHOP, PRODUCTION = UnitName("shop"), EnvironmentName("production")
OLD, NEW, OTHER = Version("1.0.0"), Version("1.1.0"), Version("1.2.0")
HERE = Endpoint("127.0.0.1", 9000)
SERVICES = {(SHOP, PRODUCTION): Service(8080)}


def a_desired(stable=OLD, **shares):
    names = {"old": OLD, "new": NEW, "other": OTHER}
    releases = tuple(DesiredRelease(names[name], 1, share) for name, share in shares.items())
    return Desired(SHOP, PRODUCTION, 5, stable, releases)


@pytest.mark.parametrize(
    ("desired", "ready", "expected"),
    [
        (a_desired(old=0.9, new=0.1), {OLD, NEW}, {OLD: 900, NEW: 100}),
        (a_desired(old=0.9, new=0.1), {OLD}, {OLD: 1000, NEW: 0}),
        (a_desired(old=0.0, new=1.0), {OLD}, {OLD: 1000, NEW: 0}),
        (a_desired(old=0.9, new=0.1), {NEW}, {OLD: 0, NEW: 1000}),
        (a_desired(old=1.0, new=0.0), {NEW}, {OLD: 0, NEW: 0}),
        (a_desired(old=0.5, new=0.5), set(), {OLD: 0, NEW: 0}),
        (a_desired(old=0.0, new=0.0), {OLD, NEW}, {OLD: 0, NEW: 0}),
        (a_desired(old=0.9999, new=0.0001), {OLD, NEW}, {OLD: 999, NEW: 1}),
        (a_desired(old=2 / 3, new=1 / 3), {OLD, NEW}, {OLD: 667, NEW: 333}),
        (a_desired(stable=None, new=1.0), {NEW}, {NEW: 1000}),
        (a_desired(stable=None, new=1.0), set(), {NEW: 0}),
        (a_desired(old=0.5, new=0.3, other=0.2), {OLD, OTHER}, {OLD: 800, NEW: 0, OTHER: 200}),
        (a_desired(stable=OTHER, old=0.5, new=0.5), {NEW}, {OLD: 0, NEW: 1000}),
    ],
)
def test_the_share_of_a_release_that_is_not_ready_goes_to_the_stable_one(desired, ready, expected):
    assert weights_of(desired, ready) == expected


def test_weights_always_sum_to_1000_or_0_and_never_touch_an_unready_or_unwanted_release():
    steps = [each / 40 for each in range(41)]
    for first, second in itertools.product(steps, steps):
        if first + second > 1:
            continue
        desired = a_desired(old=1 - first - second, new=first, other=second)
        for ready in ({OLD}, {NEW}, {OLD, NEW}, {NEW, OTHER}, {OLD, NEW, OTHER}, set()):
            weights = weights_of(desired, ready)
            assert sum(weights.values()) in (0, 1000)
            assert all(version in ready for version, weight in weights.items() if weight)
            for version in (NEW, OTHER):
                assert weights[version] == 0 or desired.share_of(version) > 0
            if OLD in ready:
                assert sum(weights.values()) == 1000


def test_a_release_that_gains_nothing_keeps_its_order_and_its_cluster():
    found = {(SHOP, PRODUCTION, OLD): [HERE], (SHOP, PRODUCTION, NEW): [HERE]}
    (route,) = routes_of([a_desired(new=0.0, old=1.0)], found, SERVICES).routes
    assert [(each.version, each.weight, each.is_candidate) for each in route.backends] == [
        (OLD, 1000, False),
        (NEW, 0, True),
    ]
    assert (route.revision, route.port) == (5, 8080)


def test_a_first_release_has_nothing_to_fall_back_on():
    (route,) = routes_of(
        [a_desired(stable=None, new=1.0)], {(SHOP, PRODUCTION, NEW): [HERE]}, SERVICES
    ).routes
    assert not route.backends[0].is_candidate


def test_each_release_is_checked_as_it_promises_itself():
    found = {(SHOP, PRODUCTION, OLD): [HERE], (SHOP, PRODUCTION, NEW): [HERE]}
    service = Service(8080, health={NEW: HealthCheck("/healthz")}, default_health=HealthCheck("/alive"))
    (route,) = routes_of([a_desired(old=1.0, new=0.0)], found, {(SHOP, PRODUCTION): service}).routes
    assert {each.version: each.health.path for each in route.backends} == {OLD: "/alive", NEW: "/healthz"}


@pytest.mark.parametrize("unknown", [{}, {(SHOP, PRODUCTION, NEW): None}])
def test_a_unit_whose_instances_are_not_known_keeps_its_route(unknown):
    found = {(SHOP, PRODUCTION, OLD): [HERE], **unknown}
    made = routes_of([a_desired(old=0.5, new=0.5)], found, SERVICES)
    assert made.routes == ()
    assert made.keep == {(SHOP, PRODUCTION)}


def test_a_unit_without_a_service_has_no_route():
    made = routes_of([a_desired(old=1.0)], {(SHOP, PRODUCTION, OLD): [HERE]}, {})
    assert (made.routes, made.keep) == ((), frozenset())


def test_two_units_on_one_port_do_not_stop_the_gateway_of_all():
    other = Desired(UnitName("mes"), PRODUCTION, 1, OLD, (DesiredRelease(OLD, 1, 1.0),))
    found = {(unit, PRODUCTION, OLD): [HERE] for unit in (SHOP, other.unit)}
    services = SERVICES | {(other.unit, PRODUCTION): Service(8080)}
    made = routes_of([a_desired(old=1.0), other], found, services)
    assert [each.unit for each in made.routes] == [SHOP]
    assert made.keep == {(other.unit, PRODUCTION)}
    assert [each.code for each in made.problems] == ["gateway-port-twice"]


GROUP = Match(MatchKind.HEADER, "x-group", "b")
BESIDE = Routing((GROUP,), 0.5, has_preview=True)


@pytest.mark.parametrize(
    ("desired", "ready", "expected"),
    [
        (a_desired(old=1.0, new=0.0), {OLD, NEW}, BESIDE),
        (a_desired(old=0.5, new=0.5), {OLD, NEW}, BESIDE),
        (a_desired(old=1.0, new=0.0), {OLD}, NO_ROUTING),
        (a_desired(old=1.0, new=0.0), {NEW}, replace(BESIDE, mirror=0.0)),
        (a_desired(old=1.0), {OLD}, NO_ROUTING),
        (a_desired(stable=None, new=1.0), {NEW}, NO_ROUTING),
    ],
)
def test_only_a_ready_release_on_trial_gets_anything_beside_its_share(desired, ready, expected):
    assert routing_of(replace(desired, routing=BESIDE), ready) == expected


def test_a_match_that_no_request_can_carry_is_left_out_and_said():
    found = {(SHOP, PRODUCTION, each): [HERE] for each in (OLD, NEW)}
    bad = Match(MatchKind.COOKIE, "group", "a;b")
    desired = replace(a_desired(old=1.0, new=0.0), routing=Routing((GROUP, bad, GROUP), 7.0))
    made = routes_of([desired], found, SERVICES)
    assert made.routes[0].routing == Routing((GROUP,), 1.0)
    assert [each.code for each in made.problems] == ["gateway-match"]
    assert "cookie match 'group'" in made.problems[0].message


def test_a_route_is_treated_as_its_service_says_and_its_redirect_is_a_port_like_another():
    service = Service(8080, features=Features(retries=0), tls=Tls(8081))
    other = Desired(UnitName("mes"), PRODUCTION, 1, OLD, (DesiredRelease(OLD, 1, 1.0),))
    found = {(unit, PRODUCTION, OLD): [HERE] for unit in (SHOP, other.unit)}
    services = {(SHOP, PRODUCTION): service, (other.unit, PRODUCTION): Service(8081)}
    made = routes_of([a_desired(old=1.0), other], found, services)
    (route,) = made.routes
    assert (route.features, route.tls) == (service.features, service.tls)
    assert made.keep == {(other.unit, PRODUCTION)}
