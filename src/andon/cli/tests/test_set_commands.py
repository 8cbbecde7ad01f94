"""Sets from the command line, over the real API and a plant in memory: a dry run changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from andon.access.policies.model import Policy
from andon.cli.tests.test_against_api import BECAUSE, Served, run, shown, sign_in, signing, told
from andon.kernel import errors
from andon.testing.access import PASSWORD
from andon.testing.scenes import a_busy_morning
from andon.testing.services import FakePlant

SET = """\
[set]
name = "line"
version = "7.0.0"
members = [{ unit = "mes", version = "1.3.0" }, { unit = "roastery", version = "2.4.1" }]
"""


@pytest.fixture
def andon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlant]:
    plant = a_busy_morning(FakePlant())
    with Served(plant) as port:
        monkeypatch.setenv("ANDON_PORT", str(port))
        monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("ANDON_CREDENTIALS", str(tmp_path / "credentials.json"))
        sign_in()
        yield plant


def test_a_set_is_shown_before_it_moves_and_no_word_is_passed_over(andon: FakePlant, tmp_path: Path) -> None:
    (tmp_path / "andon-set.toml").write_text(SET)
    told("sets", "publish", str(tmp_path / "andon-set.toml"))
    before = len(andon.rollouts)
    plans = told("deploy", "--set", "line", "--dry-run")
    assert [bool(each["steps"]) for each in plans] == [True, True]
    assert "waits for the others before its promotion" in shown("deploy", "--set", "line", "--dry-run")
    assert (andon.set_rollouts, len(andon.rollouts)) == ([], before)
    for words in (("--shares", "5, 100"), ("--strategy", "rolling"), ("--override",), ("mes",), ("-w",)):
        refused = run("deploy", "--set", "line", *words)
        assert isinstance(refused.exception, errors.InvalidInput), words
    assert andon.set_rollouts == []
    assert isinstance(run("deploy", "--set", "nothing", "--dry-run").exception, errors.NotFound)
    assert told("deploy", "--set", "line")["phase"] == "going"


def test_a_set_is_shown_whole_and_signed_once(andon: FakePlant, tmp_path: Path) -> None:
    (tmp_path / "andon-set.toml").write_text(SET)
    told("sets", "publish", str(tmp_path / "andon-set.toml"))
    andon.access.policies["production"] = Policy("production", approvals=1)
    told("deploy", "--set", "line")
    before = shown("sets", "approve", "line", "--show")
    assert "roastery" in before
    assert "0 of 1" in before
    assert andon.access.signatures == []
    sign_in("approver")
    said = ("sets", "approve", "line", *signing("approver"), *BECAUSE)
    assert "is signed as a whole" in shown(*said, stdin=PASSWORD + "\n")
    (made,) = andon.access.signatures
    assert [each["unit"] for each in made.document.values["members"]] == ["mes", "roastery"]
    assert told("sets", "approve", "line", "--show")["why_not"] == "approver has approved it already"


def test_a_set_that_is_another_than_was_shown_is_not_signed(
    andon: FakePlant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "andon-set.toml").write_text(SET)
    told("sets", "publish", str(tmp_path / "andon-set.toml"))
    andon.access.policies["production"] = Policy("production", approvals=1)
    told("deploy", "--set", "line")
    sign_in("approver")

    def another_meanwhile(reason: str, _question: str) -> str:
        andon.set_rollouts[0] = replace(andon.set_rollouts[0], id="rs-later")
        return reason

    monkeypatch.setattr("andon.cli.sets.asked", another_meanwhile)
    refused = run("sets", "approve", "line", *signing("approver"), *BECAUSE, stdin=PASSWORD + "\n")
    assert isinstance(refused.exception, errors.Conflict)
    assert refused.exception.code == "signature-stale"
    assert andon.access.signatures == []


@pytest.mark.parametrize("what", [("mes",), ("--set", "line")])
def test_a_dry_run_that_is_not_there_is_refused_and_goes_nowhere_in_earnest(
    andon: FakePlant, what: tuple[str, ...]
) -> None:
    before = {each.id: each.request for each in andon.rollouts.values()}
    refused = run("rollback", *what, "--dry-run", *BECAUSE)
    assert isinstance(refused.exception, errors.InvalidInput)
    assert {each.id: each.request for each in andon.rollouts.values()} == before


@pytest.mark.parametrize(
    "words",
    [(), ("mes", "--all"), ("mes", "--set", "line"), ("--set", "line", "--all"), ("--all", "--to", "1")],
)
def test_what_goes_back_is_named_in_one_way(andon: FakePlant, words: tuple[str, ...]) -> None:
    refused = run("rollback", *words, *BECAUSE)
    assert isinstance(refused.exception, errors.InvalidInput)
    assert all(each.request is None for each in andon.rollouts.values() if not each.phase.is_over)
