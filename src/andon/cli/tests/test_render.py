"""What the terminal shows of API values."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from andon.api import views
from andon.api.model import (
    Count,
    FindingView,
    InstanceView,
    Light,
    PlanView,
    Rates,
    RecordView,
    ReleaseStatus,
    RolloutView,
    RunView,
    StageView,
    Status,
    StepView,
    UnitStatus,
    VerdictView,
)
from andon.cli import exits, render, watching
from andon.cli.context import out
from andon.rollouts.model import Phase, Stage
from andon.targets.stations import FleetSeen, Heads
from andon.testing import rolling

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def text_of(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(shown)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def a_step(**changes: Any) -> StepView:
    values = {
        "index": 0,
        "share": 0.1,
        "candidate_instances": 1,
        "stable_instances": 2,
        "soak_s": 60,
        "is_judged": True,
        "max_wait_s": 600,
        "state": "current",
    }
    return StepView(**values | changes)


def a_finding(**changes: Any) -> FindingView:
    values = {
        "metric": "yield",
        "outcome": "fail",
        "reason": "candidate fails 9.7 times as often",
        "stable": Count(exposure=1904, bad=38),
        "candidate": Count(exposure=212, bad=41),
        "ratio": 9.7,
        "low": 5.1,
        "high": None,
        "log_e_harm": 4.9,
        "log_e_safe": -3.0,
        "log_harm_boundary": 4.6,
        "log_safe_boundary": 4.6,
        "events_needed": None,
        "exposure_needed": None,
        "by_guardrail": False,
    }
    return FindingView(**values | changes)


def an_instance() -> InstanceView:
    return InstanceView(
        id="in-1",
        unit="mes",
        environment="production",
        version="1.1.0",
        state="crash-loop",
        host="127.0.0.1",
        port=20001,
        pid=None,
        restarts=5,
        failed_checks=0,
        since=AT,
        detail="exit code 1: [no database]",
    )


def a_rollout(**changes: Any) -> RolloutView:
    plan = PlanView(
        hash="ab" * 32,
        strategy="canary",
        instances=2,
        require_evidence=True,
        warm_s=300,
        ready_deadline_s=30,
        drain_timeout_s=10,
        stable_instances=2,
        needs_gap=False,
        is_rollback=False,
        notes=["1.1.0 is not judged at 100 %"],
        steps=[a_step(), a_step(index=1, share=1.0, state="waiting", is_judged=False)],
        metrics=[],
    )
    values = {
        "id": "ro-1",
        "unit": "mes",
        "environment": "production",
        "stable": "1.0.0",
        "candidate": "1.1.0",
        "strategy": "canary",
        "phase": "stepping",
        "is_over": False,
        "is_paused": False,
        "share": 0.1,
        "step": 0,
        "steps": 2,
        "outcome": "fail",
        "trigger": None,
        "reason": "the gateway confirmed share 10%",
        "waiting_for": "soaking: 12 of 60 s",
        "actor": "kim",
        "created_at": AT,
        "finished_at": None,
        "plan": plan,
        "verdict": VerdictView(outcome="fail", reason="yield", findings=[a_finding()]),
        "entered_at": AT,
        "step_since": AT,
        "soak_until": AT,
        "deadline_at": AT,
        "requested": None,
        "stage": "serving",
        "held_from": None,
        "frozen_at": None,
        "looked_at": AT,
        "instances": [an_instance()],
    }
    return RolloutView(**values | changes)


def a_floor(*units: UnitStatus) -> Status:
    return Status(at=AT, version="0.1.0", cords=[], units=list(units))


def a_unit() -> UnitStatus:
    rates = Rates(window_s=30, requests_per_s=93.4, error_rate=0.0012, p95_ms=41)
    release = ReleaseStatus(
        version="1.1.0", role="candidate", share=0.1, ready=1, total=2, rates=rates, metrics=[]
    )
    return UnitStatus(
        unit="mes",
        environment="production",
        description="",
        address="http://127.0.0.1:8480",
        light=Light(colour="amber", word="rolling-out", reason="1.1.0 takes 10 %"),
        stable="1.0.0",
        ready=3,
        total=4,
        rates=rates,
        metrics=[],
        releases=[release],
        rollout=a_rollout(),
        last_rollout=None,
    )


def test_the_floor_shows_what_runs_with_shares_and_rates() -> None:
    shown = text_of(render.status(a_floor(a_unit())))
    for words in (
        "production",
        "mes rolling-out",
        "1.1.0 candidate",
        "10 %",
        "1/2 ready",
        "93/s",
        "p95 41 ms",
    ):
        assert words in shown
    assert "errors 0.12 %" in shown
    assert "soaking: 12 of 60 s" in shown


def test_an_empty_floor_says_what_to_do() -> None:
    assert "andon ship PATH" in text_of(render.status(a_floor()))


def test_a_rollout_shows_plan_evidence_and_instances() -> None:
    shown = text_of(render.rollout(a_rollout()))
    assert "mes 1.0.0 → 1.1.0 in production" in shown
    assert "candidate fails 9.7 times as often" in shown
    assert "9.70 times the stable (5.10 to ∞)" in shown
    assert "next" not in shown, "without the time nothing is said of what comes"
    assert "next" in text_of(render.rollout(a_rollout(), AT))
    assert "exit code 1: [no database]" in shown


def test_a_plan_shows_what_a_person_should_know_before_it_begins() -> None:
    shown = text_of(render.plan(a_rollout().plan, "mes 1.1.0 in production"))
    assert "mes 1.1.0 in production canary" in shown
    assert "soak 1m, judged, at most 10m" in shown
    assert "1.1.0 is not judged at 100 %" in shown


def test_a_first_deployment_has_nothing_to_come_from() -> None:
    assert "(nothing) → 1.1.0" in text_of(render.rollout(a_rollout(stable=None, verdict=None, instances=[])))


def test_a_run_shows_each_stage_with_its_time() -> None:
    stage = StageView(
        name="test",
        state="failed",
        attempt=2,
        started_at=AT,
        finished_at=AT,
        duration_s=3.25,
        summary="1 of 9 failed",
        needs=["build"],
    )
    run = RunView(
        id="run-1", unit="mes", version=None, path="/x", state="failed", is_over=True, stages=[stage],
        actor="kim", reason="test failed", created_at=AT, finished_at=AT, duration_s=4.0,
    )  # fmt: skip
    shown = text_of(render.run(run))
    assert "✗ test  3.2 s  attempt 2  1 of 9 failed" in shown


def test_the_timeline_shows_markup_as_it_was_written() -> None:
    record = RecordView(
        number=7, at=AT, kind="rollout.step", subject="rollout/ro-1", actor="kim", reason="[red]why[/]",
        unit="mes", environment="production", severity="alert", before={}, after={},
    )  # fmt: skip
    assert "[red]why[/]" in text_of(render.timeline([record]))


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "0.5s"), (9, "9s"), (60, "1m"), (90, "1m 30s"), (3600, "1h"), (3725, "1h 2m 5s"), (0, "0s")],
)
def test_durations_read_as_people_say_them(value: float, words: str) -> None:
    assert render.seconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(999, "999 B"), (1500, "2 kB"), (2_500_000, "2 MB"), (3e9, "3.0 GB")]
)
def test_sizes_have_a_unit(value: float, words: str) -> None:
    assert render.size(value) == words


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phase": "promoted"}, exits.GOOD),
        ({"phase": "returned", "trigger": "judge"}, exits.BAD),
        ({"phase": "returned", "trigger": "abort"}, exits.BAD),
        ({"phase": "returned", "trigger": "no-evidence"}, exits.INCONCLUSIVE),
        ({"phase": "held"}, exits.INCONCLUSIVE),
    ],
)
def test_exit_codes_tell_good_bad_and_inconclusive(changes: dict[str, Any], code: int) -> None:
    assert watching.exit_of(a_rollout(**changes)) == code


def test_a_fleets_rollout_shows_its_waves_in_stations_and_who_is_missing() -> None:
    rollout = rolling.a_rollout(rolling.a_fleet_plan(), phase=Phase.STEPPING, stage=Stage.FILLING, step=1)
    seen = FleetSeen(100, 3, Heads(12, 5, 1, 0, 2), Heads(10, 3, 1, 0, 2), detail="press-2: does not start")
    assert rollout.plan.fleet is not None
    shown = views.rollout(rollout, ()).model_copy(update={"fleet": views.fleet(seen, rollout.plan.fleet)})
    text = text_of(render.rollout(shown))
    assert "2.0 %  2 stations, up to ring lab" in text
    assert "12.0 %  12 stations, up to ring pilot" in text
    assert "3 of 10 confirmed, 4 under way, 1 failed, 2 switched off; 8 needed" in text
    assert "stations 5 of 12 confirmed, 4 under way, 1 failed, 2 switched off; 3 pinned" in text
    assert "press-2: does not start" in text
    assert "up to ring pilot" in text_of(render.plan(views.plan(rolling.a_fleet_plan(), None), "station"))


def test_what_is_piped_is_never_cropped_and_one_station_is_no_stations() -> None:
    note = "a sentence that is longer than a terminal is wide " * 4
    shown = views.plan(rolling.a_fleet_plan(), None)
    first = shown.steps[0].model_copy(update={"candidate_instances": 1})
    tree = render.plan(shown.model_copy(update={"steps": [first], "notes": [note]}), "station")
    with out.capture() as captured:
        out.print(tree)
    assert note.strip() in captured.get()
    assert "1 station, up to ring lab" in captured.get()
