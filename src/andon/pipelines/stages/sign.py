"""The sign stage: states how the release came to be, and signs that. Runs in Andon, which has the key."""

from datetime import datetime

from andon.kernel.ids import Sha256
from andon.pipelines import provenance
from andon.pipelines.cache import Cache
from andon.pipelines.model import Run, StageName, StageResult
from andon.pipelines.publisher import Publisher
from andon.releases.model import Artifact, Role

_FILE_NAMES = {
    Role.WHEELHOUSE: "{unit}-{version}-wheelhouse.tar",
    Role.MANIFEST: "andon.toml",
    Role.SBOM: "sbom.cdx.json",
    Role.PROVENANCE: "provenance.dsse.json",
    Role.TEST_REPORT: "test-report.json",
    Role.SCAN_REPORT: "scan-report.json",
}


def run(run: Run, cache: Cache, publisher: Publisher, now: datetime) -> StageResult:
    """Sign the provenance of what the package stage made."""
    statement = provenance.statement(run, artifacts(run, StageName.PACKAGE, cache), now)
    envelope = publisher.sign_envelope(provenance.PAYLOAD_TYPE, statement)
    return StageResult(True, "provenance is signed", {Role.PROVENANCE.value: cache.add_bytes(envelope)})


def artifacts(run: Run, stage: StageName, cache: Cache) -> tuple[Artifact, ...]:
    """The files of `stage` as artifacts; their names there are roles."""
    return tuple(_artifact(run, Role(role), each, cache) for role, each in run.stage(stage).files.items())


def _artifact(run: Run, role: Role, sha256: Sha256, cache: Cache) -> Artifact:
    name = _FILE_NAMES[role].format(unit=run.unit, version=run.version)
    return Artifact(role, name, sha256, cache.path(sha256).stat().st_size)
