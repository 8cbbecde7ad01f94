"""An application through the stages with the real PyInstaller: frozen, packed, applied, started, a delta."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import RunId, UnitName
from andon.pipelines.builders.lock import entries
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job, PackageSources
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages import build, bundle, delta, source
from andon.testing import plain_unit
from andon_wire import application, platforms, tree
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk

LOCK = Path(__file__).parents[2] / "apps" / "station" / "requirements-build.lock"
MANIFEST = """[unit]
name = "plain"
kind = "application"
[build]
kind = "bundle"
[bundle]
entry = "start.py"
windowed = false
data = ["words.txt:texts"]
excludes = ["ssl", "sqlite3"]
remove = ["_internal/libcrypto*", "_internal/texts/none*"]
[run]
command = ["{slot}/plain"]
env = { AGENT = "{agent}" }
[application]
health = "alive"
settle = "1s"
[data.counts]
kind = "folder"
path = "counts"
restored = false
[environments.line]
target = "fleet"
"""
START = """import pathlib, sys
print(pathlib.Path(sys._MEIPASS, "texts", "words.txt").read_text(), end="")
"""


def a_unit(folder: Path, version: str, words: str) -> Path:
    plain_unit.write(folder, version=version)
    (folder / "andon.toml").write_text(MANIFEST)
    (folder / "start.py").write_text(START)
    (folder / "words.txt").write_text(words)
    locked = entries(LOCK.read_text())
    freezer = [each.text for each in locked if not each.project.startswith(("pyside", "shib"))]
    (folder / "requirements-build.lock").write_text("\n".join(freezer))
    return folder


class Walk:
    """Stages one after another, as the controller would have them walked."""

    def __init__(self, unit: Path, cache: Cache, name: str) -> None:
        self._unit, self._cache, self._name = unit, cache, name
        self._done: dict[StageName, StageResult] = {}

    def job(self, stage: StageName) -> Job:
        folder = self._unit.parent / f"{self._name}-{stage}"
        (folder / "work").mkdir(parents=True)
        return Job(
            run=RunId("run-1"),
            unit=UnitName("plain"),
            stage=stage,
            attempt=1,
            path=self._unit,
            folder=folder,
            cache=self._cache.folder,
            files={name: each.files for name, each in self._done.items()},
            facts={name: each.facts for name, each in self._done.items()},
            sources=PackageSources(),
        )

    def to_bundle(self) -> StageResult:
        self._done[StageName.SOURCE] = source.run(self.job(StageName.SOURCE), self._cache)
        self._done[StageName.BUILD] = build.run(self.job(StageName.BUILD), self._cache)
        self._done[StageName.BUNDLE] = bundle.run(self.job(StageName.BUNDLE), self._cache)
        return self._done[StageName.BUNDLE]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """The cache, two versions' walks and what their bundle stages gave."""
    folder = tmp_path_factory.mktemp("frozen")
    cache = Cache(folder / "cache")
    walks = [
        Walk(a_unit(folder / "one", "1.0.0", "good morning\n"), cache, "one"),
        Walk(a_unit(folder / "two", "1.1.0", "good evening\n"), cache, "two"),
    ]
    return cache, walks, [each.to_bundle() for each in walks]


def unpacked(cache: Cache, files, into: Path, *, old: Path | None = None, container: str = "bundle") -> Path:
    wanted = tree.decode(cache.path(files["tree"]).read_bytes())
    with cache.path(files[container]).open("rb") as stream:
        apply(stream, old=old, into=into, tree=wanted, disk=RealDisk())
    return into


def said(folder: Path) -> str:
    return subprocess.run([folder / "plain"], capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_frozen_application_runs_from_what_its_container_makes(made, tmp_path: Path) -> None:
    cache, _, (first, _) = made
    folder = unpacked(cache, first.files, tmp_path / "slot")
    assert said(folder) == "good morning\n"
    assert not list(folder.glob("_internal/libcrypto*"))
    assert first.facts["platform"] == platforms.own()


def test_the_contract_for_the_agent_says_what_the_manifest_says(made) -> None:
    cache, _, (first, _) = made
    contract = application.decode(cache.path(first.files["application"]).read_bytes())
    assert (contract.unit, contract.version, contract.platform) == ("plain", "1.0.0", platforms.own())
    assert contract.command == ["{slot}/plain"]
    assert contract.health == application.Health(kind="alive", settle_s=1.0)
    assert contract.data == {"counts": application.Data(kind="folder", path="counts", is_restored=False)}
    assert not contract.is_agent


def test_the_same_source_gives_the_same_bytes(made, tmp_path: Path) -> None:
    _, _, (first, _) = made
    again = Walk(a_unit(tmp_path / "one", "1.0.0", "good morning\n"), Cache(tmp_path / "cache"), "one")
    assert again.to_bundle().files == first.files


def test_a_delta_makes_the_new_version_of_the_old_and_is_small(made, tmp_path: Path) -> None:
    cache, (_, walk), (first, second) = made
    given = {"formers": {"1.0.0": {name: first.files[name] for name in ("tree", "bundle")}}}
    result = delta.run(replace(walk.job(StageName.DELTA), given=given), cache)
    packed = result.files["delta:1.0.0"]
    old = unpacked(cache, first.files, tmp_path / "a")
    new = unpacked(cache, {**second.files, "delta": packed}, tmp_path / "b", old=old, container="delta")
    assert said(new) == "good evening\n"
    assert cache.path(packed).stat().st_size * 20 < cache.path(second.files["bundle"]).stat().st_size
    kept = [json.loads(each.read_bytes()) for each in (cache.folder / "stages" / "delta").iterdir()]
    assert [each["files"] for each in kept] == [{"delta": packed}]


def test_what_cannot_be_frozen_is_refused_with_what_the_freezer_said(made, tmp_path: Path) -> None:
    cache = made[0]
    unit = a_unit(tmp_path / "unit", "1.0.0", "x")
    (unit / "words.txt").unlink()
    with pytest.raises(InvalidInput, match=r"PyInstaller did not freeze it: .*words\.txt"):
        Walk(unit, cache, "bad").to_bundle()
