"""Named secrets in the database, encrypted under a key that is kept apart from it.

    rotation: add a primary key to the file -> encrypt each row anew, one transaction each -> tell it ->
              drop the old keys from the file

Killed anywhere and run again, it goes on where it was. Readers need no lock: who meets a key that was
dropped reads the row once more. Writers take the table's write lock before they read the key file, so that
none can still write under a key that a rotation has left behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, LargeBinary, String, Table, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.secrets import seal
from andon.access.secrets.keyfile import KeyFile, Keys
from andon.access.secrets.model import Rotation, Secret, secret_name, secret_value
from andon.access.secrets.seal import Sealed
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, NotFound
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline.records import Event, Severity
from andon.timeline.store import Filter, TimelineStore, append

_log = logging.get(__name__)
_DAMAGED = "secret.damaged"
_LOOKS = 5  # a row can be overtaken once by each rotation; five in one reading is not a race any more
_LOST_HINT = (
    "put the key file back from where it is kept apart; if it is lost, delete each secret and set it again: "
    "docs/operations/secrets.md"
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("key_id", String(40), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(120), nullable=False),
)


@dataclass(frozen=True, slots=True)
class _Row:
    key_id: str
    sealed: Sealed


class SecretStore:
    """The secrets of one installation; `key_file` is its key file, the same for all its processes."""

    def __init__(self, database: Database, key_file: KeyFile, clock: Clock) -> None:
        self._database = database
        self._key_file = key_file
        self._clock = clock

    async def put(self, name: str, value: str, *, actor: str, reason: str) -> None:
        """Keep `value` under `name`, in place of what was there. The first one ever makes the key file.

        Raises:
            InvalidInput: the name or the value cannot be kept.
            Damaged: there are secrets, but the key file that opens them is not there.
            Forbidden: others may read the key file.
        """
        content = secret_value(value)
        async with self._database.transaction() as tx:
            await self._lock_out_writers(tx)
            keys = await self._writable_keys(tx)
            before = await _find(tx, secret_name(name))
            await self._write(tx, name, content, keys, actor)
            event = Event(
                kind="secret.put",
                subject=f"secret/{name}",
                actor=actor,
                reason=reason,
                before={} if before is None else {"key": before.key_id},
                after={"key": keys.primary},
            )
            await append(tx, event, self._clock.now())

    async def get(self, name: str) -> str:
        """The value.

        Raises:
            NotFound: there is no such secret.
            Damaged: the row or the key file does not open it; an altered row also becomes an alert.
            Forbidden: others may read the key file.
        """
        row = await self._row(secret_name(name))
        for _ in range(_LOOKS):
            keys = await self._keys_for(name)
            if row.key_id in keys.known:
                value = seal.find_value(keys.known[row.key_id], name, row.sealed)
                if value is None:
                    raise await self._damaged(name)
                return value.decode()
            again = await self._row(name)  # a rotation may have dropped the key since the row was read
            if again == row:
                break
            row = again
        raise self._key_missing(name, row)

    async def delete(self, name: str, *, actor: str, reason: str) -> None:
        """Forget a secret. Backups of the database still hold it, encrypted.

        Raises:
            NotFound: there is no such secret.
        """
        async with self._database.transaction() as tx:
            gone = delete(secrets).where(secrets.c.name == secret_name(name)).returning(secrets.c.key_id)
            key_id = (await tx.execute(gone)).scalar_one_or_none()
            if key_id is None:
                raise _not_found(name)
            event = Event(
                kind="secret.deleted",
                subject=f"secret/{name}",
                actor=actor,
                reason=reason,
                before={"key": key_id},
            )
            await append(tx, event, self._clock.now())

    async def rotate(self, *, actor: str, reason: str) -> Rotation:
        """Encrypt everything under a fresh key and forget the old ones, while readers and writers go on.

        One that was cut short is completed, with the key that it had made.

        Raises:
            Conflict: another rotation is under way on this machine.
            NotFound: there is no key file: nothing was ever kept here.
            Damaged: a secret does not open; its old key is kept, and nothing is lost.
        """
        with self._key_file.rotating():
            keys = await self._keys_for("")
            if len(keys.known) == 1:
                keys = await self._key_file.add_primary()
            _log.info("rotating secrets", key_id=keys.primary)
            done = Rotation(keys.primary, 0, tuple(sorted({*keys.known} - {keys.primary})))
            while not await self._is_told(done, actor, reason):
                for name in await self._list_behind(keys.primary):
                    done = replace(done, encrypted=done.encrypted + await self._encrypt_anew(name))
            await self._key_file.drop_others()
        _log.info("secrets rotated", key_id=done.key_id, encrypted=done.encrypted, dropped=done.dropped)
        return done

    async def list_unreadable(self) -> list[str]:
        """Names of the secrets that do not open: for `andon doctor`, and after a restore."""
        unreadable = []
        for each in await self.list():
            try:
                await self.get(each.name)
            except Damaged:
                unreadable.append(each.name)
            except NotFound:
                continue  # deleted meanwhile
        return unreadable

    async def list(self) -> list[Secret]:
        """All secrets by name, without their values."""
        columns = (secrets.c.name, secrets.c.key_id, secrets.c.updated_at, secrets.c.updated_by)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(*columns).order_by(secrets.c.name))).all()
        return [Secret(row.name, row.key_id, row.updated_at, row.updated_by) for row in rows]

    async def _encrypt_anew(self, name: str) -> int:
        """Bring one row under the primary key; gives whether it was not there yet."""
        async with self._database.transaction() as tx:
            await self._lock_out_writers(tx)
            keys = await self._key_file.read()
            row = await _find(tx, name)
            if row is None or row.key_id == keys.primary:
                return 0
            if row.key_id not in keys.known:
                raise self._key_missing(name, row)
            value = seal.find_value(keys.known[row.key_id], name, row.sealed)
            if value is not None:
                fresh = seal.seal(keys.known[keys.primary], name, value)
                await tx.execute(
                    update(secrets)
                    .where(secrets.c.name == name)
                    .values(key_id=keys.primary, nonce=fresh.nonce, ciphertext=fresh.ciphertext)
                )
                return 1
        raise await self._damaged(name)

    async def _list_behind(self, key_id: str) -> Sequence[str]:
        """Names of the rows that are under another key."""
        async with self._database.reading() as connection:
            return await _behind(connection, key_id)

    async def _is_told(self, done: Rotation, actor: str, reason: str) -> bool:
        """Tell the rotation once no row is left behind; gives whether that is so.

        Told before the old keys go: a crash in between leaves keys too many, never one too few.
        """
        async with self._database.transaction() as tx:
            await self._lock_out_writers(tx)
            if await _behind(tx, done.key_id):
                return False
            event = Event(
                kind="secret.rotated",
                subject="secrets",
                actor=actor,
                reason=reason,
                before={"keys": list(done.dropped)},
                after={"key": done.key_id, "encrypted": done.encrypted},
            )
            await append(tx, event, self._clock.now())
            return True

    async def _write(self, tx: AsyncConnection, name: str, content: bytes, keys: Keys, actor: str) -> None:
        sealed = seal.seal(keys.known[keys.primary], name, content)
        values = {
            "key_id": keys.primary,
            "nonce": sealed.nonce,
            "ciphertext": sealed.ciphertext,
            "updated_at": self._clock.now(),
            "updated_by": actor,
        }
        changed = await tx.execute(update(secrets).where(secrets.c.name == name).values(values))
        if changed.rowcount == 0:
            await tx.execute(insert(secrets).values(name=name, **values))

    async def _lock_out_writers(self, tx: AsyncConnection) -> None:
        """SQLite has one writer anyway. This mode lets readers of PostgreSQL pass."""
        if not self._database.is_sqlite:
            await tx.execute(text("LOCK TABLE secrets IN SHARE ROW EXCLUSIVE MODE"))

    async def _writable_keys(self, tx: AsyncConnection) -> Keys:
        try:
            return await self._key_file.read()
        except NotFound as error:
            if (await tx.execute(select(func.count()).select_from(secrets))).scalar_one():
                raise Damaged("secrets-key-missing", error.message, hint=_LOST_HINT) from error
        return await self._key_file.create()

    async def _keys_for(self, name: str) -> Keys:
        """With a name: of a secret that is there, so that a missing key file is damage."""
        try:
            return await self._key_file.read()
        except NotFound as error:
            if not name:
                raise
            raise Damaged("secrets-key-missing", error.message, hint=_LOST_HINT) from error

    async def _row(self, name: str) -> _Row:
        async with self._database.reading() as connection:
            row = await _find(connection, name)
        if row is None:
            raise _not_found(name)
        return row

    def _key_missing(self, name: str, row: _Row) -> Damaged:
        return Damaged(
            "secrets-key-missing",
            f"secret {name} is encrypted under key {row.key_id}, which is not in {self._key_file.path}",
            hint=_LOST_HINT,
        )

    async def _damaged(self, name: str) -> Damaged:
        """The error to raise, after its alert was recorded: once for each state of the row."""
        subject, timeline = f"secret/{name}", TimelineStore(self._database)
        told = await timeline.list(Filter(subject=subject), limit=1)
        if not told or told[0].event.kind != _DAMAGED:
            event = Event(
                kind=_DAMAGED,
                subject=subject,
                actor="secrets",
                reason=f"secret {name} does not open: its row was altered, or moved from another name",
                severity=Severity.ALERT,
            )
            await timeline.record(event, self._clock.now())
        _log.error("secret does not open", name=name)
        return Damaged(
            "secret-damaged",
            f"secret {name} does not open: its row was altered, or moved from another name",
            hint=f"find out who changed the database, then set it again: andon secrets set {name}",
        )


def _not_found(name: str) -> NotFound:
    return NotFound("no-such-secret", f"there is no secret {name}", hint=f"andon secrets set {name}")


async def _behind(connection: AsyncConnection, key_id: str) -> Sequence[str]:
    query = select(secrets.c.name).where(secrets.c.key_id != key_id).order_by(secrets.c.name)
    return (await connection.execute(query)).scalars().all()


async def _find(connection: AsyncConnection, name: str) -> _Row | None:
    row: Any = (await connection.execute(select(secrets).where(secrets.c.name == name))).one_or_none()
    return None if row is None else _Row(row.key_id, Sealed(row.nonce, row.ciphertext))
