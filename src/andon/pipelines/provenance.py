"""States how a release came to be, as an in-toto statement with SLSA's provenance v1. Pure; unsigned."""

import json
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any

from andon.pipelines.model import Run, StageName
from andon.releases.model import Artifact, Role

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BYPRODUCTS = (Role.TEST_REPORT, Role.SCAN_REPORT, Role.SBOM)


def statement(run: Run, artifacts: tuple[Artifact, ...], finished_at: datetime) -> bytes:
    """The statement about `artifacts`, which the run's stages made."""
    source = run.stage(StageName.SOURCE)
    body = {
        "_type": _STATEMENT,
        "subject": [_described(each) for each in artifacts if each.role not in _BYPRODUCTS],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"urn:andon:pipeline:{_kind(run)}:v1",
                "externalParameters": {"unit": run.unit, "version": run.version, "actor": run.actor},
                "internalParameters": {
                    "inputs": {each.name.value: each.input_hash for each in run.stages if each.input_hash}
                },
                "resolvedDependencies": [_source(run), *_wheels(run)],
            },
            "runDetails": {
                "builder": {"id": "urn:andon:control-plane", "version": {"andon": installed("andon")}},
                "metadata": {
                    "invocationId": run.id,
                    "startedOn": (source.started_at or run.created_at).isoformat(),
                    "finishedOn": finished_at.isoformat(),
                },
                "byproducts": [_described(each) for each in artifacts if each.role in _BYPRODUCTS],
            },
        },
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False).encode()


def _kind(run: Run) -> str:
    return "bundle" if StageName.BUNDLE in run.names else "wheel"


def _described(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "digest": {"sha256": artifact.sha256},
        "annotations": {"role": artifact.role.value, "size_bytes": artifact.size_bytes},
    }


def _source(run: Run) -> dict[str, Any]:
    facts = run.stage(StageName.SOURCE).facts
    digest = {"sha256": facts["tree"]}
    if not facts["source"].startswith("tree:"):
        digest["gitCommit"] = facts["source"]
    return {"name": "source", "digest": digest}


def _wheels(run: Run) -> list[dict[str, Any]]:
    """Dependencies only: the unit's own wheel is a product."""
    build = run.stage(StageName.BUILD)
    own = build.facts["wheel"]
    return [
        {"name": name, "digest": {"sha256": sha256}}
        for name, sha256 in sorted(build.files.items())
        if not name.endswith(f"/{own}")
    ]
