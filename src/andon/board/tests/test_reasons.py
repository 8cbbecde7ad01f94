"""Every sentence that engine, judge, fleet and agents make has Korean words; what people write stays."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest

from andon.board.reasons import PHRASES, told
from andon.rollouts import waves
from andon.rollouts.model import Phase, Rollout, Stage
from andon.targets.stations import FleetSeen, Heads
from andon.testing.rolling import AT, a_fleet_plan, a_rollout, obeyed

_ROOT = Path(str(resources.files("andon"))).parent
_SPEAKERS = (
    "andon/fleet/assign.py",
    "andon/fleet/faring.py",
    "andon/judge/wording.py",
    "andon/judge/measured_words.py",
    "andon/judge/own.py",
    "andon/judge/registry.py",
    "andon/judge/sequential.py",
    "andon/judge/threshold.py",
    "andon/rollouts/decide.py",
    "andon/rollouts/errands.py",
    "andon/rollouts/guards.py",
    "andon/rollouts/seeing.py",
    "andon/rollouts/waves.py",
    "andon/rollouts/leaving.py",
    "andon/rollouts/backward.py",
    "andon/rollouts/forward.py",
    "andon/rollouts/refusals.py",
    "andon/rollouts/gates.py",
    "andon/rollouts/sets/signing.py",
    "andon/rollouts/notes.py",
    "andon/rollouts/tasks/decide.py",
    "andon/rollouts/uses.py",
    "andon/releases/ceremony/status.py",
    "andon/releases/garbage/plan.py",
    "andon_agent/engine/decide.py",
    "andon_agent/engine/changing.py",
    "andon_agent/engine/own.py",
    "andon_agent/engine/pursuing.py",
    "andon_agent/engine/running.py",
    "andon_agent/engine/health.py",
)
# What these functions give stands in a sentence like this.
_LIKE = {
    "share_of()": "7 %",
    "seconds()": "7 s",
    "evidence()": "7 to 1",
    "against()": "evidence 7 to 1, limit 7 to 1",
    "of()": "7 of 7",
    "comparison()": "m: 7 of 7 on the candidate against 7 of 7 on the stable",
    "_size()": "noise 7 times that of independent events",
    "named()": "smoke test 7",
    "count()": "7 of 7 instances",
    "heads()": "7 of 7 stations confirmed",
    "_stations()": "7 stations",
    "_missing()": "7 are needed",
    "going_back()": "7 stations still to leave 7",
    "_people()": "7 people with the role 7",
    "_element()": "smoke test 7 has to go well",
    "by": "by 7: 7",
    "waiting": "the gateway has not confirmed share 7",
    "job.value": "install",
    "widening": "evidence is widened by 7",
    "where": "Before share 7",
    "asked": "7 of 7 stations",
}
# Begun here and ended elsewhere: the whole is among the examples below.
_PARTS = {
    "7: 7 on the candidate against 7 on the stable",
    "7: 7 of 7 on the candidate",
    "7 against 7 of 7 on the stable",
    "7 min",
}
_PLACES = {"Raise", "Assert"}
_FOREIGN = {"debug", "info", "warning", "error", "NotFound", "Conflict", "InvalidInput", "Damaged"}


def _silent(tree: ast.AST) -> set[ast.AST]:
    """What is said to nobody who looks at a page: docstrings, errors of programs, logs."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(node.value)
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if type(node).__name__ in _PLACES or name in _FOREIGN:
            found |= set(ast.walk(node))
    return found


def _blank(value: ast.expr) -> str:
    if isinstance(value, ast.Call):
        return _LIKE.get(ast.unparse(value.func).rpartition(".")[2] + "()", "7")
    return _LIKE.get(ast.unparse(value), "7")


def _filled(text: ast.JoinedStr) -> str:
    """The sentence with something in its blanks; one right behind a letter is an end that may be empty."""
    said = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        elif isinstance(part, ast.FormattedValue) and not said[-1:].isalnum() and said[-1:] not in set(")%'"):
            said += _blank(part.value)
    return said


