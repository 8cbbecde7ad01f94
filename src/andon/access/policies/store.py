"""The policies' rows: one for each signed version, never changed and never deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Column, Integer, String, Table, func, insert, select

from andon.access.policies import calendar
from andon.access.policies.model import UNBOUNDED, Bounds, Policy
from andon.access.signatures import store as signatures
from andon.access.signatures.model import Action, Signature
from andon.kernel.errors import Conflict, Damaged, InvalidInput
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

CHANGED = "policy.changed"
policies = Table(
    "policies",
    metadata,
    Column("environment", String(60), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("signature", String(60), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(120), nullable=False),
)
TRIGGERS = signatures.append_only("policies")
signatures.guard_rows(policies)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A version of a policy, with who signed it."""

    policy: Policy
    signature: str
    at: datetime
    actor: str


class PolicyStore:
    """Reads and writes policies. Whether their signatures hold is asked in `commands.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, environment: str) -> StoredPolicy | None:
        """The newest version; None where nobody ever made one. Raises Damaged."""
        found = await self.history(environment, limit=1)
        return found[0] if found else None

    async def history(self, environment: str, limit: int = 100) -> Sequence[StoredPolicy]:
        """The versions of one environment, newest first. Raises Damaged."""
        query = (
            select(policies)
            .where(policies.c.environment == environment)
            .order_by(policies.c.version.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [_stored(row) for row in (await connection.execute(query)).all()]

    async def environments(self) -> Sequence[str]:
        """Names of the environments that have a policy of their own."""
        query = select(policies.c.environment).distinct().order_by(policies.c.environment)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def contents(self) -> Mapping[str, Any]:
        """All versions by environment and version, as the timeline tells of them."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(policies))).all()
        return {
            f"{row.environment}, version {row.version}": {
                "after": {
                    **(row.document if isinstance(row.document, dict) else {}),
                    "signature": row.signature,
                },
                "actor": row.actor,
            }
            for row in rows
        }

    async def put(self, before: Policy, policy: Policy, signature: Signature, at: datetime) -> None:
        """The next version, its signature and both records, in one transaction.

        Raises:
            Conflict: somebody else changed it in between, or the signature was used before.
        """
        newest = select(func.max(policies.c.version)).where(policies.c.environment == policy.environment)
        async with self._database.transaction() as tx:
            if ((await tx.execute(newest)).scalar_one() or 0) != before.version:
                raise moved(policy.environment)
            await signatures.append(tx, signature, at)
            await tx.execute(
                insert(policies).values(
                    environment=policy.environment,
                    version=policy.version,
                    document=values(policy),
                    signature=signature.id,
                    at=at,
                    actor=signature.signer,
                )
            )
            await timeline.append(tx, _changed(before, policy, signature), at)


def values(policy: Policy) -> dict[str, Any]:
    """The policy as JSON: what is stored, and what is signed.

    A calendar, bounds, and each single bound are named only where there are any: what was signed before there
    were such must stay what it was.
    """
    made = {
        "environment": policy.environment,
        "version": policy.version,
        "is_production": policy.is_production,
        "approvals": policy.approvals,
        "approver_role": policy.approver_role,
        "signed": sorted(each.value for each in policy.signed),
    }
    if policy.calendar is not None:
        made["calendar"] = calendar.to_values(policy.calendar)
    if policy.bounds != UNBOUNDED:
        made["bounds"] = _named(policy.bounds)
    return made


def _named(bounds: Bounds) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in fields(Bounds):
        value = getattr(bounds, each.name)
        if value == getattr(UNBOUNDED, each.name):
            continue
        if isinstance(value, timedelta):
            value = value.total_seconds()
        values[each.name] = sorted(value) if isinstance(value, frozenset) else value
    return values


def moved(environment: str) -> Conflict:
    """What a person hears whose change is based on an older version."""
    return Conflict(
        "policy-moved", f"the policy of {environment} changed in between", hint="look at it again, then sign"
    )


def _changed(before: Policy, policy: Policy, signature: Signature) -> Event:
    return Event(
        kind=CHANGED,
        subject=f"policy/{policy.environment}",
        actor=signature.signer,
        reason=signature.reason,
        environment=policy.environment,
        before=values(before),
        after=values(policy) | {"signature": signature.id},
    )


def _stored(row: Any) -> StoredPolicy:
    try:
        policy = _policy(row.document)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidInput) as error:
        raise Damaged("damaged-row", f"the policy of {row.environment} cannot be read: {error}") from error
    return StoredPolicy(policy, row.signature, row.at, row.actor)


def _policy(document: Mapping[str, Any]) -> Policy:
    return Policy(
        environment=document["environment"],
        version=document["version"],
        is_production=document["is_production"],
        approvals=document["approvals"],
        approver_role=document["approver_role"],
        signed=frozenset(Action(each) for each in document["signed"]),
        calendar=calendar.from_values(document["calendar"]) if "calendar" in document else None,
        bounds=_bounds(document.get("bounds", {})),
    )


def _bounds(document: Mapping[str, Any]) -> Bounds:
    known = {each.name for each in fields(Bounds)}
    if unknown := sorted(set(document) - known):
        raise ValueError(f"it has bounds that are not known here: {', '.join(unknown)}")
    values = dict(document)
    if "min_age" in values:
        values["min_age"] = timedelta(seconds=values["min_age"])
    if "strategies" in values:
        values["strategies"] = frozenset(values["strategies"])
    return Bounds(**values)
