"""The lock files are hashed, name no host, and fit the pyproject files; checked without a network."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tools import lock

pytestmark = pytest.mark.component  # runs other programs
APP = Path("apps/mes")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in (Path(), APP, Path("apps/station"), Path("apps/agent")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for each in (*(ROOT / folder).glob("*.lock"), ROOT / folder / "pyproject.toml"):
            if each.name != "uv.lock":
                shutil.copy(each, tmp_path / folder)
    return tmp_path


def test_the_locks_are_in_order() -> None:
    assert lock.problems(ROOT) == []


def test_a_manifests_locks_are_among_them() -> None:
    names = {each.path.relative_to(ROOT).as_posix() for each in lock.locks(ROOT)}
    assert names == {
        "requirements.lock",
        *(f"apps/mes/requirements{each}.lock" for each in ("", "-test")),
        *(
            f"apps/{app}/requirements{each}.lock"
            for app in ("agent", "station")
            for each in ("", "-test", "-build")
        ),
    }


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (
            "requirements.lock",
            lambda text: "--index-url https://example.test/simple\n" + text,
            "names a place",
        ),
        ("requirements.lock", lambda text: text + "-e ./apps/mes\n", "names a place"),
        (
            "requirements.lock",
            lambda text: text + "thing @ https://example.test/thing.whl\n",
            "names a place",
        ),
        ("requirements.lock", lambda text: text + "thing==1.0\n", "thing has no hash"),
        (
            "requirements.lock",
            lambda text: text + "thing>=1.0 \\\n    --hash=sha256:00\n",
            "thing is not pinned",
        ),
        (
            "requirements.lock",
            lambda text: text + "thing==1.0 \\\n    --hash=sha256:00\n",
            "nobody asks for thing",
        ),
        ("requirements.lock", lambda text: text.replace("fastapi==", "fastapi==0.1+"), "fastapi is 0.1+"),
        (
            "pyproject.toml",
            lambda text: text.replace('"fastapi>=', '"brandnew>=1", "fastapi>='),
            "lacks brandnew>=1",
        ),
        ("pyproject.toml", lambda text: text.replace('"fastapi>=0', '"fastapi>=99'), "does not allow"),
        ("pyproject.toml", lambda text: text.replace('"ruff>=0.6",', ""), "nobody asks for ruff"),
        (
            "apps/mes/requirements.lock",
            lambda text: text.replace("typer==", "typer==9999"),
            "in the workspace",
        ),
        (
            "apps/mes/pyproject.toml",
            lambda text: text.replace('"typer>=', '"brandnew>=1", "typer>='),
            "lacks brandnew",
        ),
    ],
)
def test_a_fault_is_named(copy: Path, file: str, change: Callable[[str], str], words: str) -> None:
    assert lock.problems(copy) == []
    edit(copy / file, change)
    assert any(words in each for each in lock.problems(copy)), lock.problems(copy)


def test_a_missing_lock_is_named(copy: Path) -> None:
    (copy / APP / "requirements.lock").unlink()
    assert lock.problems(copy) == ["apps/mes/requirements.lock is missing"]
