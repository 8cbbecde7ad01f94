"""Metrics and inventory are of this machine, and of the shape that is sent."""

from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from andon_agent.inventory import machine, machine_id
from andon_agent.metrics import Meter
from andon_wire import platforms

pytestmark = pytest.mark.unit


def test_a_sample_is_of_this_machine(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    sample = Meter(tmp_path).sample(at, response_s=0.25)
    assert sample.at == at
    assert sample.response_s == 0.25
    assert 0 < sample.memory < 1
    assert 0 < sample.disk <= 1
    assert sample.processes > 1
    assert abs(sample.uptime_s - (at.timestamp() - psutil.boot_time())) < 60


def test_the_inventory_names_what_an_update_depends_on(tmp_path: Path) -> None:
    found = machine(tmp_path, "fallback")
    assert found.platform == platforms.own()
    assert found.cpus == psutil.cpu_count()
    assert found.memory == psutil.virtual_memory().total
    assert found.disk == psutil.disk_usage(str(tmp_path)).total
    assert {"python", "openssl"} <= set(found.software)
    assert not any(each.startswith(("127.", "fe80")) or each == "::1" for each in found.addresses)


def test_a_machine_is_the_same_at_each_start_and_its_id_is_shown_to_nobody() -> None:
    assert machine_id("fallback") == machine_id("fallback")
    path = Path("/etc/machine-id")
    if path.exists() and path.read_text().strip():
        assert path.read_text().strip() not in machine_id("fallback")
