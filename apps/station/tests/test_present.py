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


@pytest.mark.parametrize("phase", [*PHASES, "brand-new"])
def test_every_phase_has_words_in_both_languages_and_a_sign(phase):
    made = shown({"phase": phase, "running": "1.0.0", "wanted": "1.1.0", "progress": 0.5})
    assert made.korean
    assert made.english
    assert made.sign
    assert made.lines("ko") == (made.korean, made.english)
    assert made.lines("en") == (made.english, made.korean)


def test_only_what_is_ready_asks_the_operator():
    asking = {phase for phase in PHASES if shown({"phase": phase}).may_agree}
    assert asking == {"ready"}


def test_a_download_shows_how_far_it_is():
    made = shown({"phase": "downloading", "wanted": "1.1.0", "progress": 0.42})
    assert made.progress == 0.42
    assert "42%" in made.english


def test_a_return_names_its_reason():
    made = shown({"phase": "failed", "running": "1.0.0", "reason": "it did not start"})
    assert made.colour is Colour.WARN
    assert made.english == "Restored the previous version 1.0.0: it did not start"


def test_a_state_of_nothing_is_shown_too():
    assert shown({}).colour is Colour.CALM
