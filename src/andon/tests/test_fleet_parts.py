"""What all stations are told alike follows from the settings."""

from datetime import timedelta

import pytest

from andon.fleet_parts import common_of
from andon.kernel.errors import InvalidInput
from andon.settings import EdgeRuleSettings, FleetSettings
from andon_wire.protocol import Pace, Windows


def test_without_settings_stations_alert_as_it_was_promised() -> None:
    told = common_of(FleetSettings())
    assert told.pace == Pace(download=Windows(zone="UTC"))
    assert [(each.metric, each.limit, each.level, each.pause_s) for each in told.rules] == [
        ("cpu", 0.80, "warning", 300),
        ("memory", 0.85, "warning", 300),
        ("disk", 0.90, "error", 300),
        ("response", 5.0, "warning", 300),
    ]
    assert told.registries == ("/registry/",)


def test_pace_downloads_and_rules_are_the_plants() -> None:
    told = common_of(
        FleetSettings(
            poll=timedelta(minutes=10),
            report=timedelta(minutes=1),
            bandwidth=250_000,
            download_zone="Asia/Seoul",
            download_windows=["Mon 18:00-22:00"],
            rules=[EdgeRuleSettings(name="hot", metric="cpu", limit=0.5, level="critical")],
        )
    )
    assert (told.pace.poll_s, told.pace.report_s, told.pace.bandwidth) == (600, 60, 250_000)
    assert told.pace.download == Windows(zone="Asia/Seoul", spans=[(0, 18 * 60, 22 * 60)])
    assert [(each.name, each.limit, each.level) for each in told.rules] == [("hot", 0.5, "critical")]


def test_download_times_that_are_none_are_refused_at_the_start() -> None:
    with pytest.raises(InvalidInput):
        common_of(FleetSettings(download_windows=["now and then"]))
