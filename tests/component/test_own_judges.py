"""The example of docs/operations/judges.md, installed as a plant would, judges a rollout."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from andon import own_judges
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy, Outcome
from andon.kernel.errors import InvalidInput

_GUIDE = Path(__file__).parents[2] / "docs" / "operations" / "judges.md"
_BLOCK = re.compile(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
POLICY = JudgePolicy((MetricPolicy("errors", alpha=0.01),), judge="calm", options={"calm_looks": 3.0})
CALM = {"errors": Look(Counts(100, 1), Counts(100, 0))}
BAD = {"errors": Look(Counts(100, 1), Counts(100, 1))}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    source, place = tmp_path_factory.mktemp("plant-judges"), tmp_path_factory.mktemp("site")
    files = dict(_BLOCK.findall(_GUIDE.read_text(encoding="utf-8")))
    assert sorted(files) == ["plant_judges.py", "pyproject.toml"]
    for name, text in files.items():
        (source / name).write_text(text, encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--target", str(place), str(source)),
        ],
        check=True,
        timeout=120,
    )
    return place


@pytest.fixture
def judges(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    return own_judges.found()


def verdict_of(judges, *looks):
    state = judges.start(POLICY)
    for number, look in enumerate(looks):
        state = judges.update(state, look, POLICY, 60.0 * number)
    return judges.judge(state, POLICY)


def test_it_is_found_by_its_name_and_judges_with_its_options(judges):
    assert judges.names == ("sequential", "mann-whitney", "threshold", "calm")
    verdict = verdict_of(judges, CALM, BAD, CALM, CALM)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "2 of 3 looks in a row without a bad event"
    assert verdict_of(judges, CALM, CALM, CALM).outcome is Outcome.PASS


def test_without_it_its_name_is_refused():
    with pytest.raises(InvalidInput, match="the judge 'calm' cannot judge here: it is not installed"):
        own_judges.found().start(POLICY)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module", "cannot be loaded: ModuleNotFoundError"),
        ("json:nothing", "cannot be loaded: AttributeError"),
        ("json", "json has no start and no update and no judge"),
    ],
)
def test_one_that_cannot_be_loaded_is_refused_with_its_problem(value, why):
    judges = own_judges.found([EntryPoint("calm", value, own_judges.GROUP)])
    assert judges.names == ("sequential", "mann-whitney", "threshold")
    with pytest.raises(InvalidInput, match=why):
        judges.start(POLICY)


def test_a_class_is_made_once():
    judges = own_judges.found([EntryPoint("calm", "andon.testing.judges:Calm", own_judges.GROUP)])
    assert verdict_of(judges, CALM, CALM, CALM).outcome is Outcome.PASS
