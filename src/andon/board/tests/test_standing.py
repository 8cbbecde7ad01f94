from dataclasses import replace
from datetime import UTC, datetime, timedelta

from andon.api.before_model import GateLine, TaskLine, TryLine
from andon.board import standing
from andon.board.standing import Row
from andon.rollouts.steps import Gate, GateKind, Task, TaskKind
from andon.testing.shelves import a_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_gate(**changes) -> GateLine:
    values = {
        "name": "night", "kind": "window", "step": 1, "asks": "night", "state": "waiting",
        "reason": "opens at 22:00", "expires_at": NOW,
    }  # fmt: skip
    return GateLine(**(values | changes))


def a_task(**changes) -> TaskLine:
    tries = [TryLine(number=n, state="failed", started_at=NOW, ended_at=NOW, reason="") for n in (1, 2)]
    values = {
        "name": "labels", "kind": "smoke", "step": 0, "says": "GET /ready", "state": "failed",
        "reason": "answered 500", "tries": tries,
    }  # fmt: skip
    return TaskLine(**(values | changes))


def test_rows_stand_by_step_with_what_each_says():
    found = standing.rows([a_gate(), a_gate(step=0, name="approval", kind="approval")], [a_task()])
    assert [(each.step, each.kind) for each in found] == [(0, "approval"), (0, "smoke"), (1, "window")]
    assert found[1] == Row("smoke", "labels", 0, "GET /ready", "failed", "answered 500", None, 2)
    assert found[2].expires_at == NOW


def test_the_lamp_is_the_state_s():
    tones = {
        state: Row("window", "x", 0, "", state).tone for state in ("open", "refused", "waiting", "ahead")
    }
    assert tones == {"open": "green", "refused": "red", "waiting": "amber", "ahead": "grey"}


def test_a_plan_that_has_not_begun_says_what_it_will_ask():
    base = a_plan()
    before = (
        Gate(2, "approver"),
        Gate(kind=GateKind.WINDOW, name="night", asks="night"),
        Task(TaskKind.COMMAND, "warm", timedelta(seconds=1), command=("curl", "-s")),
        Task(TaskKind.SMOKE, "labels", timedelta(seconds=1), path="/ready"),
    )
    steps = (replace(base.steps[0], before=before), *base.steps[1:])
    found = standing.planned(replace(base, steps=steps))
    assert [each.says for each in found[0]] == ["2 × approver", "night", "curl -s", "GET /ready"]
    assert [each.name for each in found[0]] == ["approval", "night", "warm", "labels"]
    assert found[1] == []
