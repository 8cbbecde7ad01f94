"""Releases for the rest of Andon: publish, list, fetch. Files are `publish.py` and `client.py`.

The table is an index for listing. What may be installed is decided by the signed files alone: `fetch` and
`manifest` never believe the table. Whatever does not verify also becomes an alert on the timeline.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Index, String, Table, delete, insert, select

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Damaged, NotFound, Unavailable, Untrusted
from andon.kernel.ids import RunId, UnitName, Version
from andon.releases import codec, keys, notes
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.model import Artifact, Release, Role
from andon.releases.notes import Notes
from andon.releases.publish import Publisher
from andon.releases.roles import Lifetimes
from andon.releases.sign import sign_envelope, verify_envelope
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import METADATA, Storage
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline.records import Event, Severity
from andon.timeline.store import TimelineStore, append
from andon.units.load import parse
from andon.units.model import Manifest

_log = logging.get(__name__)
_ALERT_AGAIN = timedelta(minutes=1)
_LOOK_AGAIN = timedelta(seconds=5)  # what is revoked is asked by each page, and each look reads all metadata
_MOST_NOTES = 100  # of up to 64 KiB, remembered
_ANDON = "andon"
_MISSING_FILE = "artifact-missing"
_SHOWN = METADATA + "timestamp.json"

releases = Table(
    "releases",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("source", String(120), nullable=False),
    Column("run", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("artifacts", JSON, nullable=False),
    Index("ix_releases_created_at", "created_at"),
)


class ReleaseStore:
    """The registry of one home. Its files must have been made by `keys.init_development`."""

    def __init__(
        self,
        database: Database,
        home: Path,
        clock: Clock,
        lives: Lifetimes | None = None,
        storage: Storage | None = None,
    ) -> None:
        """storage: where its static files lie; None: the folder `registry` of the home."""
        self._layout = Layout(home.resolve())
        self._database = database
        self._clock = clock
        self._storage = storage or Folder(self._layout.registry)
        self._publisher = Publisher(self._layout, clock, lives, storage)
        self._client = Client(self._layout, storage)
        self._timeline = TimelineStore(database)
        self._manifests: dict[tuple[UnitName, Version], Manifest] = {}
        self._notes: dict[tuple[UnitName, Version], Notes] = {}
        self._alerted: dict[tuple[str, str], datetime] = {}
        self._revoked: frozenset[tuple[UnitName, Version]] = frozenset()
        self._looked_at: datetime | None = None

    async def publish(self, release: Release, files: Mapping[Artifact, Path], actor: str) -> Release:
        """Sign `release` into the registry and tell the timeline; gives it as it is published.

        `files` holds the bytes of each artifact. Doing it again with the same artifacts and source
        changes nothing, so a stage that was killed half-way runs it again.

        Raises:
            Conflict: this version exists with other content (`release-exists`).
            Untrusted: a file is not what the release says, or the registry was tampered with.
            NotFound: there is no registry here yet.
        """
        async with self._alerting(f"release/{release.id}", release.unit):
            published = await asyncio.to_thread(self._publisher.publish, release, files)
        await self._index(published, actor)
        return published

    async def get(self, unit: UnitName, version: Version) -> Release:
        """The release; raises NotFound."""
        release = await self.find(unit, version)
        if release is None:
            raise NotFound("no-such-release", f"there is no release {unit}@{version}", hint="andon releases")
        return release

    async def find(self, unit: UnitName, version: Version) -> Release | None:
        """The release; None when it was never published."""
        query = select(releases).where(releases.c.unit == unit, releases.c.version == version)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _release(row)

    async def signed(self, unit: UnitName, version: Version) -> Release:
        """The release as it is signed, verified anew, also when it was revoked; the table is not asked.

        Raises:
            NotFound: no such release. Untrusted, Damaged: something was tampered with (an alert, too).
            Unavailable: the registry could not be read.
        """
        async with self._alerting(f"release/{unit}@{version}", unit):
            return await asyncio.to_thread(self._client.release, unit, version)

    async def installable(self, unit: UnitName, version: Version) -> Release:
        """The release as it is signed, when it may be installed.

        Raises:
            NotFound: no such release, or it was revoked (`release-revoked`). Otherwise as `signed`.
        """
        async with self._alerting(f"release/{unit}@{version}", unit):
            return await asyncio.to_thread(self._client.installable, unit, version)

    async def revoked(self) -> frozenset[tuple[UnitName, Version]]:
        """Releases that must not be installed any more, for lists; a few seconds old at most.

        While the registry cannot be read or does not verify, what was known before: that is told elsewhere,
        and who installs asks `installable`.
        """
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= _LOOK_AGAIN:
            self._looked_at = now
            with suppress(NotFound, Unavailable, Untrusted, Damaged):
                self._revoked = await asyncio.to_thread(self._client.revoked)
        return self._revoked

    async def shipper(self, unit: UnitName, version: Version) -> str:
        """Who shipped it, by the name on the timeline; empty where nobody knows any more."""
        query = select(releases.c.actor).where(releases.c.unit == unit, releases.c.version == version)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return "" if found in {None, _ANDON} else str(found)

    async def list(self, unit: UnitName | None = None) -> list[Release]:
        """All releases, or those of `unit`; the newest first."""
        query = select(releases).order_by(releases.c.created_at.desc(), releases.c.version.desc())
        if unit is not None:
            query = query.where(releases.c.unit == unit)
        async with self._database.reading() as connection:
            return [_release(row) for row in (await connection.execute(query)).all()]

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        """The unit's `andon.toml` as it was released; verified once, then remembered.

        Raises:
            NotFound: no such release.
            Untrusted: it does not verify.
        """
        key = (unit, version)
        if key not in self._manifests:
            text = await self.read(unit, version, Role.MANIFEST)
            self._manifests[key] = parse(text.decode(), source=f"{unit}@{version}")
        return self._manifests[key]

    async def notes(self, unit: UnitName, version: Version) -> Notes:
        """What is new in a release, verified once, then remembered; empty where it has no notes.

        What cannot be read or does not verify is its `fault` and no error: whoever shows notes shows other
        things as well, and the alert is on the timeline.
        """
        key = (unit, version)
        if key not in self._notes:
            release = await self.find(unit, version)
            if release is None or release.artifact(Role.NOTES) is None:
                return Notes()
            try:
                read = await self.read(unit, version, Role.NOTES)
            except (NotFound, Untrusted, Damaged, Unavailable) as error:
                return Notes(fault=error.message)
            if len(self._notes) >= _MOST_NOTES:
                self._notes.pop(next(iter(self._notes)))
            self._notes[key] = notes.shown(read)
        return self._notes[key]

    async def read(self, unit: UnitName, version: Version, role: Role) -> bytes:
        """The verified bytes of a small artifact, such as the test report. Raises like `fetch`."""
        async with self._alerting(f"release/{unit}@{version}", unit):
            return await asyncio.to_thread(self._client.read, unit, version, role)

    async def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        """Put a verified copy of the artifact into the folder `into`; gives the file's path.

        artifact_name: which one, where several have the role.

        Raises:
            NotFound: no such release or role, or its file is missing (an alert, too).
            Untrusted: something was tampered with; it is on the timeline as an alert.
            Unavailable: the registry could not be read.
        """
        async with self._alerting(f"release/{unit}@{version}", unit):
            return await asyncio.to_thread(
                self._client.fetch, unit, version, role, into, artifact_name=artifact_name
            )

    async def verify(self) -> None:
        """See that the registry's metadata can be read and verifies; a look, so it alerts nobody.

        Raises:
            NotFound: there is no registry here.
            Untrusted: something did not verify; the code says what.
        """
        await asyncio.to_thread(self._client.verify)

    async def refresh(self) -> None:
        """Sign again what is half-way to its expiry, and index what the table lacks.

        A loop's tick; an hour between two is often enough.

        Raises:
            Untrusted: the registry was tampered with; nothing was signed.
        """
        if not keys.is_following(self._layout):
            async with self._alerting("registry", ""):
                signed = await asyncio.to_thread(self._publisher.refresh)
            if signed:
                _log.info("registry signed again", roles=list(signed))
        await self.reindex()

    async def reindex(self) -> int:
        """Add signed releases that the table lacks, after a crash or a restored database; gives how many.

        Raises:
            Untrusted: the registry was tampered with.
        """
        known = {(each.unit, each.version) for each in await self.list()}
        is_following = keys.is_following(self._layout)
        if is_following and await asyncio.to_thread(self._storage.size, _SHOWN) is None:
            return 0  # nothing was brought yet
        async with self._alerting("registry", ""):
            signed = await asyncio.to_thread(self._client.releases)
        missing = [each for each in signed if each not in known]
        added = 0
        for unit, version in missing:
            if is_following and not await asyncio.to_thread(self._client.has, unit, version):
                continue  # a part of the registry was brought, and this is of another
            async with self._alerting(f"release/{unit}@{version}", unit):
                release = await asyncio.to_thread(self._client.release, unit, version)
            await self._index(release, _ANDON)
            added += 1
        return added

    def sign_envelope(self, payload_type: str, payload: bytes) -> bytes:
        """`payload`, such as an in-toto statement, in a DSSE envelope signed with the provenance key."""
        return sign_envelope(payload_type, payload, keys.provenance_signer(self._layout))

    def verify_envelope(self, envelope: bytes, payload_type: str) -> bytes:
        """The payload of an envelope that the pinned provenance key signed; raises Untrusted."""
        return verify_envelope(envelope, payload_type, keys.provenance_keys(self._layout))

    async def unlist(
        self, gone: Collection[tuple[UnitName, Version]], actor: str, reason: str
    ) -> tuple[str, ...]:
        """Take rows of releases that were collected out of the table, and tell the timeline; gives which."""
        rows = [each for each in await self.list() if (each.unit, each.version) in gone]
        for each in rows:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                key = (releases.c.unit == each.unit, releases.c.version == each.version)
                await tx.execute(delete(releases).where(*key))
                event = Event(
                    kind="release.collected",
                    subject=f"release/{each.id}",
                    actor=actor,
                    reason=reason,
                    unit=each.unit,
                    before={"version": each.version, "run": each.run, "source": each.source},
                )
                await append(tx, event, now)
            self._manifests.pop((each.unit, each.version), None)
            self._notes.pop((each.unit, each.version), None)
        return tuple(each.id for each in rows)

    async def _index(self, release: Release, actor: str) -> None:
        """The row and the timeline's record, once."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            key = (releases.c.unit == release.unit, releases.c.version == release.version)
            if (await tx.execute(select(releases.c.unit).where(*key))).first() is not None:
                return
            await tx.execute(insert(releases).values(_row(release, now, actor)))
            event = Event(
                kind="release.published",
                subject=f"release/{release.id}",
                actor=actor,
                reason=f"{release.id} was signed and published from {release.source}",
                unit=release.unit,
                after={"version": release.version, "run": release.run, "source": release.source},
            )
            await append(tx, event, now)

    @asynccontextmanager
    async def alerting(self, subject: str, unit: str) -> AsyncIterator[None]:
        """What does not verify in the block is an alert on the timeline, once a minute; and raised."""
        async with self._alerting(subject, unit):
            yield

    @asynccontextmanager
    async def _alerting(self, subject: str, unit: str) -> AsyncIterator[None]:
        try:
            yield
        except (Untrusted, Damaged) as error:
            await self._alert(error, subject, unit)
            raise
        except NotFound as error:
            if error.code == _MISSING_FILE:
                await self._alert(error, subject, unit)
            raise

    async def _alert(self, error: AndonError, subject: str, unit: str) -> None:
        """Record the refusal; the same fault of the same thing at most once a minute."""
        now = self._clock.now()
        before = self._alerted.get((subject, error.code))
        if before is not None and now - before < _ALERT_AGAIN:
            return
        self._alerted[(subject, error.code)] = now
        _log.error("release refused", subject=subject, code=error.code, reason=error.message)
        event = Event(
            kind="release.refused",
            subject=subject,
            actor=_ANDON,
            reason=error.message,
            unit=unit,
            severity=Severity.ALERT,
            after={"code": error.code, "hint": error.hint},
        )
        await self._timeline.record(event, now)


def _row(release: Release, published_at: datetime, actor: str) -> dict[str, Any]:
    return {
        "unit": release.unit,
        "version": release.version,
        "source": release.source,
        "run": release.run,
        "created_at": release.created_at,
        "published_at": published_at,
        "actor": actor,
        "artifacts": codec.artifacts_to_rows(release.artifacts),
    }


def _release(row: Any) -> Release:
    return Release(
        unit=UnitName(row.unit),
        version=Version(row.version),
        artifacts=codec.artifacts_from_rows(row.artifacts),
        source=row.source,
        run=RunId(row.run),
        created_at=row.created_at,
    )
