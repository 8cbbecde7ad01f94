"""Single stages with real git, uv and pip."""

import base64
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import RunId, UnitName
from andon.pipelines.builders.wheel import Lock, WheelBuilder
from andon.pipelines.cache import Cache
from andon.pipelines.job import JOB, LOCK, RESULT, Job, PackageSources, result_from_json
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages import build, security, source, test
from andon.testing import plain_unit


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return plain_unit.write(tmp_path / "unit")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def a_job(
    unit: Path, cache: Cache, stage: StageName, sources: PackageSources | None = None, **earlier: StageResult
) -> Job:
    folder = unit.parent / stage
    (folder / "work").mkdir(parents=True, exist_ok=True)
    return Job(
        run=RunId("run-1"),
        unit=UnitName("plain"),
        stage=stage,
        attempt=1,
        path=unit,
        folder=folder,
        cache=cache.folder,
        files={StageName(name): each.files for name, each in earlier.items()},
        facts={StageName(name): each.facts for name, each in earlier.items()},
        sources=sources or PackageSources(use_index=False),
    )


def snapshot(unit: Path, cache: Cache) -> StageResult:
    return source.run(a_job(unit, cache, StageName.SOURCE), cache)


def names(result: StageResult, cache: Cache) -> list[str]:
    with tarfile.open(cache.path(result.files[source.SNAPSHOT])) as tar:
        return tar.getnames()


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=kim", "-c", "user.email=kim@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_clean_commit_names_the_source(unit: Path, cache: Cache) -> None:
    (unit / ".gitignore").write_text("ignored.txt\n")
    (unit / "ignored.txt").write_text("x")
    git(unit, "init", "--quiet")
    git(unit, "add", ".")
    git(unit, "commit", "--quiet", "-m", "first")
    result = snapshot(unit, cache)
    assert result.facts["source"] == git(unit, "rev-parse", "HEAD")
    assert "ignored.txt" not in names(result, cache)
    assert "src/plain/__init__.py" in names(result, cache)


def test_what_is_not_committed_is_in_the_snapshot_and_named_by_its_hash(unit: Path, cache: Cache) -> None:
    git(unit, "init", "--quiet")
    git(unit, "add", ".")
    git(unit, "commit", "--quiet", "-m", "first")
    before = snapshot(unit, cache)
    (unit / "new.txt").write_text("x")
    (unit / "tests.py").unlink()
    result = snapshot(unit, cache)
    assert result.facts["source"] == f"tree:{result.facts['tree']}"
    assert set(names(before, cache)) ^ set(names(result, cache)) == {"new.txt", "tests.py"}


def test_a_folder_without_repository_leaves_out_what_tools_make(unit: Path, cache: Cache) -> None:
    for each in ("__pycache__/a.pyc", ".venv/x", "dist/a.whl", "src/plain.egg-info/x", "mes.db"):
        (unit / each).parent.mkdir(parents=True, exist_ok=True)
        (unit / each).write_text("x")
    assert names(snapshot(unit, cache), cache) == [
        *("andon.toml", "check.py", "pyproject.toml", "requirements-test.lock", "requirements.lock"),
        *("src/plain/__init__.py", "tests.py"),
    ]


