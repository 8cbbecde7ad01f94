"""The sign stage: states how the release came to be, and signs that. Runs in Andon, which has the key."""

from datetime import datetime

from andon.kernel.ids import Sha256
from andon.pipelines import provenance
from andon.pipelines.cache import Cache
from andon.pipelines.model import Run, StageName, StageResult
from andon.pipelines.publisher import Publisher
from andon.releases.model import Artifact, Role
from andon_wire.names import bundle_of, contract_of, delta_of, tree_of

_FILE_NAMES = {
    Role.WHEELHOUSE: "{unit}-{version}-wheelhouse.tar",
    Role.MANIFEST: "andon.toml",
    Role.SBOM: "sbom.cdx.json",
    Role.PROVENANCE: "provenance.dsse.json",
    Role.TEST_REPORT: "test-report.json",
    Role.SCAN_REPORT: "scan-report.json",
    Role.NOTES: "notes.md",
    Role.TREE: tree_of("{platform}"),
    Role.BUNDLE: bundle_of("{platform}"),
    Role.APPLICATION: contract_of("{platform}"),
    Role.DELTA: delta_of("{platform}", "{former}"),
}


def run(run: Run, cache: Cache, publisher: Publisher, now: datetime) -> StageResult:
    """Sign the provenance of what the package and delta stages made."""
    statement = provenance.statement(run, products(run, cache), now)
    envelope = publisher.sign_envelope(provenance.PAYLOAD_TYPE, statement)
    return StageResult(True, "provenance is signed", {Role.PROVENANCE.value: cache.add_bytes(envelope)})


def products(run: Run, cache: Cache) -> tuple[Artifact, ...]:
    """What the run made, but for what is said about it."""
    stages = [each for each in (StageName.PACKAGE, StageName.DELTA) if each in run.names]
    return tuple(made for stage in stages for made in artifacts(run, stage, cache))


def artifacts(run: Run, stage: StageName, cache: Cache) -> tuple[Artifact, ...]:
    """The files of `stage` as artifacts; their names there are roles, of a delta with what it leads from."""
    return tuple(_artifact(run, stage, name, each, cache) for name, each in run.stage(stage).files.items())


def _artifact(run: Run, stage: StageName, key: str, sha256: Sha256, cache: Cache) -> Artifact:
    role, _, former = key.partition(":")
    platform = run.stage(stage).facts.get("platform", "")
    name = _FILE_NAMES[Role(role)].format(
        unit=run.unit, version=run.version, platform=platform, former=former
    )
    return Artifact(Role(role), name, sha256, cache.path(sha256).stat().st_size)
