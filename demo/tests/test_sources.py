"""The demo's releases: each is made from the source as it is today, and each is what the story needs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from andon.kernel.ids import Version
from andon.pipelines.notes import notes_of
from andon.pipelines.stages.security import secrets_in
from andon.units.load import load
from demo.sources import FIRST, MES, STATION, ChangeError, Source

pytestmark = pytest.mark.timeout(900)
VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """The source tree of each version."""
    folder = tmp_path_factory.mktemp("sources")
    return {version: MES.at(version, folder / version) for version in VERSIONS}


def run_in(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python with the tree's own packages before the installed ones."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "PATH": "", "ANDON_MES_RELEASE": tree.name},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def test_these_are_the_versions():
    assert MES.versions() == VERSIONS
    assert STATION.versions() == ["1.0.0", "1.1.0", "1.2.0"]


@pytest.mark.parametrize(
    ("source", "version"), [(each, version) for each in (MES, STATION) for version in each.versions()]
)
def test_a_version_is_made_with_its_number_and_without_rubbish(source, version, tmp_path):
    tree = source.at(version, tmp_path / version)
    assert tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"] == version
    assert (tree / "andon.toml").is_file()
    assert not list(tree.rglob("__pycache__"))
    notes = load(tree / "andon.toml").unit.notes
    assert notes is not None
    told = notes_of((tree / notes).read_bytes(), Version(version), file=notes).decode()
    assert told == f"- {source.summary_of(version)}\n" or version == FIRST


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_the_tests_of_each_release_are_green(trees, version):
    """Those that the changes touch; the pipeline of the demo runs all of them."""
    new = {path.name for path in trees[version].glob("tests/test_*.py")}
    new -= {path.name for path in MES.tree.glob("tests/test_*.py")}
    assert new
    touched = "test_scans.py" if version == "1.3.0" else "test_limits.py"
    chosen = [f"tests/{name}" for name in [*sorted(new), touched]]
    done = run_in(trees[version], "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)
    assert done.returncode == 0, done.stdout[-3000:]


def test_1_2_0_misreads_a_gauge_that_its_predecessors_read(trees):
    script = "from andon_mes.processes import units; print(round(units.convert(12, 'kgf·cm', 'N·m'), 3))"
    read = {
        version: run_in(tree, "-X", "utf8", "-c", script).stdout.strip() for version, tree in trees.items()
    }
    assert read == {"1.0.0": "1.177", "1.1.0": "1.177", "1.2.0": "11.768", "1.3.0": "1.177"}


def test_a_text_that_is_no_longer_there_is_an_error_that_names_it(tmp_path):
    changes = tmp_path / "changes"
    (changes / "9.0.0").mkdir(parents=True)
    (changes / "9.0.0" / "change.toml").write_text(
        'summary = "stale"\nbase = "1.0.0"\n'
        '[[replace]]\nfile = "src/andon_mes/cli.py"\nold = "no such text"\nnew = ""\n'
    )
    with pytest.raises(
        ChangeError, match=re.compile("9.0.0: in cli.py this text is there 0 times", re.DOTALL)
    ):
        Source("mes", MES.tree, changes).at("9.0.0", tmp_path / "tree")


def test_a_version_that_is_not_there_says_which_are(tmp_path):
    with pytest.raises(ChangeError, match=re.escape("1.1.0")):
        MES.at("7.7.7", tmp_path / "tree")


def test_no_release_is_stopped_for_a_secret(trees):
    manifest = load(trees["1.3.0"] / "andon.toml")
    assert [str(each) for each in secrets_in(trees["1.3.0"], manifest)] == []


@pytest.mark.parametrize("version", STATION.versions())
def test_the_tests_of_each_release_of_the_station_are_green(version, tmp_path):
    tree = STATION.at(version, tmp_path / version)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "PATH": "", "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    manifest = load(tree / "andon.toml")
    assert [str(each) for each in secrets_in(tree, manifest)] == []
