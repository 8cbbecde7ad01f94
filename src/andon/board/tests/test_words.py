"""Both languages say everything, with the same blanks."""

import ast
import re
from importlib import resources
from pathlib import Path
from string import Formatter

import pytest

from andon.access.model import Permission, Source, Where
from andon.access.rights import BUILTIN
from andon.access.signatures.model import Action, Meaning, Standing
from andon.board.heat import Heat
from andon.board.words import GROUPS, WORDS, choose, say, say_or
from andon.fleet.model import Standing as StationStanding
from andon.judge.model import Outcome
from andon.pipelines.model import RunState, StageName, StageState
from andon.releases.ceremony.status import Worry
from andon.rollouts import telling
from andon.rollouts.model import Phase, RequestKind, Trigger
from andon.rollouts.sets.model import Abort, Begin, GoBack, SetPhase
from andon.rollouts.steps import GateKind, TaskKind
from andon.targets.model import InstanceState
from andon.timeline.records import Severity
from andon_wire.protocol import Phase as UnitPhase

_BOARD = resources.files("andon.board")


def _blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_a_key_has_both_languages_with_the_same_blanks(key):
    english, korean = WORDS[key]
    assert english.strip()
    assert korean.strip()
    assert _blanks(english) == _blanks(korean)


def _used() -> set[str]:
    found: set[str] = set()
    for file in (_BOARD / "templates").iterdir():
        found |= set(re.findall(r"say(?:_or)?\('([a-z0-9_.-]+[a-z0-9_])'[,)]", file.read_text()))
    for file in ("story.py", "account_pages.py"):
        for node in ast.walk(ast.parse((_BOARD / file).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Phrase":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_every_key_that_a_page_uses_is_there():
    used = _used()
    assert len(used) > 250
    assert used <= set(WORDS)


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("phase", Phase),
        ("outcome", Outcome),
        ("trigger", Trigger),
        ("run", RunState),
        ("stage", StageState),
        ("stagename", StageName),
        ("instance", InstanceState),
        ("severity", Severity),
        ("heat", Heat),
        ("unit_phase", UnitPhase),
        ("standing", StationStanding),
        ("act", RequestKind),
        ("say", RequestKind),
        ("perm", Permission),
        ("where", Where),
        ("meaning", Meaning),
        ("action", Action),
        ("standing", Standing),
        ("user.source", Source),
        ("element", GateKind),
        ("element", TaskKind),
        ("next.gate", GateKind),
        ("registry.worry", Worry),
    ],
)
def test_every_value_that_the_domains_have_has_a_word(prefix, values):
    assert {f"{prefix}.{each.value}" for each in values} <= set(WORDS)


def test_every_role_that_is_built_in_is_described():
    assert {f"role.{name}" for name in BUILTIN} <= set(WORDS)


def test_every_figure_of_a_verification_has_a_word():
    template = (_BOARD / "templates/timeline.html").read_text()
    named = re.search(r"for name in \(([^)]*'witnesses'[^)]*)\)", template)
    assert named
    assert {f"verify.{each}" for each in re.findall(r"'([a-z_]+)'", named[1])} <= set(WORDS)


def test_every_kind_that_the_fleet_tells_has_a_word():
    told = resources.files("andon.fleet")
    texts = "".join(each.read_text() for each in Path(str(told)).rglob("*.py") if "tests" not in each.parts)
    kinds = set(re.findall(r'"((?:fleet|station)\.[a-z-]+)"', texts))
    assert "station.installed" in kinds
    assert {f"kind.{each}" for each in kinds} <= set(WORDS)


def test_no_key_stands_in_two_groups():
    assert sum(len(each.WORDS) for each in GROUPS) == len(WORDS)


def test_every_kind_that_a_rollout_tells_has_a_word():
    kinds = set(
        re.findall(
            r'"((?:rollout|cord)\.[a-z-]+)"',
            resources.files("andon.rollouts").joinpath("telling.py").read_text(),
        )
    )
    assert len(kinds) > 10
    assert {f"kind.{each}" for each in kinds} <= set(WORDS), telling.__name__


def test_every_kind_that_access_and_the_timeline_tell_has_a_word():
    root = Path(str(resources.files("andon")))
    sources = [
        each.read_text()
        for folder in ("access", "timeline", "rollouts")
        for each in (root / folder).rglob("*.py")
        if "tests" not in each.parts
    ]
    told = re.compile(r'"((?:access|policy|secret|signature|clock|cord)\.[a-z]+(?:-[a-z]+)*)"')
    kinds = {kind for text in sources for kind in told.findall(text)}
    permissions = {each.value for each in Permission}
    assert len(kinds - permissions) > 25
    assert {f"kind.{each}" for each in kinds - permissions} <= set(WORDS)


def test_every_kind_that_sets_and_holds_tell_has_a_word():
    moves = {each.__name__.lower() for each in (Begin, Abort, GoBack)}
    ways = {each.value for each in SetPhase if each is not SetPhase.GOING}
    sets = {f"kind.set.{each}" for each in moves | ways | {"created", "opened", "published"}}
    assert sets | {"kind.hold.made", "kind.hold.released"} <= set(WORDS)


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


def test_a_word_of_a_newer_part_is_shown_as_it_is():
    assert say_or("ko", "light.new-word", "new-word") == "new-word"
    with pytest.raises(KeyError):
        say("en", "light.new-word")


def test_a_station_has_one_name_in_korean():
    assert not [key for key, said in WORDS.items() if "작업대" in said[1]]
