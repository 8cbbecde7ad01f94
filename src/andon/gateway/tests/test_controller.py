"""What the gateway's loop tells the timeline."""

from types import SimpleNamespace

import pytest

from andon.gateway.controller import GatewayReconciler, Sources
from andon.gateway.delivery import Applied
from andon.gateway.model import Endpoint
from andon.gateway.plan import Service
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.timeline.records import Event
from andon.units.desired import Desired, DesiredRelease


class AnEnvoy:
    """An Envoy that takes everything; `process` counts its starts."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.process = 1
        self.problems: tuple[Unavailable, ...] = ()

    async def ensure(self):
        return SimpleNamespace(pid=self.process, epoch=f"boot-{self.process}")

    async def apply(self, routes, *, keep):
        self.routes, self.keep = routes, keep
        return Applied((), self.problems)


class Timeline:
    """Keeps what it is told, unless it cannot be written."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_away = False

    async def tell(self, event: Event) -> None:
        if self.is_away:
            raise Unavailable("database", "the database does not answer")
        self.events.append(event)

    def kinds(self) -> list[str]:
        return [each.kind for each in self.events]


async def nothing(*_):
    return []


async def publish(_):
    return None


def a_loop(envoy: AnEnvoy, timeline: Timeline) -> GatewayReconciler:
    return GatewayReconciler(envoy, Sources(nothing, nothing, nothing), publish, timeline.tell)


async def test_a_gateway_that_had_to_be_started_again_is_told_once():
    envoy, timeline = AnEnvoy(), Timeline()
    loop = a_loop(envoy, timeline)
    await loop.tick()
    await loop.tick()
    assert timeline.kinds() == [], "the first one, or one that was adopted, is no news"
    envoy.process = 2
    await loop.tick()
    await loop.tick()
    assert timeline.kinds() == ["gateway.restarted"]


async def test_what_the_gateway_refuses_is_an_alert_once():
    envoy, timeline = AnEnvoy(), Timeline()
    loop = a_loop(envoy, timeline)
    envoy.problems = (Unavailable("gateway-refused", "no such cluster"),)
    await loop.tick()
    await loop.tick()
    assert [(each.kind, each.severity, each.reason) for each in timeline.events] == [
        ("gateway.rejected", "alert", "no such cluster")
    ]


async def test_what_is_wrong_with_a_certificate_is_told_as_such():
    envoy, timeline = AnEnvoy(), Timeline()
    envoy.problems = (Unavailable("gateway-certificate-missing", "no certificate for shop"),)
    await a_loop(envoy, timeline).tick()
    assert [(each.kind, each.severity) for each in timeline.events] == [("gateway.certificate", "alert")]


async def test_a_unit_of_which_nothing_can_be_known_stays_as_it_is_and_the_others_go_on():
    envoy, timeline = AnEnvoy(), Timeline()
    broken, good, there = UnitName("broken"), UnitName("good"), EnvironmentName("production")
    one = Version("1.0.0")
    releases = (DesiredRelease(one, 1, 1.0),)

    async def desired():
        return [Desired(unit, there, 1, one, releases) for unit in (broken, good)]

    async def endpoints(*_):
        return [Endpoint("127.0.0.1", 9000)]

    async def services(unit, _environment):
        if unit == broken:
            raise Untrusted("tampered", "the manifest does not verify", hint="publish it again")
        return Service(8080)

    loop = GatewayReconciler(envoy, Sources(desired, endpoints, services), publish, timeline.tell)
    await loop.tick()
    assert [each.unit for each in envoy.routes] == [good]
    assert envoy.keep == {(broken, there)}
    (problem,) = loop.problems
    assert (type(problem), problem.code, problem.hint) == (Untrusted, "tampered", "publish it again")
    assert "broken in production" in problem.message
    assert "does not verify" in problem.message
    assert timeline.kinds() == ["gateway.rejected"]


async def test_what_could_not_be_told_is_told_later():
    envoy, timeline = AnEnvoy(), Timeline()
    loop = a_loop(envoy, timeline)
    await loop.tick()
    envoy.process, timeline.is_away = 2, True
    with pytest.raises(Unavailable):
        await loop.tick()
    timeline.is_away = False
    await loop.tick()
    assert timeline.kinds() == ["gateway.restarted"]
