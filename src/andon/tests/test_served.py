"""What a manifest asks of the gateway arrives there."""

from dataclasses import replace
from datetime import timedelta

from andon.gateway.aside import roles_of
from andon.gateway.model import Endpoint, Features, Limit, Outliers, Tls
from andon.gateway.names import Role
from andon.gateway.plan import routes_of
from andon.judge.model import JudgeState
from andon.kernel.ids import EnvironmentName, RolloutId, Version
from andon.rollouts.actions import Decision, RollBack, SetShare
from andon.rollouts.model import Trigger
from andon.rollouts.plan import Current, plan
from andon.rollouts.transitions import Beginning, apply, begin
from andon.rollouts.wanted import desired
from andon.served import service_of
from andon.testing.rolling import AT
from andon.units.desired import Match, MatchKind
from andon.units.load import parse
from andon.units.model import StrategyName

PLAIN = """\
[unit]
name = "shop"

[run]
command = ["shop", "--port", "{port}"]

[environments.production]
port = 8443

[environments.secured]
port = 8444
host = "0.0.0.0"
tls = true
redirect_port = 8080
"""
EVERYTHING = """
[health]
path = "/healthz"
failures = 5

[gateway]
sticky = true
timeout = "20s"
timeouts = { "/reports/" = "5m" }
retries = 3
compress = true
compress_above = 2000
security_headers = false
cors = ["https://board.plant.local"]
cache = ["/static/"]
cache_for = "1d"
preview_from = ["10.20.0.0/16"]
mirror_writes = true

[gateway.limit]
requests = 7
per = "1s"

[gateway.outliers]
failures = 4
rest = "9s"
most = 0.25
"""


def test_who_asks_for_nothing_gets_the_gateways_own_defaults():
    manifest = parse(PLAIN, source="andon.toml")
    service = service_of(manifest, manifest.environments["production"], {})
    assert (service.features, service.tls, service.sticky) == (Features(), None, False)
    assert (service.port, service.host, service.timeout) == (8443, "127.0.0.1", timedelta(seconds=60))


def test_everything_that_is_asked_for_arrives():
    manifest = parse(PLAIN + EVERYTHING, source="andon.toml")
    service = service_of(manifest, manifest.environments["secured"], {})
    assert service.features == Features(
        timeouts=(("/reports/", timedelta(minutes=5)),),
        retries=3,
        limit=Limit(7, timedelta(seconds=1)),
        outliers=Outliers(4, timedelta(seconds=9), 0.25),
        compress_above=2000,
        has_security_headers=False,
        allow_origins=("https://board.plant.local",),
        cached=("/static/",),
        cached_for=timedelta(days=1),
        preview_from=("10.20.0.0/16",),
        mirrors_writes=True,
    )
    assert (service.tls, service.host, service.sticky) == (Tls(8080), "0.0.0.0", True)
    assert (service.default_health.path, service.default_health.unhealthy_after) == ("/healthz", 5)


STEPS = """
[environments.production.policy]
steps = [
  { share = 0, match = [{ header = "x-line", value = "3" }], mirror = 0.2, preview = true },
  0.5,
  1,
]
"""


def test_what_a_step_routes_beside_its_share_arrives_in_the_gateways_routes():
    manifest = parse(PLAIN + STEPS, source="andon.toml")
    production, old, new = EnvironmentName("production"), Version("1.0.0"), Version("1.1.0")
    made = plan(manifest, production, Current(old, 1), StrategyName.CANARY)
    what = Beginning(RolloutId("ro-1"), manifest.unit.name, production, old, new, "kim", "why")
    coming = begin(what, made, JudgeState({}), AT)
    first = apply(coming, Decision(SetShare(0.0), "ready"), AT)
    second = replace(first, step=1)
    back = apply(first, Decision(RollBack(Trigger.ABORT), "no"), AT)

    def route(rollout):
        wanted = desired(rollout, 7)
        key = (wanted.unit, production)
        here = [Endpoint("127.0.0.1", 9000)]
        ready = {(*key, each.version): here for each in wanted.releases}
        service = service_of(manifest, manifest.environments[production], {})
        (found,) = routes_of([wanted], ready, {key: service}).routes
        return {each.version: each.weight for each in found.backends}, roles_of(found), found.routing

    matched = [Role.MATCHED, Role.MATCHED_SLOT, Role.MIRRORED, Role.PREVIEWED]
    assert route(coming)[:2] == ({old: 1000, new: 0}, [Role.PREVIEWED])
    weights, roles, routing = route(first)
    assert (weights, roles) == ({old: 1000, new: 0}, matched)
    assert (routing.matches, routing.mirror) == ((Match(MatchKind.HEADER, "x-line", "3"),), 0.2)
    assert route(second)[:2] == ({old: 500, new: 500}, [])
    assert route(back)[:2] == ({old: 1000, new: 0}, [])
