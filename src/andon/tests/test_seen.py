"""Whose manifest is in force for what, and that one unit's cannot stop the evidence of the others."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from andon.evidence_parts import outside_of
from andon.gateway.model import EDGES_MS, ReleaseTraffic, Traffic
from andon.kernel.clock import ManualClock
from andon.kernel.errors import AndonError, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.seen import Manifests, Seen
from andon.settings import EvidenceSettings
from andon.units.desired import Desired, DesiredRelease
from andon.units.load import parse

AT = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCTION = EnvironmentName("production")
MES, OTHER = UnitName("mes"), UnitName("other")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
TEXT = """\
[unit]
name = "mes"

[run]
command = ["mes", "--port", "{{port}}"]

[health]
path = "{path}"

[evidence.{metric}]
source = "gateway"

[environments.production]
port = {port}
"""
TRIAL = Desired(MES, PRODUCTION, 1, OLD, (DesiredRelease(OLD, 1, 1.0), DesiredRelease(NEW, 1, 0.0)))


TIMED = TEXT.replace('source = "gateway"', 'source = "gateway"\nkind = "latency"')


# No source outside of the plant's own.
NOTHING = outside_of(EvidenceSettings(), ManualClock())


class Counts:
    """Three requests of the old release, of which two took up to 5 ms."""

    async def scrape(self):
        latency = tuple((edge, 2 if edge < 100 else 3) for edge in EDGES_MS if edge >= 5)
        first = tuple((edge, 0) for edge in EDGES_MS if edge < 5)
        counted = ReleaseTraffic(3, 1, 0, first + latency)
        return Traffic("e", AT, {(MES, PRODUCTION, OLD): counted, (OTHER, PRODUCTION, OLD): counted})


class Releases:
    """Released manifests; those in `unreadable` do not verify."""

    def __init__(self) -> None:
        self.unreadable: set[tuple[UnitName, Version]] = set()
        self._manifests = {
            OLD: parse(TEXT.format(path="/health", metric="errors", port=9000), source="old"),
            NEW: parse(TEXT.format(path="/healthz", metric="requests", port=9001), source="new"),
        }

    def read_as(self, version, manifest):
        self._manifests[version] = manifest

    async def manifest(self, unit, version):
        if (unit, version) in self.unreadable:
            raise Untrusted("tampered", f"{unit}@{version} does not verify")
        return self._manifests[version]


class Rows:
    """What should run."""

    def __init__(self, *rows: Desired) -> None:
        self.rows = rows

    async def list(self):
        return self.rows

    async def find(self, unit, environment):
        found = [each for each in self.rows if (each.unit, each.environment) == (unit, environment)]
        return found[0] if found else None


def paths(service):
    return {version: each.path for version, each in service.health.items()}


async def test_a_candidate_moves_no_port_and_each_release_is_checked_as_it_says_itself():
    service = await Manifests(Releases(), Rows(TRIAL)).service(MES, PRODUCTION)
    assert service.port == 9000
    assert paths(service) == {OLD: "/health", NEW: "/healthz"}


async def test_a_promoted_release_has_its_own_port():
    service = await Manifests(Releases(), Rows(replace(TRIAL, stable=NEW))).service(MES, PRODUCTION)
    assert service.port == 9001
    assert paths(service) == {OLD: "/health", NEW: "/healthz"}


async def test_without_a_stable_release_the_first_one_says_where_it_is_served():
    first = Desired(MES, PRODUCTION, 1, None, (DesiredRelease(NEW, 1, 1.0),))
    service = await Manifests(Releases(), Rows(first)).service(MES, PRODUCTION)
    assert (service.port, paths(service)) == (9001, {NEW: "/healthz"})


@pytest.mark.parametrize("rows", [(), (Desired(MES, PRODUCTION, 1, None, ()),)])
async def test_where_nothing_should_run_nothing_is_served(rows):
    assert await Manifests(Releases(), Rows(*rows)).service(MES, PRODUCTION) is None


async def test_an_unreadable_candidate_does_not_keep_its_requests_from_returning():
    releases = Releases()
    releases.unreadable = {(MES, NEW)}
    service = await Manifests(releases, Rows(TRIAL)).service(MES, PRODUCTION)
    assert paths(service) == {OLD: "/health"}
    half = (DesiredRelease(OLD, 1, 0.5), DesiredRelease(NEW, 1, 0.5))
    with pytest.raises(AndonError, match="does not verify"):
        await Manifests(releases, Rows(replace(TRIAL, releases=half))).service(MES, PRODUCTION)


async def test_evidence_is_that_of_the_release_on_trial_and_one_unreadable_manifest_stops_no_other():
    releases, rows = Releases(), Rows(TRIAL, replace(TRIAL, unit=OTHER))
    releases.unreadable = {(MES, NEW)}
    seen = Seen(None, rows, Manifests(releases, rows), None, ManualClock(), outside=NOTHING)
    await seen.read()
    await seen.close()
    assert seen.last_readings(MES, PRODUCTION) == []
    assert [each.metric for each in seen.last_readings(OTHER, PRODUCTION)] == ["requests"]


async def test_evidence_is_still_that_of_a_promoted_release_while_the_former_one_is_kept_warm():
    warm = (DesiredRelease(OLD, 1, 0.0), DesiredRelease(NEW, 1, 1.0))
    releases, rows = Releases(), Rows(replace(TRIAL, stable=NEW, releases=warm))
    seen = Seen(None, rows, Manifests(releases, rows), None, ManualClock(), outside=NOTHING)
    await seen.read()
    await seen.close()
    assert [each.metric for each in seen.last_readings(MES, PRODUCTION)] == ["requests"]


async def test_the_gateways_latencies_are_read_in_seconds_bucket_by_bucket():
    releases, rows = Releases(), Rows(replace(TRIAL, releases=()))
    releases.read_as(OLD, parse(TIMED.format(path="/health", metric="latency", port=9000), source="old"))
    seen = Seen(Counts(), rows, Manifests(releases, rows), None, ManualClock(), outside=NOTHING)
    await seen.scrape()
    await seen.read()
    (reading,) = seen.last_readings(MES, PRODUCTION)
    (tally,) = reading.tallies.values()
    assert (tally.exposure, tally.bad) == (3, 0)
    found = {edge: n for edge, n in zip(reading.edges, tally.buckets, strict=True) if n}
    assert found == {0.005: 2, 0.1: 1}
