"""How documents come into force: ready releases only, refusals taken back, what is served without any."""

import asyncio
import socket
from dataclasses import replace

import pytest

from andon.gateway.controller import GatewayReconciler, Sources
from andon.gateway.model import Backend, Endpoint, Route
from andon.gateway.plan import Service
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import UnitName, Version
from andon.testing.ports import free_port
from andon.timeline.records import Event
from andon.units.desired import Desired, DesiredRelease
from tests.component.gateway.world import (
    NEW,
    OLD,
    PATIENCE_SECONDS,
    PRODUCTION,
    QUICK_HEALTH,
    SHOP,
    Client,
    Load,
    Upstream,
    until,
)


async def ticks(reconciler: GatewayReconciler, revision: int, **weights: int) -> None:
    """Tick until this is in force: a new release's first health check may take its time."""
    wanted = {OLD: weights["old"]} | ({NEW: weights["new"]} if "new" in weights else {})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await reconciler.tick()
            if [(each.revision, each.weights) for each in reconciler.acknowledged] == [(revision, wanted)]:
                return


async def test_a_return_is_one_rename(plant):
    await plant.share(500)
    files = [each for each in plant.folder.rglob("*.json") if each.is_file()]
    before = {each: each.stat().st_ino for each in files}
    await plant.share(0)
    changed = [each.parent.name for each in files if each.stat().st_ino != before[each]]
    assert changed == ["rds"]


async def test_a_release_that_is_not_healthy_yet_gets_no_request(plant):
    await plant.share(0)
    plant.new.healthy = False
    late = await Upstream("new").start()
    late.healthy = False
    plant.new.kill()
    plant.new = late
    route = plant.route(500)
    applied = await plant.envoy.apply([route])
    assert applied.acknowledged[0].weights == {OLD: 1000, NEW: 0}
    assert applied.acknowledged[0].revision == route.revision - 1
    assert "not healthy" in applied.waiting[0]
    late.healthy = True
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await plant.envoy.apply([route])).acknowledged[0].weights[NEW] != 500:
            await asyncio.sleep(0.05)


async def test_a_refused_document_is_put_back_and_the_old_one_serves(plant):
    await plant.share(0)
    good = (plant.folder / "cds.json").read_bytes()
    plant.new.endpoint = Endpoint("not-an-address", 1)
    applied = await plant.envoy.apply([plant.route(0)])
    with pytest.raises(InvalidInput, match="not-an-address") as refused:
        applied.check()
    assert refused.value.code == "gateway-rejected"
    assert (plant.folder / "cds.json").read_bytes() == good
    assert await Client(plant.port).ask() == (200, "old")