def test_a_link_out_of_the_unit_is_refused(unit: Path, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    (unit / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInput, match="link is a link that leaves the unit's folder"):
        snapshot(unit, cache)


def with_notes(unit: Path, file: str = "CHANGES.md") -> None:
    manifest = unit / "andon.toml"
    manifest.write_text(manifest.read_text().replace("[unit]\n", f"[unit]\nnotes = '{file}'\n", 1))


def test_notes_come_from_the_snapshot(unit: Path, cache: Cache) -> None:
    assert source.NOTES not in snapshot(unit, cache).files
    (unit / "docs").mkdir()
    (unit / "docs/CHANGES.md").write_text(
        "# Changes\n\n## 1.0.0\n- <b>the first</b>\n\n## 0.9.0\n- a trial\n"
    )
    with_notes(unit, "./docs/CHANGES.md")
    result = snapshot(unit, cache)
    assert cache.path(result.files[source.NOTES]).read_bytes() == b"- <b>the first</b>\n"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (None, "CHANGES.md is not in the unit's source"),
        (b"## 0.9.0\n- a trial\n", "CHANGES.md has no section of 1.0.0"),
        (b"\xb0\xa1", "CHANGES.md line 1: this is not UTF-8"),
        (b"\x1b[31mred", "CHANGES.md line 1: U\\+001B is a character that is not shown"),
        (b"x" * (4 << 20) + b"x", "CHANGES.md has 4194305 bytes"),
    ],
)
def test_notes_that_cannot_be_notes_stop_the_pipeline(
    unit: Path, cache: Cache, written: bytes | None, sentence: str
) -> None:
    with_notes(unit)
    if written is not None:
        (unit / "CHANGES.md").write_bytes(written)
    with pytest.raises(InvalidInput, match=sentence):
        snapshot(unit, cache)


def test_notes_never_come_from_outside_of_the_source(unit: Path, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("root:x:0:0")
    with_notes(unit)
    (unit / "CHANGES.md").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInput, match=r"CHANGES\.md is a link that leaves the unit's folder"):
        snapshot(unit, cache)
    (unit / ".gitignore").write_text("CHANGES.md\n")
    git(unit, "init", "--quiet")
    with pytest.raises(InvalidInput, match=r"CHANGES\.md is not in the unit's source"):
        snapshot(unit, cache)
    (unit / "CHANGES.md").unlink()
    manifest = unit / "andon.toml"
    manifest.write_text(manifest.read_text().replace("'CHANGES.md'", "'../outside'"))
    with pytest.raises(InvalidInput, match=r"write a path below the manifest's folder"):
        snapshot(unit, cache)


@pytest.mark.parametrize(
    ("project", "sentence"),
    [
        ("", "must say `name` and `version`"),
        ('[project]\nname = "plain"\ndynamic = ["version"]\n', "must say `name` and `version`"),
        ('[project]\nname = "plain"\nversion = "one"\n', "Invalid version: 'one'"),
        ('[project]\nname = "plain"\nversion = "1.0"\n', "'1.0' is not of the form 1.2.3"),
        ("[project", "cannot be read"),
    ],
)
def test_a_version_that_cannot_be_used_is_refused(
    unit: Path, cache: Cache, project: str, sentence: str
) -> None:
    (unit / "pyproject.toml").write_text(project)
    with pytest.raises(InvalidInput, match=sentence):
        snapshot(unit, cache)


