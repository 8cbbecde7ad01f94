"""What agents reported becomes counts that only rise; a page of another unit is read under its own name."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from andon.evidence.agents import AgentEvidence, crashes, installs
from andon.evidence.increments import advance, begin
from andon.evidence.model import ONE_SERIES, Tally
from andon.evidence.sources import page_of
from andon.fleet.reports.model import Tally as Reported
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.testing.rolling import AT
from andon.units.evidence import Evidence

STATION, LINE = UnitName("station"), EnvironmentName("line")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
CRASHES = Evidence(source="agents", counts="crashes")
INSTALLS = Evidence(source="agents", counts="installs", required=False, guardrail=0.02)


def evidence_of(reported: Mapping[Version, Reported] | None) -> AgentEvidence:
    async def tallies(_unit: UnitName, _environment: EnvironmentName) -> Mapping[Version, Reported]:
        if reported is None:
            raise Unavailable("database-unavailable", "the database did not answer")
        return reported

    return AgentEvidence(tallies, ManualClock(AT))


async def test_crashes_are_counted_of_the_minutes_that_a_release_ran() -> None:
    reported = {OLD: Reported(run_s=36_000.0, crashes=2), NEW: Reported(run_s=3_600.0, crashes=1)}
    reading = await evidence_of(reported).read(STATION, LINE, "crashes", CRASHES)
    assert reading.tallies == {OLD: Tally(600, 2), NEW: Tally(60, 1)}
    assert (reading.epoch, reading.problem) == (ONE_SERIES, "")


async def test_installs_are_counted_of_those_that_ended() -> None:
    reported = {NEW: Reported(installs_ok=9, installs_failed=1, returns=1)}
    reading = await evidence_of(reported).read(STATION, LINE, "installs", INSTALLS)
    assert reading.tallies == {NEW: Tally(10, 1)}


async def test_a_database_that_does_not_answer_is_a_problem_and_no_zeros() -> None:
    reading = await evidence_of(None).read(STATION, LINE, "crashes", CRASHES)
    assert (reading.tallies, reading.problem) == ({}, "the database did not answer")


async def test_what_is_read_twice_counts_once() -> None:
    first = await evidence_of({NEW: Reported(run_s=600, crashes=1)}).read(STATION, LINE, "crashes", CRASHES)
    then = await evidence_of({NEW: Reported(run_s=1200, crashes=1)}).read(STATION, LINE, "crashes", CRASHES)
    baseline, gained = advance(begin(first), then)
    assert gained == {NEW: Tally(10, 0)}
    assert advance(baseline, then)[1] == {NEW: Tally(0, 0)}


@pytest.mark.parametrize("reported", [Reported(crashes=50), Reported(run_s=59.9, crashes=3), Reported()])
def test_there_are_never_more_bad_ones_than_there_were(reported: Reported) -> None:
    for each in (crashes(reported), installs(reported)):
        assert 0 <= each.bad <= each.exposure


@pytest.mark.parametrize(
    ("of", "page"),
    [("", ("station", "line")), ("mes", ("mes", "line")), ("mes/production", ("mes", "production"))],
)
def test_a_page_is_the_units_own_or_that_of_the_unit_that_is_named(of: str, page: tuple[str, str]) -> None:
    wanted = Evidence(source="http", exposure="a", bad="b", of=of)
    assert page_of(STATION, LINE, wanted) == page


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"source": "agents"}, "needs `counts`"),
        ({"source": "gateway", "counts": "crashes"}, "nothing else has it"),
        ({"source": "agents", "counts": "installs"}, "required = false"),
        ({"source": "gateway", "of": "mes"}, "`of` is for sources http and json"),
    ],
)
def test_what_agents_cannot_say_is_refused(said: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Evidence.model_validate(said)
