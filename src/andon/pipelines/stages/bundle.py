"""The bundle stage: an application frozen for this platform, as a tree and a container that makes it.

Everything is installed offline from what the build stage gathered. The artifacts are for one platform; a
station with another needs a release that was built there.
"""

from pathlib import Path

from andon.kernel.errors import InvalidInput
from andon.pipelines import environment, tools
from andon.pipelines.builders import bundle
from andon.pipelines.builders.wheel import environment_of
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages.build import FREEZER_WHEELS, WHEELS
from andon.pipelines.stages.source import SNAPSHOT
from andon.pipelines.stages.test import install_into
from andon.pipelines.tree import unpack
from andon.releases.deltas.make import make
from andon.releases.model import Role
from andon.units.applications import Bundle
from andon.units.load import FILE_NAME, load
from andon_wire import application, platforms, tree


def run(job: Job, cache: Cache) -> StageResult:
    """Freeze the application, and pack it.

    Raises:
        InvalidInput: it cannot be frozen; the message ends with what the freezer said.
    """
    source = unpack(cache.path(job.files[StageName.SOURCE][SNAPSHOT]), job.work / "source")
    manifest = load(source / FILE_NAME)
    if manifest.bundle is None:
        raise InvalidInput("no-bundle", "the manifest has no [bundle]", hint="a wheel has no bundle stage")
    frozen = _frozen(job, cache, source, manifest.unit.name, manifest.bundle)
    gone = bundle.remove(manifest.bundle.remove, frozen)
    packed = job.work / "bundle.andon"
    with packed.open("w+b") as out:
        made = make(None, frozen, out, scratch=job.work)
    found, size, platform = made.new, made.size_bytes, platforms.own()
    version = job.facts[StageName.SOURCE]["version"]
    files = {
        Role.TREE.value: cache.add_bytes(tree.encode(found)),
        Role.BUNDLE.value: cache.add(packed),
        Role.APPLICATION.value: cache.add_bytes(
            application.encode(bundle.application_of(manifest, version, platform))
        ),
    }
    told = f"{len(found.files)} files, {found.size / 1e6:.1f} MB, packed {size / 1e6:.1f} MB for {platform}"
    facts = {"platform": platform, "size_bytes": size, "tree_bytes": found.size, "removed": gone}
    return StageResult(True, told, files, facts)


def _frozen(job: Job, cache: Cache, source: Path, name: str, wanted: Bundle) -> Path:
    virtual = job.work / "venv"
    install_into(virtual, job, cache, (WHEELS, FREEZER_WHEELS))
    outcome = tools.run(
        bundle.command(name, wanted, source, job.work),
        cwd=source,
        environment={
            **environment_of(environment.of_unit(environment.own()), virtual),
            **bundle.REPRODUCIBLE,
            "PYINSTALLER_CONFIG_DIR": str(job.work / "freezer"),
        },
    )
    made = job.work / bundle.FROZEN / name
    if outcome.code or not made.is_dir():
        raise InvalidInput(
            "not-frozen",
            f"PyInstaller did not freeze it: {outcome.said}",
            hint="see the output of the stage: andon logs --run ...",
        )
    return made