async def test_a_port_in_use_is_said_and_the_other_routes_go_on(plant):
    await plant.share(0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = Route(
            UnitName("mes"), PRODUCTION, 1, "127.0.0.1", taken.getsockname()[1], (Backend(OLD, 0, ()),)
        )
        third = Route(UnitName("zeta"), PRODUCTION, 1, "127.0.0.1", free_port(), (Backend(OLD, 0, ()),))
        for _ in range(2):
            applied = await plant.envoy.apply([plant.route(500), other, third])
            assert [each.code for each in applied.problems] == ["gateway-port-in-use"]
            assert [each.unit for each in applied.acknowledged] == [SHOP, third.unit]
            assert (await Client(third.port).ask())[0] == 503
            assert (await Client(plant.port).ask())[0] == 200
    applied = await plant.envoy.apply([plant.route(500), other, third])
    assert [each.unit for each in applied.check().acknowledged] == [other.unit, SHOP, third.unit]


async def test_a_route_without_a_ready_release_answers_503_and_no_route_is_an_idle_gateway(plant):
    nothing = Route(SHOP, PRODUCTION, 1, "127.0.0.1", plant.port, (Backend(OLD, 0, ()),))
    (acknowledged,) = (await plant.envoy.apply([nothing])).check().acknowledged
    assert acknowledged.weights == {OLD: 0}
    status, body = await Client(plant.port).ask()
    assert status == 503
    assert "No release of shop in production is ready" in body
    assert (await plant.envoy.apply([])).check().acknowledged == ()
    with pytest.raises(OSError):
        await Client(plant.port).ask()
    await plant.share(0)
    assert await Client(plant.port).ask() == (200, "old")


async def test_the_reconciler_makes_desired_shares_true_and_says_what_is_in_force(plant):
    desired = Desired(SHOP, PRODUCTION, 3, OLD, (DesiredRelease(OLD, 1, 0.9), DesiredRelease(NEW, 1, 0.1)))
    ready: dict[Version, list[Endpoint] | None] = {OLD: [plant.old.endpoint], NEW: []}
    published: list[tuple[int, dict[Version, int]]] = []

    async def read_desired():
        return [desired]

    async def read_endpoints(_unit, _environment, version):
        return ready[version]

    async def read_service(_unit, _environment):
        return Service(plant.port, default_health=QUICK_HEALTH)

    async def publish(acknowledged):
        published.append((acknowledged[0].revision, acknowledged[0].weights))

    reconciler = GatewayReconciler(plant.envoy, Sources(read_desired, read_endpoints, read_service), publish)
    await ticks(reconciler, 3, old=1000, new=0)
    told = len(published)
    await reconciler.tick()
    assert len(published) == told, "only news is told"
    assert published[-1] == (3, {OLD: 1000, NEW: 0})
    assert {weights[NEW] for _, weights in published} == {0}, "an unready release gets nothing"
    ready[NEW] = [plant.new.endpoint]
    await ticks(reconciler, 3, old=900, new=100)
    assert published[-1] == (3, {OLD: 900, NEW: 100})
    ready[OLD] = ready[NEW] = None
    desired = Desired(SHOP, PRODUCTION, 4, OLD, (DesiredRelease(OLD, 1, 1.0), DesiredRelease(NEW, 1, 0.0)))
    await reconciler.tick()
    assert reconciler.acknowledged[0].weights == {OLD: 900, NEW: 100}, "not known is not the same as none"
    ready[OLD], ready[NEW] = [plant.old.endpoint], [plant.new.endpoint]
    await reconciler.tick()
    assert published[-1] == (4, {OLD: 1000, NEW: 0})
    assert reconciler.problems == ()


async def test_what_envoy_refuses_is_an_alert_on_the_timeline_and_the_old_routes_serve(plant):
    events: list[Event] = []
    share, instances = [0.0], {OLD: plant.old.endpoint, NEW: plant.new.endpoint}

    async def read_desired():
        releases = (DesiredRelease(OLD, 1, 1 - share[0]), DesiredRelease(NEW, 1, share[0]))
        return [Desired(SHOP, PRODUCTION, 1, OLD, releases)]

    async def read_endpoints(_unit, _environment, version):
        return [instances[version]]

    async def read_service(_unit, _environment):
        return Service(plant.port, default_health=QUICK_HEALTH)

    async def publish(_acknowledged):
        return None

    async def tell(event):
        events.append(event)

    sources = Sources(read_desired, read_endpoints, read_service)
    reconciler = GatewayReconciler(plant.envoy, sources, publish, tell)
    await ticks(reconciler, 1, old=1000, new=0)
    assert events == []
    instances[NEW], share[0] = Endpoint("no-address", 9), 0.5
    for _ in range(3):
        await reconciler.tick()
    assert [(each.kind, each.severity, each.subject) for each in events] == [
        ("gateway.rejected", "alert", "gateway")
    ]
    assert "no-address" in events[0].reason
    assert {await Client(plant.port).ask() for _ in range(20)} == {(200, "old")}


async def test_a_candidate_with_another_health_path_costs_no_request(plant):
    checks = {
        version: replace(QUICK_HEALTH, path=path, unhealthy_after=1)
        for version, path in ((OLD, "/health"), (NEW, "/healthz"))
    }
    plant.new.health_path = "/healthz"
    only_old = Desired(SHOP, PRODUCTION, 1, OLD, (DesiredRelease(OLD, 1, 1.0),))
    desired = [only_old]

    async def read_desired():
        return desired

    async def read_endpoints(_unit, _environment, version):
        return [plant.old.endpoint if version == OLD else plant.new.endpoint]

    async def read_service(_unit, _environment):
        return Service(plant.port, health=checks)

    reconciler = GatewayReconciler(plant.envoy, Sources(read_desired, read_endpoints, read_service))

    async def come_into_force(weight: int, revision: int, share: float) -> None:
        both = (DesiredRelease(OLD, 1, 1 - share), DesiredRelease(NEW, 1, share))
        desired[:] = [replace(only_old, revision=revision, releases=both)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reconciler.tick()
            while [each.weights.get(NEW) for each in reconciler.acknowledged] != [weight]:
                await reconciler.tick()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await reconciler.tick()
        while [each.weights for each in reconciler.acknowledged] != [{OLD: 1000}]:
            await reconciler.tick()
    async with Load(plant.port) as load:
        await come_into_force(0, 2, 0.0)
        probes = plant.old.probes
        await until(lambda: plant.old.probes > probes + 2 and plant.new.probes > 2)
        await come_into_force(500, 3, 0.5)
        await until(lambda: load.answers["new"] > 100)
    assert load.failed == []
    assert load.answers["old"] > 100


async def test_a_restarted_andon_does_not_take_down_what_it_has_not_adopted_yet(plant):
    await plant.share(500)
    desired = Desired(SHOP, PRODUCTION, 9, OLD, (DesiredRelease(OLD, 1, 0.5), DesiredRelease(NEW, 1, 0.5)))
    ready: list[Endpoint] = []

    async def read_desired():
        return [desired]

    async def read_endpoints(_unit, _environment, version):
        return [plant.old.endpoint if version == OLD else plant.new.endpoint] if ready else []

    async def read_service(_unit, _environment):
        return Service(plant.port, default_health=QUICK_HEALTH)

    reconciler = GatewayReconciler(plant.envoy, Sources(read_desired, read_endpoints, read_service))
    async with Load(plant.port) as load:
        await reconciler.tick()
        await until(lambda: load.sent > 300)
        assert reconciler.acknowledged[0].weights == {OLD: 500, NEW: 500}
        assert reconciler.acknowledged[0].revision == plant.revision
        ready.append(plant.old.endpoint)
        await reconciler.tick()
        assert reconciler.acknowledged[0].revision == 9
    assert load.failed == []
    ready.clear()
    await reconciler.tick()
    assert reconciler.acknowledged[0].weights == {OLD: 0, NEW: 0}, "once known, none is none"
