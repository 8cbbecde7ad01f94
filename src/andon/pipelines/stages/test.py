"""The test stage: the unit's own tests against the wheel that was built, offline."""

import json
import sys
from pathlib import Path
from textwrap import shorten

from andon.kernel import files
from andon.kernel.errors import InvalidInput
from andon.pipelines import environment, junit, tools
from andon.pipelines.builders.wheel import environment_of, uv_program
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.junit import TestReport
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages.build import TEST_WHEELS, WHEELS
from andon.pipelines.stages.source import SNAPSHOT
from andon.pipelines.tree import unpack
from andon.units.load import FILE_NAME, load

REPORT = "test-report.json"
_LONGEST_REASON = 200


def run(job: Job, cache: Cache) -> StageResult:
    """Install the wheels into an environment of its own, and run the manifest's test command there.

    Raises:
        InvalidInput: the wheels do not install, or there is no report.
    """
    tree = unpack(cache.path(job.files[StageName.SOURCE][SNAPSHOT]), job.work / "source")
    manifest = load(tree / FILE_NAME)
    virtual = install(job, cache)
    report = job.work / "junit.xml"
    command = [each.replace("{junit}", str(report)) for each in manifest.test.command]
    outcome = tools.run(
        command, cwd=tree, environment=environment_of(environment.of_unit(environment.own()), virtual)
    )
    if not report.exists():
        raise InvalidInput(
            "no-report",
            f"the test command wrote no report: {outcome.said}",
            hint="test.command must write JUnit XML to {junit}",
        )
    return _judged(junit.parse(report.read_bytes()), outcome, cache)


def install(job: Job, cache: Cache) -> Path:
    """An environment with the wheels of the build stage, installed offline.

    The unit's own wheels come first and must be complete without those of the tests.

    Raises:
        InvalidInput: they do not install, or lack a dependency.
    """
    virtual = job.work / "venv"
    install_into(virtual, job, cache, (WHEELS, TEST_WHEELS))
    return virtual


def install_into(virtual: Path, job: Job, cache: Cache, prefixes: tuple[str, ...]) -> None:
    """Make the environment `virtual` with the wheels under `prefixes`, each complete with those before it.

    Raises:
        InvalidInput: they do not install, or lack a dependency.
    """
    uv, python = uv_program(), ["--python", str(virtual / "bin" / "python")]
    offline = ["--offline", "--no-config"]
    commands = [[uv, "venv", "--quiet", *offline, "--python", sys.executable, str(virtual)]]
    for prefix in prefixes:
        if listed := _listed(job, cache, prefix):
            into = [*python, "--no-index", "--no-deps", "-r", str(listed)]
            commands += [
                [uv, "pip", "install", "--quiet", *offline, *into],
                [uv, "pip", "check", *offline, *python],
            ]
    own = {**environment.own(), "UV_CACHE_DIR": str(cache.folder / "uv"), "UV_NO_PROGRESS": "1"}
    for command in commands:
        outcome = tools.run(command, cwd=job.work, environment=own)
        if outcome.code:
            raise InvalidInput(
                "not-installable",
                f"the wheels do not install without an index: {outcome.said}",
                hint="each lock must name every dependency",
            )


def _listed(job: Job, cache: Cache, prefix: str) -> Path | None:
    """A file that names the wheels under `prefix`, each by its path; None where there are none."""
    folder = job.work / prefix
    folder.mkdir()
    wheels = sorted(name for name in job.files[StageName.BUILD] if name.startswith(prefix))
    for name in wheels:
        (job.work / name).symlink_to(cache.path(job.files[StageName.BUILD][name]))
    files.write(folder / "wheels.txt", "".join(f"{job.work / name}\n" for name in wheels).encode())
    return folder / "wheels.txt" if wheels else None


def _judged(report: TestReport, outcome: tools.Outcome, cache: Cache) -> StageResult:
    content = json.dumps(report.to_dict(), indent=1, ensure_ascii=False).encode()
    outputs = {REPORT: cache.add_bytes(content)}
    facts = {each: value for each, value in report.to_dict().items() if each != "failures"}
    facts["failures"] = report.to_dict()["failures"][:20]
    told = f"{report.passed} passed, {report.skipped} skipped in {report.duration_seconds:.1f} s"
    if report.failures:
        first = report.failures[0]
        failed = f"{report.failed} of {report.executed} tests failed"
        summary = f"{failed}, first {first.name}: {shorten(first.message, _LONGEST_REASON, placeholder=' …')}"
    elif report.executed == 0:
        summary = "no test ran"
    elif outcome.code:
        summary = f"the test command ended with {outcome.code} though no test failed: {outcome.said}"
    else:
        return StageResult(True, told, outputs, facts)
    return StageResult(False, summary, outputs, facts, is_retryable=True)
