"""The compliance pages claim only what a test shows, and say what the code says."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compliance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compliance", _ROOT / "tools" / "compliance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compliance"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_every_claim_is_shown_and_no_page_is_stale(compliance: ModuleType) -> None:
    assert compliance.stale() == [], "run make reference"


def test_a_claim_without_a_test_is_noticed(compliance: ModuleType) -> None:
    wanted = compliance.standard("part11")
    assert "part11 11.10(e): no test shows it" in compliance.problems(wanted, {})


def test_a_marker_of_no_clause_is_noticed(compliance: ModuleType) -> None:
    wanted = compliance.standard("part11")
    found = compliance.problems(wanted, {"11.99": ["tests/test_x.py::test_y"]})
    assert "part11: tests/test_x.py::test_y marks 11.99, which is no clause" in found


def test_evidence_that_is_not_there_is_noticed(compliance: ModuleType) -> None:
    wanted = compliance.standard("part11")
    planted = replace(wanted.clauses[0], evidence=("docs/nowhere.md",))
    found = compliance.problems(replace(wanted, clauses=(planted,)), {})
    assert found == [f"part11 {planted.id}: there is no docs/nowhere.md"]


def test_markers_are_read_from_functions_classes_and_modules(compliance: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(
        "import pytest\n"
        'pytestmark = pytest.mark.asvs("1.1.1")\n'
        '@pytest.mark.asvs("2.1.1", "2.1.2")\n'
        "async def test_a(): ...\n"
        '@pytest.mark.part11("11.70")\n'
        "class TestB: ...\n"
    )
    assert compliance.shown("asvs", tmp_path) == {
        "1.1.1": ["tests/test_one.py"],
        "2.1.1": ["tests/test_one.py::test_a"],
        "2.1.2": ["tests/test_one.py::test_a"],
    }
    assert compliance.shown("part11", tmp_path) == {"11.70": ["tests/test_one.py::TestB"]}
