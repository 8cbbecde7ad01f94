"""The build stage: all wheels that later stages need. After it, no stage asks a package index.

The dependencies are cached by their lock, apart from the rest, so that a new version of the unit builds
its own wheel only.
"""

import hashlib
import platform
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Sha256
from andon.pipelines import environment, tools
from andon.pipelines.builders.lock import beyond, entries
from andon.pipelines.builders.wheel import Lock, WheelBuilder, identity_of
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages.source import SNAPSHOT
from andon.pipelines.tree import unpack
from andon.units.load import FILE_NAME, load

WHEELS, TEST_WHEELS, FREEZER_WHEELS = "wheels/", "test-wheels/", "freezer-wheels/"


def run(job: Job, cache: Cache) -> StageResult:
    """Build the unit's wheel and gather those of its dependencies and of its tests.

    Raises:
        InvalidInput: something cannot be built or is not locked.
        Unavailable: the package index did not answer.
    """
    tree = unpack(cache.path(job.files[StageName.SOURCE][SNAPSHOT]), job.work / "source")
    # A boundary: no tool shall take a repository around Andon's home for the unit's.
    (job.work / ".git").touch()
    manifest = load(tree / FILE_NAME)
    builder = WheelBuilder(job.work, job.sources, environment.own())
    with ThreadPoolExecutor(max_workers=2) as pool:
        lock = Lock.read(tree, manifest.build.requirements)
        test_lock = _beside(lock, Lock.read(tree, manifest.test.requirements), "the tests are")
        tests = pool.submit(_dependencies, builder, cache, test_lock, TEST_WHEELS)
        wheels = _dependencies(builder, cache, lock, WHEELS)
        own = builder.own_wheel(tree)
        test_wheels = tests.result()
    freezer: dict[str, Sha256] = {}
    if manifest.bundle is not None:
        tools_lock = _beside(lock, Lock.read(tree, manifest.bundle.requirements), "what freezes it is")
        freezer = _dependencies(builder, cache, tools_lock, FREEZER_WHEELS)
    _check_version(job, own.name)
    wheels[f"{WHEELS}{own.name}"] = cache.add(own)
    files = {**wheels, **test_wheels, **freezer}
    more = f", {len(freezer)} to freeze it" if freezer else ""
    return StageResult(
        True,
        f"{own.name} with {len(wheels) - 1} dependencies, {len(test_wheels)} more for the tests{more}",
        files,
        {"wheel": own.name, "dependency_count": len(wheels) - 1},
    )


def _dependencies(builder: WheelBuilder, cache: Cache, lock: Lock, prefix: str) -> dict[str, Sha256]:
    key = _key(lock)
    kept = cache.find(StageName.BUILD, key)
    if kept is None:
        folder = builder.work / prefix
        kept = StageResult(
            True, lock.name, {each.name: cache.add(each) for each in builder.locked(lock, folder)}
        )
        cache.remember(StageName.BUILD, key, kept)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        tools.say(f"{lock.name} is unchanged: {len(kept.files)} wheels from the cache")
    return {f"{prefix}{name}": sha256 for name, sha256 in kept.files.items()}


def _key(lock: Lock) -> str:
    machine = f"{sys.implementation.cache_tag} {platform.system()} {platform.machine()} {platform.libc_ver()}"
    return "lock-" + hashlib.sha256(f"{machine}\0{lock.text}".encode()).hexdigest()


def _check_version(job: Job, wheel: str) -> None:
    facts = job.facts[StageName.SOURCE]
    project, version = identity_of(wheel)
    if identity_of(f"{facts['distribution'].replace('-', '_')}-{facts['version']}-py3-none-any.whl") != (
        project,
        version,
    ):
        raise InvalidInput("other-wheel", f"{wheel} is not {facts['distribution']} {facts['version']}")


def _beside(lock: Lock, other: Lock, said: str) -> Lock:
    """What `other` names beside the unit's own. Where the locks differ, tests would prove nothing."""
    have = {each.project: each.version for each in entries(lock.text) if each.project}
    for each in entries(other.text):
        if have.get(each.project, each.version) != each.version:
            raise InvalidInput(
                "locks-differ",
                f"{said} locked to {each.project} {each.version}, the unit to {have[each.project]}",
                hint="make both locks from one resolution",
            )
    return Lock(other.name, beyond(other.text, lock.text))
