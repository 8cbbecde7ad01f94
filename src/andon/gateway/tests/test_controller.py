"""What the gateway's loop tells the timeline."""

from types import SimpleNamespace

import pytest

from andon.gateway.controller import GatewayReconciler, Sources
from andon.gateway.delivery import Applied
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Unavailable
from andon.timeline.records import Event


class AnEnvoy:
    """An Envoy that takes everything; `process` counts its starts."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.process = 1
        self.problems: tuple[Unavailable, ...] = ()

    async def ensure(self):
        return SimpleNamespace(pid=self.process, epoch=f"boot-{self.process}")

    async def apply(self, routes, *, keep):
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
