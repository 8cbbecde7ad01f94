"""What is frozen can be started from what is packed, without the rest of Andon."""

import json
import subprocess
import sys
from pathlib import Path


def test_it_knows_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "andon_agent.main", "--home", str(tmp_path), "inventory"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(said.stdout)["memory"] > 0


def test_a_machine_that_is_no_station_is_told_how_to_become_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "andon_agent.main", "--home", str(tmp_path), "run"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 1
    assert "andon-agent enrol" in said.stderr
