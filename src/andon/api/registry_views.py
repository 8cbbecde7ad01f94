"""From the registry's values to what the API says of it."""

from andon.api import registry_model as model
from andon.kernel.errors import AndonError
from andon.releases.ceremony.server import Outcome
from andon.releases.ceremony.status import RoleStanding, Standing
from andon.releases.garbage.model import Collected
from andon.releases.stock import Look


def registry(of: Look) -> model.RegistryView:
    """All of it."""
    return model.RegistryView(
        at=of.at,
        is_following=of.is_following,
        releases=sum(each.releases for each in of.units),
        artifacts=sum(each.artifacts for each in of.units),
        size_bytes=sum(each.size_bytes for each in of.units),
        stray_files=of.strays.files,
        stray_bytes=of.strays.size_bytes,
        units=[
            model.UnitStockView(
                unit=each.unit,
                releases=each.releases,
                revoked=each.revoked,
                collected=each.collected,
                artifacts=each.artifacts,
                size_bytes=each.size_bytes,
            )
            for each in of.units
        ],
        revoked=[
            model.RevocationView(
                unit=each.unit, version=each.version, reason=each.reason, by=each.by, at=each.at
            )
            for each in of.revoked
        ],
        keys=None if of.standing is None else _keys(of.standing),
        collection=_collection(of),
    )


def collected(of: Collected) -> model.CollectedView:
    """What a collection did."""
    return model.CollectedView(
        releases=list(of.releases),
        deltas=list(of.deltas),
        freed_bytes=of.freed_bytes,
        removed=of.removed,
        removed_bytes=of.removed_bytes,
        waiting=of.waiting,
        is_pending=of.is_pending,
    )


def _collection(of: Look) -> model.CollectionView:
    trial = of.trial or Collected({}, (), (), 0, 0, 0, 0)
    return model.CollectionView(
        keep=of.rules.keep,
        grace_s=of.rules.grace.total_seconds(),
        is_automatic=of.is_automatic,
        releases=list(trial.releases),
        deltas=list(trial.deltas),
        freed_bytes=trial.freed_bytes,
        kept=[_kept(release, why) for release, why in sorted(trial.kept.items())],
        refusal=None if of.refusal is None else _refusal(of.refusal),
    )


def _kept(release: str, why: str) -> model.KeptView:
    unit, _, version = release.partition("@")
    return model.KeptView(unit=unit, version=version, why=why)


def _refusal(error: AndonError) -> model.RefusalView:
    return model.RefusalView(code=error.code, detail=error.message, hint=error.hint)


def _keys(of: Standing) -> model.KeysView:
    return model.KeysView(
        is_development=of.is_development,
        roles=[_role(each) for each in of.roles],
        waiting=None if of.waiting is None else _waiting(of.waiting),
    )


def _role(of: RoleStanding) -> model.RegistryRoleView:
    return model.RegistryRoleView(
        role=of.role,
        version=of.version,
        expires_at=of.expires_at,
        threshold=of.threshold,
        keys=[
            model.KeyView(key_id=each.key_id, holder=each.holder, is_here=each.is_here) for each in of.keys
        ],
        is_offline=sum(each.is_here for each in of.keys) < of.threshold,
        worry=of.worry.value,
        advice=of.advice,
    )


def _waiting(of: Outcome) -> model.KeysRequestView:
    return model.KeysRequestView(
        reason=of.request.reason,
        by=of.request.by,
        created_at=of.request.created_at,
        fingerprint=of.request.fingerprint,
        missing=[
            model.MissingView(
                part=each.part,
                of=each.of,
                signed=len(each.signed),
                threshold=each.threshold,
                holders=list(each.holders),
            )
            for each in of.missing
        ],
    )
