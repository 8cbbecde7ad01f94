"""What the documents name is there: links, files, make's words, andon's commands."""

import re
from pathlib import Path

import pytest
import typer.main

from andon.cli.main import app

_ROOT = Path(__file__).parents[2]
_DOCUMENTS = sorted(
    each
    for each in (*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("apps/*/README.md"))
    if "reference" not in each.parts
)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_FILE = re.compile(r"`((?:tests|docs|bench|tools|demo|src|apps)/[\w./*-]+)`")
_MAKE = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
_ANDON = re.compile(r"(?:`|^\$ |^)andon (?:--[a-z-]+ \S+ )*([a-z-]+)", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


@pytest.mark.parametrize("document", _DOCUMENTS, ids=name)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [each for each in _LINK.findall(text) if not (document.parent / each).exists()]
    missing += [
        each
        for each in _FILE.findall(text)
        if not (list(_ROOT.glob(each)) or list(document.parent.glob(each)))
    ]
    assert missing == []


@pytest.mark.parametrize("document", _DOCUMENTS, ids=name)
def test_commands_that_a_document_shows_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    words = {one or other for one, other in _MAKE.findall(text)}
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    assert words <= targets
    root = typer.main.get_command(app)
    assert set(_ANDON.findall(text)) <= set(root.commands)
