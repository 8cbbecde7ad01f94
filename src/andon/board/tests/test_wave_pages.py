"""The page of a rollout over a fleet: rings and stations, and no word of requests."""

from dataclasses import replace

import pytest

from andon.kernel.ids import StationName
from andon.rollouts.model import Phase
from andon.testing import scenes, waves
from andon.testing.access import client_as
from andon.testing.board import board
from andon.testing.services import FakePlant
from andon_wire.protocol import Phase as UnitPhase
from andon_wire.protocol import Sample


async def shown(plant: FakePlant, address: str, language: str = "en", who: str = "engineer") -> str:
    async with client_as(plant, who, app=board(plant)) as client:
        answer = await client.get(address, headers={"Accept-Language": language, "Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def cells(page: str, name: str) -> list[str]:
    row = page.split(f'id="stations-{name}"')[1].split("</tr>", maxsplit=1)[0]
    return [each.split("</td>")[0] for each in row.split("<td>")[1:]]


async def test_it_shows_how_the_stations_of_the_wave_and_of_all_waves_stand():
    plant = await waves.a_second_wave(scenes.a_busy_morning(FakePlant()))
    page = await shown(plant, f"/rollouts/{waves.WAVE}")
    assert {each: cells(page, each) for each in ("asked", "confirmed", "under_way", "failed", "away")} == {
        "asked": ["2", "3"],
        "confirmed": ["0", "1"],
        "under_way": ["0", "0"],
        "failed": ["1", "1"],
        "away": ["1", "1"],
    }
    assert "press-2" in page
    assert 'href="/fleet?unit=screen"' in page


@pytest.mark.parametrize(
    ("language", "there", "never"),
    [
        (
            "en",
            ("up to ring lab", "1 station", "3 stations", "0 of 2 confirmed"),
            ("gets requests", "Side by"),
        ),
        ("ko", ("lab 링까지", "스테이션 1대", "스테이션 3대", "2대 중 0대 확인"), ("요청을 받기", "나란히")),
    ],
)
async def test_its_steps_are_rings_and_stations_and_nothing_speaks_of_traffic(language, there, never):
    plant = await waves.a_second_wave(scenes.a_busy_morning(FakePlant()))
    page = await shown(plant, f"/rollouts/{waves.WAVE}", language)
    assert [each for each in there if each not in page] == []
    assert [each for each in never if each in page] == []


async def test_a_service_is_still_compared_side_by_side():
    page = await shown(scenes.a_busy_morning(FakePlant()), f"/rollouts/{scenes.UNDER_WAY}")
    assert "Side by side" in page
    assert 'id="stations"' not in page


async def test_a_station_says_what_it_sent_and_received():
    plant = scenes.a_busy_morning(FakePlant())
    at = plant.clock.now()
    sample = Sample(at=at, cpu=0.1, memory=0.2, disk=0.3, sent=5_300_000, received=720_000_000)
    plant.stations.samples[StationName("press-1"), at] = sample
    page = await shown(plant, "/stations/press-1")
    assert "5.3 MB sent, 720 MB received" in page


async def test_without_a_station_the_page_says_a_command_that_works_as_written():
    page = await shown(FakePlant(), "/fleet")
    assert "<pre>andon fleet enrol-token --ring lab --line line-1 --reason" in page


async def test_when_it_is_over_the_page_leads_to_the_map_and_counts_nobody():
    plant = await waves.a_second_wave(scenes.a_busy_morning(FakePlant()))
    over = replace(plant.rollouts[waves.WAVE], phase=Phase.PROMOTED, finished_at=plant.clock.now())
    plant.rollouts[waves.WAVE] = over
    page = await shown(plant, f"/rollouts/{waves.WAVE}")
    assert 'href="/fleet?unit=screen"' in page
    assert "stations-asked" not in page
    assert "No station was asked yet" not in page


async def test_in_korean_the_engine_and_the_agents_speak_korean_and_a_person_as_they_wrote():
    plant = await waves.a_second_wave(scenes.a_busy_morning(FakePlant()))
    page = await shown(plant, f"/rollouts/{waves.WAVE}", "ko")
    assert "비중 100.0%의 스테이션에 요청함" in page
    assert "the stations of share" not in page
    name = StationName("press-2")
    state = plant.stations.seen[name].units["screen"]
    said = "2.1.0 was not healthy within 60 s: its process is gone; it printed: no such port"
    ill = state.model_copy(update={"phase": UnitPhase.FAILED, "reason": said})
    plant.fleet.roster.reported(name, replace(plant.stations.seen[name], units={"screen": ill}))
    for address in ("/stations/press-2", "/fleet"):
        station = await shown(plant, address, "ko")
        assert "2.1.0이(가) 60초 안에 정상이 되지 않음: 프로세스가 사라짐; 출력: no such port" in station


async def test_who_may_manage_stations_lets_all_that_failed_try_again_and_nobody_else_is_offered_it():
    plant = await waves.a_second_wave(scenes.a_busy_morning(FakePlant()))
    page = await shown(plant, "/fleet", who="admin")
    assert "Let all of production try again (1)" in page
    assert "try what failed of screen once more: press-2." in page
    assert "try again" not in await shown(plant, "/fleet", who="engineer"), "production is not theirs"
