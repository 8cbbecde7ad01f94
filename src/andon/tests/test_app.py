"""What the composition root makes of the settings."""

import re
import tomllib
from pathlib import Path

import pytest

from andon.app import protection
from andon.settings import Settings

_ROOT = Path(__file__).parents[3]


@pytest.mark.asvs("13.4.5")
def test_metrics_are_open_only_where_a_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not protection(Settings()).open_metrics
    monkeypatch.setenv("ANDON_GUARD__OPEN_METRICS", "true")
    assert protection(Settings()).open_metrics


def test_an_older_fastapi_than_the_tested_one_is_not_taken() -> None:
    # The declarations of routes stand on what it made public only lately.
    wanted = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = re.search(r"^fastapi==(\d+\.\d+)", (_ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert f"fastapi>={locked[1]}" in wanted