def a_wheel(folder: Path, name: str, version: str, needs: str = "", licence: str = "MIT") -> str:
    """Make a wheel; gives its line in a lock."""
    info = f"{name}-{version}.dist-info"
    more = f"License: {licence}\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    content = {
        f"{name}.py": "VALUE = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},{_digest(text)},{len(text)}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, text in content.items():
            wheel.writestr(path, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def built(unit: Path, cache: Cache, wheels: Path) -> tuple[StageResult, StageResult]:
    first = snapshot(unit, cache)
    sources = PackageSources((str(wheels),), use_index=False)
    return first, build.run(a_job(unit, cache, StageName.BUILD, sources, source=first), cache)


@pytest.mark.asvs("15.1.2")
def test_locked_dependencies_come_into_the_wheelhouse_and_the_bill(
    unit: Path, cache: Cache, tmp_path: Path
) -> None:
    (unit / "requirements.lock").write_text(
        a_wheel(tmp_path / "wheels", "low", "1.0", licence="BSD-3-Clause")
    )
    test_lock = (unit / "requirements.lock").read_text() + a_wheel(tmp_path / "wheels", "extra", "2.0", "low")
    (unit / "requirements-test.lock").write_text(test_lock)
    first, wheels = built(unit, cache, tmp_path / "wheels")
    assert set(wheels.files) == {
        "wheels/low-1.0-py3-none-any.whl",
        "wheels/plain-1.0.0-py3-none-any.whl",
        "test-wheels/extra-2.0-py3-none-any.whl",
    }
    scan = security.run(a_job(unit, cache, StageName.SECURITY, source=first, build=wheels), cache)
    bill = json.loads(cache.path(scan.files[security.SBOM]).read_bytes())
    low = next(each for each in bill["components"] if each["name"] == "low")
    assert low["hashes"] == [{"alg": "SHA-256", "content": wheels.files["wheels/low-1.0-py3-none-any.whl"]}]
    assert low["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert [each["name"] for each in bill["components"]] == ["low", "plain"]
    assert (
        json.loads(cache.path(scan.files[security.REPORT]).read_bytes())["licences"]["low"] == "BSD-3-Clause"
    )


def test_a_new_version_downloads_nothing_that_is_known(unit: Path, cache: Cache, tmp_path: Path) -> None:
    lock = a_wheel(tmp_path / "wheels", "low", "1.0")
    (unit / "requirements.lock").write_text(lock)
    built(unit, cache, tmp_path / "wheels")
    plain_unit.write(unit, version="1.1.0")
    (unit / "requirements.lock").write_text(lock)
    (tmp_path / "build/work").rename(tmp_path / "old")
    (tmp_path / "wheels/low-1.0-py3-none-any.whl").unlink()
    _, wheels = built(unit, cache, tmp_path / "wheels")
    assert "wheels/plain-1.1.0-py3-none-any.whl" in wheels.files
    assert "wheels/low-1.0-py3-none-any.whl" in wheels.files


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lock: lock.replace("sha256:", "sha256:0000")[: -len("0000\n")] + "\n", "requirements.lock: "),
        (lambda lock: lock.split(" ")[0] + "\n", "requirements.lock: "),
        (lambda lock: lock.replace("1.0", "9.9"), "requirements.lock: "),
    ],
    ids=["other-hash", "no-hash", "not-there"],
)
def test_what_does_not_match_its_hash_or_has_none_is_refused(
    unit: Path, cache: Cache, tmp_path: Path, change: object, sentence: str
) -> None:
    (unit / "requirements.lock").write_text(change(a_wheel(tmp_path / "wheels", "low", "1.0")))
    with pytest.raises(InvalidInput, match=sentence):
        built(unit, cache, tmp_path / "wheels")


def test_tests_against_other_dependencies_are_refused(unit: Path, cache: Cache, tmp_path: Path) -> None:
    (unit / "requirements.lock").write_text(a_wheel(tmp_path / "wheels", "low", "1.0"))
    (unit / "requirements-test.lock").write_text(a_wheel(tmp_path / "wheels", "low", "1.1"))
    with pytest.raises(InvalidInput, match=r"the tests are locked to low 1\.1, the unit to 1\.0"):
        built(unit, cache, tmp_path / "wheels")


def test_a_lock_that_lacks_a_dependency_is_found_out_before_the_tests(
    unit: Path, cache: Cache, tmp_path: Path
) -> None:
    (unit / "requirements.lock").write_text(a_wheel(tmp_path / "wheels", "low", "1.0", "missing>=1"))
    first, wheels = built(unit, cache, tmp_path / "wheels")
    with pytest.raises(InvalidInput, match=r"low.* requires .missing"):
        test.run(a_job(unit, cache, StageName.TEST, source=first, build=wheels), cache)


def test_a_dependency_that_only_the_tests_lock_does_not_count(
    unit: Path, cache: Cache, tmp_path: Path
) -> None:
    lock = a_wheel(tmp_path / "wheels", "low", "1.0", "extra")
    (unit / "requirements.lock").write_text(lock)
    (unit / "requirements-test.lock").write_text(lock + a_wheel(tmp_path / "wheels", "extra", "1.0"))
    first, wheels = built(unit, cache, tmp_path / "wheels")
    with pytest.raises(InvalidInput, match=r"low.* requires .extra"):
        test.run(a_job(unit, cache, StageName.TEST, source=first, build=wheels), cache)


