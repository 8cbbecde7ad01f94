"""What a manifest asks of the gateway arrives there."""

from datetime import timedelta

from andon.gateway.model import Features, Limit, Outliers, Tls
from andon.served import service_of
from andon.units.load import parse

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
