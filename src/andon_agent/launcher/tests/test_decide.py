"""Which agent is started, over every situation."""

from itertools import product

import pytest

from andon_agent.engine.model import SlotName
from andon_agent.launcher.decide import MOST_DEATHS, decide
from andon_agent.launcher.model import Count, Fail, Nothing, Seen, Start, Trial

pytestmark = pytest.mark.unit
BOTH: frozenset[SlotName] = frozenset({"a", "b"})
WHOLES: list[frozenset[SlotName]] = [BOTH, frozenset({"a"}), frozenset({"b"}), frozenset()]


def test_in_every_situation_a_whole_agent_is_started_where_there_is_one() -> None:
    trials = [None, Trial("a"), Trial("b"), Trial("b", tries=3), Trial("b", outcome="it was silent")]
    pointers: list[SlotName | None] = ["a", "b", None]
    for pointer, whole, trial, is_counted, deaths in product(
        pointers, WHOLES, trials, (False, True), range(9)
    ):
        action = decide(Seen(pointer, whole, trial), is_counted=is_counted, deaths=deaths)
        match action:
            case Start(slot, deadline_s):
                assert slot in whole or not whole
                is_try = trial is not None and not trial.outcome and trial.slot != pointer
                assert (deadline_s is not None) == is_try
                assert not is_try or is_counted
            case Nothing():
                assert not whole
                assert pointer is None
            case Count(noted):
                assert trial is not None
                assert noted.tries == trial.tries + 1 <= trial.most_tries
            case Fail(noted):
                assert noted.outcome


def test_a_trial_ends_after_its_tries_and_the_confirmed_agent_comes_back() -> None:
    trial, started, is_counted = Trial("b", most_tries=3), [], False
    for _ in range(20):
        action = decide(Seen("a", BOTH, trial), is_counted=is_counted, deaths=0)
        match action:
            case Count(trial) | Fail(trial):
                is_counted = isinstance(action, Count)
            case Start(slot, _):
                started.append(slot)
                is_counted = False
                if slot == "a":
                    break
    assert started == ["b", "b", "b", "a"]
    assert trial.outcome == "it did not confirm itself in 3 tries"


def test_an_agent_that_confirmed_itself_is_not_on_trial_any_more() -> None:
    assert decide(Seen("b", BOTH, Trial("b", tries=1)), is_counted=False, deaths=0) == Start("b")


def test_an_agent_that_dies_again_and_again_gives_way_in_turn() -> None:
    started = [decide(Seen("a", BOTH, None), is_counted=False, deaths=each) for each in range(4, 9)]
    assert MOST_DEATHS == 5
    assert started == [Start("a"), Start("b"), Start("a"), Start("b"), Start("a")]


def test_where_the_pointer_is_damaged_a_whole_agent_is_started() -> None:
    assert decide(Seen(None, frozenset({"b"}), None), is_counted=False, deaths=0) == Start("b")
    assert decide(Seen("a", frozenset({"b"}), None), is_counted=False, deaths=0) == Start("b")