def test_a_missing_lock_is_named_with_the_command_that_makes_it(unit: Path) -> None:
    with pytest.raises(InvalidInput, match=r"other\.lock is missing") as caught:
        Lock.read(unit, "other.lock")
    assert "uv export" in caught.value.hint


def test_a_project_that_does_not_build_says_what_the_builder_said(unit: Path, tmp_path: Path) -> None:
    project = unit / "pyproject.toml"
    project.write_text(project.read_text().replace('["src/plain"]', "3"))
    (tmp_path / "work").mkdir()
    builder = WheelBuilder(tmp_path / "work", PackageSources(use_index=False), dict(os.environ))
    with pytest.raises(InvalidInput, match=r"the wheel cannot be built: .*packages"):
        builder.own_wheel(unit)


def test_an_unknown_path_of_the_scan_is_refused(unit: Path, cache: Cache, tmp_path: Path) -> None:
    manifest = unit / "andon.toml"
    manifest.write_text(manifest.read_text() + '\n[security]\npaths = ["sources"]\n')
    first, wheels = built(unit, cache, tmp_path / "wheels")
    with pytest.raises(InvalidInput, match=r"security\.paths names sources"):
        security.run(a_job(unit, cache, StageName.SECURITY, source=first, build=wheels), cache)


def test_a_test_command_without_a_report_fails(unit: Path, cache: Cache, tmp_path: Path) -> None:
    (unit / "check.py").write_text("import sys\nprint('it is so')\nsys.exit(3)\n")
    first, wheels = built(unit, cache, tmp_path / "wheels")
    with pytest.raises(InvalidInput, match="the test command wrote no report: it is so"):
        test.run(a_job(unit, cache, StageName.TEST, source=first, build=wheels), cache)


def test_a_command_that_ends_badly_fails_though_every_test_passed(
    unit: Path, cache: Cache, tmp_path: Path
) -> None:
    check = unit / "check.py"
    check.write_text(
        check.read_text().replace("sys.exit(any", "print('coverage is low'); sys.exit(True or any")
    )
    first, wheels = built(unit, cache, tmp_path / "wheels")
    result = test.run(a_job(unit, cache, StageName.TEST, source=first, build=wheels), cache)
    assert not result.is_ok
    assert result.summary == "the test command ended with 1 though no test failed: coverage is low"


def work(job: Job) -> subprocess.CompletedProcess[str]:
    (job.folder / JOB).write_bytes(job.to_json())
    command = [sys.executable, "-P", "-m", "andon.pipelines.worker", str(job.folder / JOB)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_worker_answers_once(unit: Path, cache: Cache) -> None:
    job = a_job(unit, cache, StageName.SOURCE)
    assert work(job).returncode == 0
    first = (job.folder / RESULT).read_bytes()
    (unit / "new.txt").write_text("x")
    assert work(job).returncode == 0
    assert (job.folder / RESULT).read_bytes() == first
    assert result_from_json(first).is_ok


def test_a_second_worker_of_an_attempt_goes_away(unit: Path, cache: Cache) -> None:
    job = a_job(unit, cache, StageName.SOURCE)
    with (job.folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert work(job).returncode == 0
    assert not (job.folder / RESULT).exists()


def test_a_mistake_of_the_caller_comes_with_its_hint(unit: Path, cache: Cache) -> None:
    (unit / "andon.toml").write_text("[unit]\nnaem = 'plain'\n")
    job = a_job(unit, cache, StageName.SOURCE)
    work(job)
    result = result_from_json((job.folder / RESULT).read_bytes())
    assert "andon.toml: environments is missing" in result.summary
    assert not result.is_retryable


def test_a_mistake_of_the_program_is_an_answer_too(unit: Path, cache: Cache) -> None:
    job = a_job(unit, cache, StageName.BUILD)
    done = work(job)
    assert "Traceback" in done.stderr
    result = result_from_json((job.folder / RESULT).read_bytes())
    assert result.summary.startswith("it could not go on: KeyError")