def _sentences(speaker: str) -> Iterator[str]:
    tree = ast.parse((_ROOT / speaker).read_text())
    silent = _silent(tree)
    within = {
        each
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for each in ast.walk(node)
        if each is not node
    }
    for node in ast.walk(tree):
        if node in silent or node in within:
            continue
        if isinstance(node, ast.JoinedStr):
            said = _filled(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said = node.value
        else:
            continue
        text = said.strip(" ;,:.")
        if " " in text and re.search(r"[a-z]{3}", text):
            yield said.strip(" ;,:") if said.rstrip().endswith(".") else text


@pytest.mark.parametrize("speaker", _SPEAKERS)
def test_every_sentence_that_a_part_makes_has_korean_words(speaker):
    said = {each for each in _sentences(speaker) if told("ko", each) == each}
    assert said - _PARTS == set()


def test_the_sentences_are_found_at_all():
    assert sum(len(set(_sentences(each))) for each in _SPEAKERS) > 220


_LEAST = "(at least 2.1 times); evidence more than a million to 1, limit 20 to 1"
_LEAST_IN_KOREAN = "(최소 2.1배); 근거 100만 대 1 초과, 기준 20 대 1"
_PROOF = (
    "proof that it is below 1.5 times the stable or below 2 % needs about 300 more on the candidate: "
    "evidence 1.2 to 1, limit 20 to 1"
)
_PROOF_IN_KOREAN = (
    "안정의 1.5배 미만 또는 2 % 미만임을 입증하려면 후보에서 약 300건 더 필요: 근거 1.2 대 1, 기준 20 대 1"
)


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        (
            "wave 2 fills: 0 of 2 stations (1 failed, 1 switched off) confirmed 2.1.0, 2 are needed",
            "2차 진행 중: 스테이션 2대 중 0대가 2.1.0 확인(실패 1대, 꺼짐 1대), 2대 필요",
        ),
        (
            f"errors: 41 of 212 on the candidate against 3 of 9,000 on the stable, 61 times as many {_LEAST}",
            f"errors: 후보 212건 중 41건, 안정 9,000건 중 3건, 61배 {_LEAST_IN_KOREAN}",
        ),
        (
            f"waiting for evidence: errors: 0 of 20 on the candidate against 1 of 90 on the stable; {_PROOF}",
            f"근거를 기다리는 중: errors: 후보 20건 중 0건, 안정 90건 중 1건; {_PROOF_IN_KOREAN}",
        ),
        (
            "latency: 7 of 90 took longer than 450 ms on the candidate against 3 of 90 on the stable",
            "latency: 450 ms를 넘은 것이 후보 90건 중 7건, 안정 90건 중 3건",
        ),
        (
            "2.1.0 died 3 times in 60 s, last: exited with code 1; it printed: it is over",
            "2.1.0이(가) 60초 안에 3번 종료됨, 마지막: 종료 코드 1(으)로 끝남; 출력: it is over",
        ),
        (
            "2.0.0 is stable; others of its line are under way",
            "2.0.0이(가) 안정 릴리스; 같은 라인의 다른 스테이션이 작업 중입니다",
        ),
        ("press-2: its process is gone", "press-2: 프로세스가 사라짐"),
        ("is one of the newest 20 of mes", "mes의 최신 릴리스 20개에 포함됨"),
        ("is pinned on press-3: a trial; nobody else", "press-3에 고정됨: a trial; nobody else"),
        ("is on a station, or wanted there", "스테이션에 있거나 목표임"),
        ("is what 1.2.0 is recalled to", "실행이 금지된 1.2.0 대신 옮겨 갈 릴리스"),
        ("is opened to stations of production", "production 스테이션에 배포 중"),
        (
            "is part of set line@2.0.0 on its way to staging",
            "staging(으)로 배포 중인 세트 line@2.0.0에 포함됨",
        ),
        ("paused by jiwoo: look at it", "jiwoo 님이 일시 정지함: look at it"),
    ],
)
def test_a_sentence_is_said_with_its_figures_and_a_quotation_stays(english, korean):
    assert told("ko", english) == korean
    assert told("en", english) == english


@pytest.mark.parametrize("end", ["", ", longer than allowed"])
@pytest.mark.parametrize("least", [0.0, 0.25])
@pytest.mark.parametrize(
    "wave",
    [
        Heads(1, silent=1),
        Heads(4, silent=4),
        Heads(12, 3, 1),
        Heads(40, 2, silent=38),
        Heads(40, 8, silent=31),
        Heads(40, 2, 1, 1, 30),
    ],
)
def test_nothing_of_what_a_wave_waits_for_stays_english(wave, least, end):
    rollout, fleet = a_filling_one(least), FleetSeen(100, 0, wave, wave)
    text = waves.filling(rollout, obeyed(rollout, fleet=fleet)).reason + end
    assert text.startswith("wave 2 ")
    assert not re.search(r"[a-z]{2}", told("ko", text)), told("ko", text)


def a_filling_one(least: float) -> Rollout:
    """A rollout whose second wave fills."""
    made = a_fleet_plan()
    made = replace(made, fleet=replace(made.fleet, least=least))
    place = {"phase": Phase.STEPPING, "stage": Stage.FILLING, "step": 1}
    return a_rollout(made, **place, deadline_at=AT + timedelta(hours=24))


@pytest.mark.parametrize(
    "text",
    [
        "line is down",
        "lost",
        "",
        "spring torque limits",
        "왜 그런지 봅니다",
        "the scanner; and a cable",
        "x" * 5000,
    ],
)
def test_what_a_person_wrote_stays(text):
    assert told("ko", text) == text


@pytest.mark.parametrize(("english", "korean"), PHRASES)
def test_a_phrase_fills_no_blank_that_it_does_not_read(english, korean):
    blanks = re.compile(r"\{(\w+)\}")
    assert set(blanks.findall(korean)) <= set(blanks.findall(english))
    assert re.search(r"[가-힣]", korean)
