"""The pages speak both languages: no word is missing, none is without its other language."""

import re
from importlib import resources
from string import Formatter

import pytest
from andon_mes.access.model import Action, Resource, Role
from andon_mes.calls.model import CallAction, CallKind
from andon_mes.configuration.model import Kind
from andon_mes.dashboard.report_pages import REPORTS
from andon_mes.dashboard.words import GROUPS, WORDS, choose, say, say_or
from andon_mes.defects.model import DefectStatus, Disposition, Meaning
from andon_mes.defects.signature import SignatureStanding
from andon_mes.equipment.model import E10, ResourceState
from andon_mes.exports.tables import GROUPS as GROUPS_OF_REPORTS
from andon_mes.lots.model import LotAction, LotStatus, Priority
from andon_mes.oee.model import Unknown
from andon_mes.processes.model import AttemptStatus
from andon_mes.processes.refusals import KEPT
from andon_mes.recalls.model import Outcome
from andon_mes.serials.model import SerialAction, SerialStatus
from andon_mes.signals.model import HoldAction, OnSignal
from andon_mes.spc.model import RULE_SETS, ChartKind, Rule, Where
from andon_mes.spc.model import Unknown as WhyUnknown

DASHBOARD = resources.files("andon_mes.dashboard")
HANGUL = re.compile("[\uac00-\ud7a3]")


def _blanks(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_key_has_both_languages_with_the_same_blanks():
    for key, (english, korean) in WORDS.items():
        assert english.strip(), key
        assert korean.strip(), key
        assert _blanks(english) == _blanks(korean), key


def test_korean_is_korean_and_english_is_not():
    for key, (english, korean) in (WORDS | {"language": WORDS["language"][::-1]}).items():
        assert not HANGUL.search(english), key
        assert HANGUL.search(korean) or english == korean, key


def test_no_key_stands_in_two_groups():
    assert sum(len(each.WORDS) for each in GROUPS) == len(WORDS)


def test_every_key_that_a_page_uses_is_there():
    used = set()
    for file in DASHBOARD.joinpath("templates").iterdir():
        used |= set(re.findall(r"say(?:_or)?\('([a-z0-9_.-]+[a-z0-9_])'[,)]", file.read_text()))
    for file in DASHBOARD.iterdir():
        if file.name.endswith(("_pages.py", "actions.py")):
            used |= set(re.findall(r'say(?:_or)?\(\s*"([a-z0-9_.-]+[a-z0-9_])"', file.read_text()))
    assert len(used) > 90
    assert used <= set(WORDS), used - set(WORDS)


def test_no_word_stands_in_a_template_itself():
    for file in DASHBOARD.joinpath("templates").iterdir():
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", file.read_text(), flags=re.DOTALL)
        text = re.sub(r"<[^>]*>", " ", text)
        assert set(re.findall(r"[A-Za-z\uac00-\ud7a3]{2,}", text)) <= {"MES", "doctype", "SHA", "CSV"}, (
            file.name
        )


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("lot", LotStatus),
        ("lot", LotAction),
        ("serial", SerialStatus),
        ("serial", SerialAction),
        ("attempt", AttemptStatus),
        ("priority", Priority),
        ("defect", DefectStatus),
        ("disposition", Disposition),
        ("meaning", Meaning),
        ("signature", SignatureStanding),
        ("e10", E10),
        ("cfx", {each.value[4:] for each in ResourceState} - {""}),
        ("contested", KEPT),
        ("outcome", Outcome),
        ("oee", Unknown),
        ("admin", Kind),
        ("report", REPORTS),
        ("rule", Rule),
        ("rules", RULE_SETS),
        ("chart", ChartKind),
        ("why", WhyUnknown),
        ("spc", Where),
        ("on_signal", OnSignal),
        ("process", HoldAction),
        ("group", GROUPS_OF_REPORTS),
        ("role", Role),
        ("resource", Resource),
        ("do", Action),
        ("call", CallKind),
        ("call", CallAction),
    ],
)
def test_every_value_that_the_domains_have_has_a_word(prefix, values):
    assert {f"{prefix}.{getattr(each, 'value', each)}" for each in values} <= set(WORDS)


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "language"),
    [
        (None, None, "", "en"),
        (None, None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, None, "fr,ko;q=0.5", "ko"),
        (None, "en", "ko", "en"),
        ("ko", "en", "en", "ko"),
        ("xx", "ko", "en", "ko"),
    ],
)
def test_the_language_asked_for_wins_then_the_remembered_then_the_browsers(query, cookie, accept, language):
    assert choose(query, cookie, accept) == language


def test_a_word_of_a_newer_release_is_shown_as_it_is():
    assert say_or("ko", "lot.NEW", "NEW") == "NEW"
    with pytest.raises(KeyError):
        say("en", "lot.NEW")
