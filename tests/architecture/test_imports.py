"""The import contracts hold, and each of them sees a violation that is planted in a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.component  # runs other programs
ROOT = Path(__file__).parents[2]
SOURCES = (
    "src/andon",
    "src/andon_agent",
    "src/andon_wire",
    "apps/mes/src/andon_mes",
    "apps/station/src/andon_station",
)


@dataclass(frozen=True)
class Plant:
    """A new module `module` with the one line `line`, which the contract must name."""

    module: str
    line: str


PLANTS: dict[str, tuple[Plant, ...]] = {
    "layers": (
        Plant("andon.kernel.planted_k", "import andon.store.engine"),
        Plant("andon.store.planted_s", "import andon.timeline.records"),
        Plant("andon.timeline.planted_t", "import andon.units.model"),
        Plant("andon.units.planted_u", "import andon.releases.model"),
        Plant("andon.releases.planted_r", "import andon.targets.model"),
        Plant("andon.judge.planted_j", "import andon.evidence.model"),
        Plant("andon.targets.planted_t", "import andon.gateway.model"),
        Plant("andon.gateway.planted_g", "import andon.rollouts.model"),
        Plant("andon.pipelines.planted_p", "import andon.rollouts.model"),
        Plant("andon.rollouts.planted_r", "import andon.pipelines.model"),
        Plant("andon.rollouts.planted_a", "import andon.api.model"),
        Plant("andon.api.planted_a", "import andon.board"),
        Plant("andon.board.planted_b", "import andon.cli"),
        Plant("andon.placeless", "X = 1"),
    ),
    "releases-by-model": (
        Plant("andon.targets.planted_m", "import andon.releases.store"),
        Plant("andon.evidence.planted_m", "import andon.releases.client"),
    ),
    "board-reads": (Plant("andon.board.planted_x", "import andon.api.routes.system"),),
    "judge-alone": (Plant("andon.judge.planted_a", "import andon.units.model"),),
    "settings-at-the-root": (Plant("andon.gateway.planted_s", "import andon.settings"),),
    "testing-only-in-tests": (Plant("andon.rollouts.planted_t", "import andon.testing.services"),),
    "agent-from-cli": (Plant("andon.api.planted_g", "import andon_agent"),),
    "agent-and-wire": (
        Plant("andon_wire.planted_w", "import andon_agent"),
        Plant("andon_agent.planted_a", "import andon.kernel.clock"),
    ),
    "apps-know-documents": (
        Plant("andon_mes.planted_a", "import andon.kernel.ids"),
        Plant("andon.targets.planted_a", "import andon_mes"),
    ),
    "apps-and-agent": (Plant("andon_mes.planted_g", "import andon_agent"),),
    "apps-and-wire": (Plant("andon_wire.planted_m", "import andon_mes"),),
    "pure": (
        Plant("andon.planted_domain.rules", "import asyncio"),
        Plant("andon.planted_domain.chain", "import andon.kernel.files"),
        Plant("andon.planted_domain.rights", "import httpx"),
        Plant("andon.planted_domain.decide", "import andon.planted_domain.reads"),
        Plant("andon.planted_domain.reads", "import subprocess"),
        Plant("andon.planted_domain.plan", "import andon.settings"),
        Plant("andon.planted_domain.render", "import time"),
        Plant("andon.planted_domain.model", "import sqlalchemy"),
        Plant("andon.judge.planted_p", "import os"),
        Plant("andon_mes.planted_domain.decide", "import pathlib"),
    ),
    "vendor-database": (
        Plant("andon.rollouts.planted_v", "import sqlalchemy"),
        Plant("andon_mes.planted_v", "import sqlalchemy.orm"),
        Plant("andon.units.planted_v", "import alembic"),
    ),
    "vendor-tuf": (
        Plant("andon.targets.planted_v", "import tuf.api"),
        Plant("andon.pipelines.planted_v", "import securesystemslib.dsse"),
    ),
}
_INDIRECT = "andon.planted_domain.reads"  # pure itself: the contract names the module that imports it


def contracts() -> dict[str, str]:
    """Name of each contract in pyproject.toml by its id."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {each["id"]: each["name"] for each in configured}


def copy_of_the_tree(to: Path) -> None:
    for source in SOURCES:
        shutil.copytree(
            ROOT / source,
            to / Path(source).name,
            ignore=_all_but_modules,
        )
    shutil.copy(ROOT / "pyproject.toml", to)


def _all_but_modules(_folder: str, names: list[str]) -> list[str]:
    return [each for each in names if each == "tests" or ("." in each and not each.endswith(".py"))]


def plant(to: Path, planted: Plant) -> None:
    path = to / Path(*planted.module.split(".")).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    path.parent.joinpath("__init__.py").touch()
    path.write_text(planted.line + "\n")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", "pyproject.toml", "--no-cache", "--no-logo"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "2000", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says about each contract, by its name, with all violations planted at once."""
    folder = tmp_path_factory.mktemp("planted")
    copy_of_the_tree(folder)
    for planted in (each for plants in PLANTS.values() for each in plants):
        plant(folder, planted)
    done = lint(folder)
    assert done.returncode != 0, done.stdout
    _, _, broken = done.stdout.partition("Broken contracts")
    parts = re.split(r"\n(.+)\n-{3,}\n", broken)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTS) == set(contracts())


@pytest.mark.parametrize(
    ("contract", "planted"),
    [(contract, each) for contract, plants in PLANTS.items() for each in plants],
    ids=lambda value: value if isinstance(value, str) else value.module,
)
def test_a_planted_violation_is_seen(report: dict[str, str], contract: str, planted: Plant) -> None:
    name = contracts()[contract]
    assert name in report, sorted(report)
    assert planted.module in report[name] or planted.module == _INDIRECT, report[name]


def test_every_app_is_under_the_contracts() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for path in (ROOT / "apps").glob("*/src/*/__init__.py")}
    packages |= {path.parent.name for path in (ROOT / "src").glob("*/__init__.py")}
    assert packages == set(configured["root_packages"])
