"""What the operator sees of an update: both languages, a sign beside the colour, a choice in time."""

import pytest
from andon_station.updates.present import Colour, shown

PHASES = [
    "idle",
    "downloading",
    "installing",
    "ready",
    "switching",
    "watching",
    "returning",
    "failed",
    "held",
]
WORDS = {"en": "Version 1.1.0 is ready.", "ko": "버전 1.1.0 준비 완료."}


@pytest.mark.parametrize("phase", [*PHASES, "brand-new"])
def test_the_agents_words_are_shown_in_the_operators_language_first_and_with_a_sign(phase):
    made = shown({"phase": phase, "sentence": WORDS})
    assert made.sign
    assert made.lines("ko") == (WORDS["ko"], WORDS["en"])
    assert made.lines("en") == (WORDS["en"], WORDS["ko"])


def test_only_what_is_ready_asks_the_operator():
    assert {phase for phase in PHASES if shown({"phase": phase}).may_agree} == {"ready"}


def test_a_download_shows_how_far_it_is_and_nothing_else_does():
    assert shown({"phase": "downloading", "progress": 0.42}).progress == 0.42
    assert shown({"phase": "ready", "progress": 1.0}).progress is None


def test_what_went_back_is_a_warning():
    assert {phase for phase in PHASES if shown({"phase": phase}).colour is Colour.WARN} == {
        "returning", "failed", "held",
    }  # fmt: skip


@pytest.mark.parametrize("state", [{}, {"sentence": "x"}, {"phase": None, "progress": "much"}])
def test_what_is_no_state_of_a_unit_is_shown_too(state):
    assert shown(state).sign
