"""The security stage: bandit, a search for secrets, and the bill of materials. One report of all three."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

from andon.kernel.errors import InvalidInput
from andon.pipelines import environment, sbom, tools
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.stages.build import WHEELS
from andon.pipelines.stages.source import SNAPSHOT
from andon.pipelines.tree import unpack
from andon.units.load import FILE_NAME, load
from andon.units.model import Manifest

REPORT, SBOM = "scan-report.json", "sbom.cdx.json"
_LEVELS = ("low", "medium", "high")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something at a line. `stops` says whether it is reason enough to stop the pipeline."""

    tool: str
    rule: str
    severity: str
    file: str
    line: int
    message: str
    stops: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} ({self.tool} {self.rule}, {self.severity})"


def run(job: Job, cache: Cache) -> StageResult:
    """Scan the snapshot and list what is in the wheelhouse.

    Raises:
        InvalidInput: a path of the manifest is missing, or a scanner did not work.
    """
    tree = unpack(cache.path(job.files[StageName.SOURCE][SNAPSHOT]), job.work / "source")
    manifest = load(tree / FILE_NAME)
    findings = [*_bandit(job, tree, manifest), *secrets_in(tree, manifest)]
    packages = _packages(job, cache)
    report = {
        "bandit_level": manifest.security.bandit_level,
        "findings": [asdict(each) for each in findings],
        "licences": {each.name: each.licence or "unknown" for each in packages.values()},
    }
    facts = job.facts[StageName.BUILD], job.facts[StageName.SOURCE]
    bill = sbom.render(job.unit, facts[1]["version"], facts[0]["wheel"], packages)
    files = {
        REPORT: cache.add_bytes(json.dumps(report, indent=1, ensure_ascii=False).encode()),
        SBOM: cache.add_bytes(bill),
    }
    return _judged(findings, len(packages), files)


def _judged(findings: list[Finding], packages: int, files: dict[str, Any]) -> StageResult:
    stopping = [each for each in findings if each.stops]
    for each in findings:
        tools.say(("refused: " if each.stops else "noted: ") + str(each))
    facts = {
        "findings": [asdict(each) for each in (stopping or findings)[:_MOST_TOLD]],
        "finding_count": len(findings),
        "package_count": packages,
    }
    if stopping:
        more = f", and {len(stopping) - 1} more" if len(stopping) > 1 else ""
        return StageResult(False, f"{stopping[0]}{more}", files, facts)
    return StageResult(True, f"{len(findings)} minor findings, {packages} packages listed", files, facts)


def _bandit(job: Job, tree: Path, manifest: Manifest) -> list[Finding]:
    missing = [each for each in manifest.security.paths if not (tree / each).exists()]
    if missing:
        raise InvalidInput(
            "no-path", f"security.paths names {missing[0]}, which is not there", hint="name folders with code"
        )
    report = job.work / "bandit.json"
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--exit-zero", "--format", "json"]
    command += ["--output", str(report), *manifest.security.paths]
    outcome = tools.run(command, cwd=tree, environment=environment.of_unit(environment.own()))
    if outcome.code or not report.exists():
        raise InvalidInput("bandit-failed", f"bandit did not work: {outcome.said}")
    stops = _LEVELS[_LEVELS.index(manifest.security.bandit_level) :]
    return [
        Finding(
            tool="bandit",
            rule=each["test_id"],
            severity=each["issue_severity"].lower(),
            file=str(Path(each["filename"])).removeprefix("./"),
            line=each["line_number"],
            message=each["issue_text"],
            stops=each["issue_severity"].lower() in stops,
        )
        for each in json.loads(report.read_bytes())["results"]
    ]


def secrets_in(tree: Path, manifest: Manifest) -> list[Finding]:
    """What looks like a secret in the files of a tree."""
    found = SecretsCollection(root=str(tree))
    with default_settings():
        for file in sorted(each for each in tree.rglob("*") if each.is_file()):
            found.scan_file(str(file.relative_to(tree)))
    return [
        Finding(
            tool="detect-secrets",
            rule=secret.type,
            severity="high",
            file=name,
            line=secret.line_number,
            message="this looks like a secret; mark the line `pragma: allowlist secret` if it is none",
            stops=manifest.security.secrets,
        )
        for name, secret in sorted(found, key=lambda each: (each[0], each[1].line_number, each[1].type))
    ]


def _packages(job: Job, cache: Cache) -> dict[str, sbom.Package]:
    wheels = {
        name.removeprefix(WHEELS): sha256
        for name, sha256 in job.files[StageName.BUILD].items()
        if name.startswith(WHEELS)
    }
    return {name: sbom.read(cache.path(sha256), name, sha256) for name, sha256 in wheels.items()}
