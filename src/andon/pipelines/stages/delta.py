"""The delta stage: from each former release that stations may still run to the new one.

Which those are is given by Andon (`formers.py`), which has the registry. A delta that turns out no smaller
than the whole is left out. Each is remembered by what it leads from and to, so that a retry makes none twice.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from andon.kernel.ids import Sha256
from andon.pipelines import tools
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageName, StageResult
from andon.releases.deltas.forms import of_platform
from andon.releases.deltas.make import Means, make
from andon.releases.model import Role
from andon_wire import tree
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk

_REVISION = 2  # raise it when the same trees would give other bytes


def run(job: Job, cache: Cache) -> StageResult:
    """Make the deltas.

    Raises:
        Damaged: a former release's files are gone from the cache.
    """
    packed = job.files[StageName.BUNDLE]
    formers: Mapping[str, Mapping[str, Sha256]] = job.given.get("formers", {})
    new = _unpacked(packed, cache, job.work / "new") if formers else job.work
    whole = cache.path(packed[Role.BUNDLE.value]).stat().st_size
    files: dict[str, Sha256] = {}
    for version, former in sorted(formers.items()):
        made = _delta(job, cache, former, new)
        size = cache.path(made).stat().st_size
        if size < whole:
            files[f"{Role.DELTA.value}:{version}"] = made
        tools.say(f"from {version}: {size:,} bytes, {size / whole:.1%} of the whole")
    facts = {"platform": job.facts[StageName.BUNDLE]["platform"], "formers": sorted(formers)}
    if not formers:
        return StageResult(True, "no former release that a station may have can be had", files, facts)
    total = sum(cache.path(each).stat().st_size for each in files.values())
    return StageResult(True, f"{len(files)} deltas, {total / 1e6:.1f} MB together", files, facts)


def _delta(job: Job, cache: Cache, former: Mapping[str, Sha256], new: Path) -> Sha256:
    key = hashlib.sha256(
        f"{_REVISION} {former[Role.TREE.value]} {job.files[StageName.BUNDLE][Role.TREE.value]}".encode()
    ).hexdigest()
    kept = cache.find(StageName.DELTA, key)
    if kept is not None:
        return kept.files[Role.DELTA.value]
    old = _unpacked(former, cache, job.work / "old")
    file, platform = job.work / "delta.andon", job.facts[StageName.BUNDLE]["platform"]
    with file.open("w+b") as out:
        make(old, new, out, scratch=job.work, means=Means(tried=of_platform(platform)))
    made = cache.add(file)
    shutil.rmtree(old)
    cache.remember(StageName.DELTA, key, StageResult(True, "", {Role.DELTA.value: made}))
    return made


def _unpacked(packed: Mapping[str, Sha256], cache: Cache, into: Path) -> Path:
    wanted = tree.decode(cache.path(packed[Role.TREE.value]).read_bytes())
    with cache.path(packed[Role.BUNDLE.value]).open("rb") as container:
        apply(container, old=None, into=into, tree=wanted, disk=RealDisk())
    return into
