"""The threat model names a test for every mitigation, and the test is there."""

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_TEST = re.compile(r"`([\w./-]+\.py)(?:::(\w+))?`")
_KINDS = {"S", "T", "R", "I", "D", "E"}


def rows() -> list[tuple[str, ...]]:
    """Rows of the threat model's tables: kind, threat, mitigation, shown by."""
    text = (_ROOT / "SECURITY.md").read_text()
    section = text.partition("\n## Threat model\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| kind")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def boundaries() -> list[str]:
    text = (_ROOT / "SECURITY.md").read_text()
    return re.findall(r"^### (.+)$", text.partition("\n## Threat model\n")[2].partition("\n## ")[0], re.M)


def test_the_model_covers_the_process_boundaries() -> None:
    assert len(boundaries()) >= 8
    assert len(rows()) >= 40


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:60])
def test_every_mitigation_names_a_test_that_is_there(row: tuple[str, ...]) -> None:
    assert len(row) == 4, row
    assert row[0] in _KINDS
    found = _TEST.findall(row[3])
    assert found, f"{row[1]!r} names no test"
    for path, name in found:
        assert (_ROOT / path).exists(), path
        if name:
            tree = ast.parse((_ROOT / path).read_text())
            names = {
                node.name
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert name in names, f"{path} has no {name}"
