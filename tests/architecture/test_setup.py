"""`tools/setup.sh`: one clear sentence where it cannot work, and nothing to do the second time."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

pytestmark = pytest.mark.component  # runs other programs


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for each in ("requirements.lock", "pyproject.toml", "tools/setup.sh", "apps/mes/pyproject.toml"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, tmp_path / each)
    return tmp_path


def a_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


def set_up(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tools/setup.sh", *arguments],
        cwd=checkout,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_old_python_is_one_sentence(checkout: Path) -> None:
    old = a_program(
        checkout / "python-old", 'if [ "$1" = --version ]; then echo Python 3.8.1; else exit 1; fi'
    )
    done = set_up(checkout, PYTHON=str(old))
    assert done.returncode == 1
    assert "Andon needs Python 3.11 or newer" in done.stderr
    assert "Python 3.8.1" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_one_sentence(checkout: Path) -> None:
    done = set_up(checkout, PYTHON="no-such-python")
    assert done.returncode == 1
    assert done.stderr.startswith("setup: Andon needs Python 3.11 or newer, and no-such-python is missing;")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def calls(checkout: Path) -> Path:
    """A .venv whose Python notes what it is asked."""
    a_program(checkout / ".venv" / "bin" / "python", f'echo "$*" >> {checkout}/calls')
    return checkout / "calls"


def test_packages_come_from_the_hashed_lock_and_the_second_run_does_nothing(
    checkout: Path, calls: Path
) -> None:
    assert set_up(checkout).returncode == 0
    asked = calls.read_text()
    assert "install --require-hashes --no-deps -r requirements.lock" in asked
    assert "install --no-deps --no-build-isolation -e ." in asked
    assert "apps/mes" in asked
    calls.unlink()
    assert set_up(checkout).returncode == 0
    assert not calls.exists()


@pytest.mark.parametrize("file", ["requirements.lock", "pyproject.toml", "apps/mes/pyproject.toml"])
def test_a_changed_lock_or_project_is_set_up_again(checkout: Path, calls: Path, file: str) -> None:
    set_up(checkout)
    calls.unlink()
    with (checkout / file).open("a") as stream:
        stream.write("\n")
    assert set_up(checkout).returncode == 0
    assert calls.exists()


def test_a_set_up_that_failed_is_done_again(checkout: Path, calls: Path) -> None:
    a_program(checkout / ".venv" / "bin" / "python", f'echo "$*" >> {calls}; [[ "$*" != *install* ]]')
    assert set_up(checkout).returncode != 0
    calls.unlink()
    assert set_up(checkout).returncode != 0
    assert calls.exists()


@pytest.fixture
def bare(checkout: Path, calls: Path) -> Path:
    """A folder for PATH with what the script itself needs, and an apt-get that notes what it is asked."""
    programs = checkout / "programs"
    for each in ("bash", "cat", "dirname", "sha256sum"):
        (programs / each).parent.mkdir(exist_ok=True)
        (programs / each).symlink_to(shutil.which(each))
    a_program(programs / "python3", "exit 0")
    a_program(programs / "apt-get", f'echo "apt-get $*" >> {calls}')
    return programs


def test_who_is_not_root_is_told_what_to_install(checkout: Path, bare: Path) -> None:
    a_program(bare / "id", "echo 1000")
    done = set_up(checkout, "system", PATH=str(bare))
    assert done.returncode == 1
    assert "sudo apt-get install" in done.stderr
    assert "chromium" in done.stderr
    assert done.stderr.count("\n") == 1


def test_root_gets_the_missing_packages_after_an_update(checkout: Path, bare: Path, calls: Path) -> None:
    a_program(bare / "id", "echo 0")
    assert set_up(checkout, "system", PATH=str(bare)).returncode == 0
    asked = [each for each in calls.read_text().splitlines() if each.startswith("apt-get")]
    assert asked[0] == "apt-get update -qq"
    assert asked[1].startswith("apt-get install -y")
    assert "chromium" in asked[1]


def test_the_continuous_integration_runs_what_a_person_runs() -> None:
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "test-quick", "check", "bench", "lock", "reference", "help"):
        assert f"\n{target}: " in makefile
