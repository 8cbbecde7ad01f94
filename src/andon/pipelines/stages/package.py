"""The package stage: the artifacts of the release, byte for byte the same for the same inputs."""

from andon.kernel.ids import Sha256
from andon.pipelines.builders.wheel import identity_of
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages import security, source, test
from andon.pipelines.stages.build import WHEELS
from andon.pipelines.tree import pack
from andon.releases.model import Role
from andon.units.load import FILE_NAME

REQUIREMENTS = "requirements.txt"


def run(job: Job, cache: Cache) -> StageResult:
    """Put the wheels into one tar, or take the bundle, and give every artifact its role.

    The tar holds the wheels side by side, and `requirements.txt` which pins each by its hash.
    """
    sources = job.files[StageName.SOURCE]
    files = {
        Role.MANIFEST.value: sources[FILE_NAME],
        Role.SBOM.value: job.files[StageName.SECURITY][security.SBOM],
        Role.TEST_REPORT.value: job.files[StageName.TEST][test.REPORT],
        Role.SCAN_REPORT.value: job.files[StageName.SECURITY][security.REPORT],
    }
    if source.NOTES in sources:
        files[Role.NOTES.value] = sources[source.NOTES]
    frozen = job.files.get(StageName.BUNDLE)
    if frozen is not None:  # an application; stations take it whole, and install no wheels
        facts = job.facts[StageName.BUNDLE]
        told = f"a bundle for {facts['platform']}, {facts['size_bytes'] / 1e6:.1f} MB"
        return StageResult(True, told, {**frozen, **files}, facts)
    wheels = {
        name.removeprefix(WHEELS): sha256
        for name, sha256 in job.files[StageName.BUILD].items()
        if name.startswith(WHEELS)
    }
    wheelhouse = job.work / "wheelhouse.tar"
    contents = [(name, cache.path(sha256)) for name, sha256 in wheels.items()]
    pack([*contents, (REQUIREMENTS, _requirements(wheels))], wheelhouse)
    size = wheelhouse.stat().st_size
    told = f"{len(wheels)} wheels, {size / 1e6:.1f} MB"
    return StageResult(
        True, told, {Role.WHEELHOUSE.value: cache.add(wheelhouse), **files}, {"size_bytes": size}
    )


def _requirements(wheels: dict[str, Sha256]) -> bytes:
    lines = []
    for name, sha256 in sorted(wheels.items()):
        project, version = identity_of(name)
        lines.append(f"{project}=={version} --hash=sha256:{sha256}\n")
    return "".join(lines).encode()
