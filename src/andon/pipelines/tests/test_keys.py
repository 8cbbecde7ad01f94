"""A stage's key changes with all that its outcome depends on, and with nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

from andon.kernel.ids import RunId, UnitName
from andon.pipelines.keys import input_hash
from andon.pipelines.model import Run, RunState, StageName, StageState, StageStatus
from andon.pipelines.plan import plan
from andon.units.load import parse

AT = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = plan(parse('[unit]\nname = "mes"\n[run]\ncommand = ["mes"]\n[environments.a]\nport = 1\n', source="x"))


def a_run(tree: str = "t", wheel: str = "w", **changes: object) -> Run:
    outputs = {
        StageName.SOURCE: {"files": {"source.tar": tree}, "facts": {"source": "commit"}},
        StageName.BUILD: {"files": {"wheels/a.whl": wheel}, "facts": {}},
    }
    stages = tuple(
        StageStatus(each.name, StageState.DONE, outputs=outputs.get(each.name, {})) for each in PLAN
    )
    run = Run(
        RunId("run-1"),
        UnitName("mes"),
        None,
        "/a",
        RunState.RUNNING,
        stages,
        "kim",
        AT,
        None,
        "",
        1,
        plan=PLAN,
    )
    return replace(run, **changes)


def test_the_same_inputs_have_the_same_key_in_every_run() -> None:
    other = a_run(id=RunId("run-2"), path="/b", actor="lee", revision=9)
    assert input_hash(a_run(), StageName.TEST, "py") == input_hash(other, StageName.TEST, "py")


def test_a_commit_without_a_change_of_files_changes_no_key() -> None:
    run = a_run()
    source = replace(run.stages[0], outputs={"files": {"source.tar": "t"}, "facts": {"source": "other"}})
    assert input_hash(run, StageName.BUILD, "py") == input_hash(
        replace(run, stages=(source, *run.stages[1:])), StageName.BUILD, "py"
    )


def test_tree_wheels_python_and_stage_each_change_the_key() -> None:
    keys = {
        input_hash(a_run(), StageName.TEST, "py"),
        input_hash(a_run(), StageName.SECURITY, "py"),
        input_hash(a_run(tree="u"), StageName.TEST, "py"),
        input_hash(a_run(wheel="v"), StageName.TEST, "py"),
        input_hash(a_run(), StageName.TEST, "py2"),
    }
    assert len(keys) == 5


def test_a_stage_is_not_bothered_by_what_it_does_not_need() -> None:
    assert input_hash(a_run(wheel="v"), StageName.BUILD, "py") == input_hash(a_run(), StageName.BUILD, "py")
