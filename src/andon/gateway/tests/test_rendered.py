"""What is remembered is what would have been rendered."""

import random
from dataclasses import replace

import pytest

from andon.gateway.model import Backend, Endpoint, Features, Limit, Route
from andon.gateway.render import RenderOptions, render
from andon.gateway.rendered import Renderer
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import Routing

OPTIONS = RenderOptions("/gateway")
HERE, THERE = (Endpoint("127.0.0.1", 9000),), (Endpoint("127.0.0.1", 9001),)


def a_route(at: int, weight: int, **changes) -> Route:
    old = Backend(Version("1.0.0"), 1000 - weight, HERE)
    backends = (old, Backend(Version("1.1.0"), weight, THERE, is_candidate=True))
    route = Route(UnitName(f"unit{at}"), EnvironmentName("production"), 1, "127.0.0.1", 8000 + at, backends)
    return replace(route, **changes)


def test_any_walk_gives_what_rendering_anew_gives():
    chance, renderer = random.Random(7), Renderer()
    for _ in range(200):
        routes = [
            a_route(
                at,
                chance.choice((0, 100)),
                sticky=chance.choice((True, False)),
                routing=chance.choice((Routing(), Routing(mirror=0.5))),
                features=chance.choice((Features(), Features(limit=Limit(), compress_above=2000))),
            )
            for at in chance.sample(range(4), chance.randint(0, 4))
        ]
        options = chance.choice((OPTIONS, OPTIONS, OPTIONS, replace(OPTIONS, is_modern=False)))
        assert renderer.render(routes, options) == render(routes, options)


def test_what_stands_is_the_very_same_object_and_a_weight_moves_one_document():
    renderer = Renderer()
    first = renderer.render([a_route(0, 0), a_route(1, 0)], OPTIONS)
    second = renderer.render([a_route(0, 0), a_route(1, 500)], OPTIONS)
    assert second.lds is first.lds
    assert second.cds is first.cds
    assert second.rds["unit0~production"] is first.rds["unit0~production"]
    assert second.rds["unit1~production"] != first.rds["unit1~production"]


def test_what_contradicts_itself_is_refused_and_forgets_nothing():
    renderer = Renderer()
    good = renderer.render([a_route(0, 0)], OPTIONS)
    with pytest.raises(InvalidInput):
        renderer.render([a_route(0, 0), a_route(1, 0, port=8000)], OPTIONS)
    assert renderer.render([a_route(0, 0)], OPTIONS).lds is good.lds
