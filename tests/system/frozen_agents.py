"""Versions of the agent as the real pipeline makes them: gathered, built, frozen by PyInstaller, packed."""

from collections.abc import Mapping
from pathlib import Path

from andon.kernel.ids import RunId, UnitName
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job, PackageSources
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages import build, bundle, source
from andon_wire import platforms
from tools.agent_source import gather

STAGES = ((StageName.SOURCE, source.run), (StageName.BUILD, build.run), (StageName.BUNDLE, bundle.run))
BROKEN = 'import sys\n\nsys.exit("this agent does not start")\n'


def frozen(folder: Path, version: str, *, is_broken: bool = False) -> Mapping[str, Path]:
    """The artifacts of a version of `apps/agent` by name. is_broken: one whose program ends at once."""
    unit = gather(folder / version)
    project = (unit / "pyproject.toml").read_text()
    (unit / "pyproject.toml").write_text(project.replace('version = "0.1.0"', f'version = "{version}"', 1))
    if is_broken:
        (unit / "start.py").write_text(BROKEN)
    cache, done = Cache(folder / "cache"), dict[StageName, StageResult]()
    for stage, run in STAGES:
        work = folder / f"{version}-{stage}"
        (work / "work").mkdir(parents=True)
        job = Job(
            run=RunId("run-1"),
            unit=UnitName("agent"),
            stage=stage,
            attempt=1,
            path=unit,
            folder=work,
            cache=cache.folder,
            files={name: each.files for name, each in done.items()},
            facts={name: each.facts for name, each in done.items()},
            sources=PackageSources(),
        )
        done[stage] = run(job, cache)
    made, platform = done[StageName.BUNDLE].files, platforms.own()
    names = {"tree": f"tree-{platform}.json", "application": f"application-{platform}.json"}
    names |= {"bundle": f"bundle-{platform}.andon"}
    return {name: cache.path(made[what]) for what, name in names.items()}
