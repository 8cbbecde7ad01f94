"""Somebody with every right on the database changes the past. Used by test_timeline_campaign.py.

A `Past` has a timeline in SQLite that was signed and witnessed; an attack is made on a copy of its files with
plain SQL, the triggers dropped. It gives the first record that a verification has to name.
"""

import io
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.timeline import chain, keys, offline, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.checks import Verification
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event, Record
from andon.timeline.store import CheckpointStore, append
from andon.timeline.tree import Tree
from andon_wire.cosigning import Signer
from andon_wire.merkle import Range
from andon_wire.note import COSIGNER_KEY, Checkpoint, Note
from andon_wire.witness import Request, Witness

ORIGIN = "andon/plant"
RECORDS = 300
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """home: keys and database; earlier: the database as it was before; witness: the witness' folder."""

    home: Path
    earlier: Path
    earlier_records: int
    witness: Path
    witness_key: Signer

    @property
    def places(self) -> KeyFiles:
        return KeyFiles.at(self.home)


def an_event(chance: random.Random) -> Event:
    return Event(
        kind=chance.choice(["rollout.share", "access.login", "release.published"]),
        subject=f"unit/u{chance.randrange(9)}",
        actor=chance.choice(["kim", "lee", "김민준"]),
        reason=f'because of "{chance.randrange(10**6)}"',
        after={"share": chance.random()},
    )


async def a_past(folder: Path, records: int = RECORDS) -> Past:
    """A timeline with a checkpoint at irregular sizes, all of them witnessed."""
    home, chance, clock = folder / "home", random.Random(1), ManualClock(AT)
    home.mkdir(parents=True)
    past = Past(
        home, folder / "earlier.db", records // 2, folder / "witness", Signer.generate("w", COSIGNER_KEY)
    )
    keys.ensure(past.places, ORIGIN)
    database = Database.open(f"sqlite:///{home / 'andon.db'}")
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    checkpointer = Checkpointer(database, past.places, clock)
    witness = Witness(past.witness, past.witness_key, {ORIGIN: keys.public(past.places)}, lambda: 1e9)
    store, made, seen = CheckpointStore(database), 0, 0
    while made < records:
        half = made < past.earlier_records
        count = min(chance.randrange(1, 40), (past.earlier_records if half else records) - made)
        async with database.transaction() as tx:
            for _ in range(count):
                clock.advance(timedelta(seconds=1))
                await append(tx, an_event(chance), clock.now())
        made += count
        kept = await checkpointer.checkpoint_now()
        proof = tuple(await Tree(store).consistency(seen, made))
        answer = witness.add_checkpoint(str(Request(seen, proof, Note.parse(kept.note))))
        assert answer.status == 200, answer
        await store.cosign(made, "w", answer.body.decode(), clock.now())
        hashes = b"".join(await store.hashes(seen, made))
        assert witness.add_entries(ORIGIN, seen, io.BytesIO(hashes)).status == 200
        seen = made
        if made == past.earlier_records:
            await database.close()
            shutil.copy(home / "andon.db", past.earlier)
            database = Database.open(f"sqlite:///{home / 'andon.db'}")
            checkpointer, store = Checkpointer(database, past.places, clock), CheckpointStore(database)
    witness.close()
    await database.close()
    return past


async def verified(past: Past, database_file: Path) -> Verification:
    """What a verification says of a database, with the honest witness' memory."""
    database = Database.open(f"sqlite:///{database_file}")
    try:
        cosigners = [past.witness_key.key]
        memories = offline.memories_at(str(past.witness), ORIGIN, cosigners)
        believed = verify.trust(keys.public(past.places), cosigners)
        return await verify.verify(database, believed, memories, ManualClock(AT))
    finally:
        await database.close()


async def verified_alone(past: Past, database_file: Path) -> Verification:
    """The same without any witness."""
    database = Database.open(f"sqlite:///{database_file}")
    try:
        return await verify.verify(database, verify.trust(keys.public(past.places)), [], ManualClock(AT))
    finally:
        await database.close()


class Attacker:
    """Plain SQL on a copy, with every right; `signer` is the stolen key, where it was stolen."""

    def __init__(self, past: Past, file: Path, chance: random.Random) -> None:
        shutil.copy(past.home / "andon.db", file)
        self.past, self.file, self.chance = past, file, chance
        self.sql = sqlite3.connect(file, isolation_level=None)
        self.sql.executescript("DROP TRIGGER timeline_is_not_updated; DROP TRIGGER timeline_is_not_deleted")
        self.count = self.sql.execute("SELECT max(number) FROM timeline").fetchone()[0]

    def close(self) -> None:
        self.sql.close()

    def some(self, low: int = 1, high: int | None = None) -> int:
        return self.chance.randint(low, high or self.count)

    def record(self, number: int) -> Record:
        row = self.sql.execute("SELECT body, hash FROM timeline WHERE number = ?", (number,)).fetchone()
        return chain.parse(*row)

    def hash(self, number: int) -> str:
        if number == 0:
            return chain.GENESIS.hex()
        return self.sql.execute("SELECT hash FROM timeline WHERE number = ?", (number,)).fetchone()[0]

    def changed(self, record: Record) -> Record:
        event = record.event
        return self.chance.choice(
            [
                replace(record, event=replace(event, actor="somebody else")),
                replace(record, event=replace(event, reason=event.reason + ".")),
                replace(record, event=replace(event, after={"share": 1.0, "was": event.after})),
                replace(record, at=record.at + timedelta(microseconds=self.some(1, 1000))),
                replace(record, event=replace(event, kind="rollout.kind")),
            ]
        )

    def put(self, number: int, record: Record, own_hash: str | None = None) -> None:
        """Write a record with true columns; with its old hash, unless one is given."""
        self.sql.execute("DELETE FROM timeline WHERE number = ?", (number,))
        event = record.event
        values = (
            number,
            record.at.replace(tzinfo=None).isoformat(" ", timespec="microseconds"),
            event.kind,
            event.subject,
            event.actor,
            event.unit,
            event.environment,
            event.severity.value,
            chain.body(number, record.at, event),
            own_hash or record.hash,
        )
        self.sql.execute(f"INSERT INTO timeline VALUES ({', '.join('?' * 10)})", values)

    def rehash(self, number: int, record: Record) -> str:
        return chain.link(number, self.hash(number - 1), record.at, record.event).hash

    def rebuild(self, records: list[Record], first: int) -> None:
        """A consistent history from `first` on: every hash, the head, every tile, checkpoints' roots."""
        self.sql.execute("BEGIN")
        self.sql.execute("DELETE FROM timeline WHERE number >= ?", (first,))
        for number, record in enumerate(records, start=first):
            self.put(number, record, self.rehash(number, record))
        self.reseal()
        self.sql.execute("COMMIT")

    def reseal(self, signer: Signer | None = None) -> None:
        """Make head, tiles and checkpoints those of the rows; signed again where the key was stolen."""
        rows = self.sql.execute("SELECT hash FROM timeline ORDER BY number").fetchall()
        hashes = [bytes.fromhex(each) for (each,) in rows]
        self.sql.execute("UPDATE timeline_head SET number = ?, hash = ?", (len(rows), self.hash(len(rows))))
        tree = Range()
        tiles = tree.extend(hashes)
        self.sql.execute("DELETE FROM timeline_tiles")
        self.sql.executemany(
            "INSERT INTO timeline_tiles VALUES (?, ?, ?)", [(*t[:2], t[2].hex()) for t in tiles]
        )
        sizes = [
            n for (n,) in self.sql.execute("SELECT size FROM timeline_checkpoints ORDER BY size").fetchall()
        ]
        for size in sizes:
            if size > len(rows):
                self.sql.execute("DELETE FROM timeline_checkpoints WHERE size = ?", (size,))
                self.sql.execute("DELETE FROM timeline_cosignatures WHERE size = ?", (size,))
                continue
            whole = Range()
            whole.extend(hashes[:size])
            (raw,) = self.sql.execute(
                "SELECT note FROM timeline_checkpoints WHERE size = ?", (size,)
            ).fetchone()
            text = Checkpoint(ORIGIN, size, whole.root()).text
            was = Note.parse(raw)
            signatures = was.signatures if signer is None else (signer.sign(text),)
            self.sql.execute(
                "UPDATE timeline_checkpoints SET root = ?, note = ? WHERE size = ?",
                (whole.root().hex(), str(Note(text, signatures)), size),
            )
            if signer is not None and text != was.text:
                self.sql.execute("DELETE FROM timeline_cosignatures WHERE size = ?", (size,))


Attack = Callable[[Attacker], int]


def edit_body_only(a: Attacker) -> int:
    number = a.some()
    body = chain.body(number, AT, a.changed(a.record(number)).event)
    a.sql.execute("UPDATE timeline SET body = ? WHERE number = ?", (body, number))
    return number


def edit_a_column_only(a: Attacker) -> int:
    number = a.some()
    column = a.chance.choice(["actor", "kind", "subject", "severity", "unit", "environment"])
    a.sql.execute(f"UPDATE timeline SET {column} = 'other' WHERE number = ?", (number,))
    return number


def edit_the_time_only(a: Attacker) -> int:
    """Also to what is no time."""
    number = a.some()
    when = a.chance.choice(["2020-01-01 00:00:00.000000", "2026-03-01 12:00:01", "yesterday", ""])
    a.sql.execute("UPDATE timeline SET at = ? WHERE number = ?", (when, number))
    return number


def put_bytes_where_text_belongs(a: Attacker) -> int:
    """The same bytes or others: SQLite does not find them where it looks for the text."""
    number = a.some()
    column = a.chance.choice(["at", "actor", "kind", "subject", "severity", "unit", "environment"])
    (was,) = a.sql.execute(f"SELECT {column} FROM timeline WHERE number = ?", (number,)).fetchone()
    content = a.chance.choice([was.encode(), b"\xff\xfe"])
    a.sql.execute(f"UPDATE timeline SET {column} = ? WHERE number = ?", (content, number))
    return number


def edit_body_and_columns(a: Attacker) -> int:
    number = a.some()
    a.put(number, a.changed(a.record(number)))
    return number


def edit_and_rehash_the_row(a: Attacker) -> int:
    number = a.some()
    record = a.changed(a.record(number))
    a.put(number, record, a.rehash(number, record))
    return number


def edit_a_hash_only(a: Attacker) -> int:
    number = a.some()
    a.sql.execute("UPDATE timeline SET hash = ? WHERE number = ?", (a.chance.randbytes(32).hex(), number))
    return number


def spoil_a_body(a: Attacker) -> int:
    number = a.some()
    (was,) = a.sql.execute("SELECT body FROM timeline WHERE number = ?", (number,)).fetchone()
    at = a.chance.randrange(len(was))
    text = was[:at] + a.chance.choice([each for each in 'x{}"0 ' if each != was[at]]) + was[at + 1 :]
    a.sql.execute("UPDATE timeline SET body = ? WHERE number = ?", (text, number))
    return number


def delete_a_row(a: Attacker) -> int:
    number = a.some()
    a.sql.execute("DELETE FROM timeline WHERE number = ?", (number,))
    return number


def delete_and_close_the_gap(a: Attacker) -> int:
    number = a.some(1, a.count - 1)
    later = [a.record(each) for each in range(number + 1, a.count + 1)]
    a.rebuild(later, number)
    return number


def insert_a_row(a: Attacker) -> int:
    number = a.some()
    later = [a.record(each) for each in range(number, a.count + 1)]
    a.rebuild([a.changed(later[0]), *later], number)
    return number


def swap_two_rows(a: Attacker) -> int:
    first = a.some(1, a.count - 1)
    second = a.some(first + 1)
    one, other = a.record(first), a.record(second)
    a.put(first, replace(other, number=first), a.hash(second) if a.chance.random() < 0.5 else a.hash(first))
    a.put(second, replace(one, number=second))
    return first


def truncate(a: Attacker) -> int:
    number = a.some()
    a.sql.execute("DELETE FROM timeline WHERE number >= ?", (number,))
    return number


def truncate_consistently(a: Attacker) -> int:
    number = a.some()
    a.sql.execute("DELETE FROM timeline WHERE number >= ?", (number,))
    a.reseal()
    return number


def fork(a: Attacker) -> int:
    number = a.some()
    records = [a.record(each) for each in range(number, a.count + 1)]
    a.rebuild([a.changed(records[0]), *records[1:]], number)
    return number


def fork_with_the_stolen_key(a: Attacker) -> int:
    number = fork(a)
    a.reseal(keys.signers(a.past.places)[0])
    return number


def fork_and_forget_the_checkpoints(a: Attacker) -> int:
    number = fork(a)
    a.sql.executescript("DELETE FROM timeline_checkpoints; DELETE FROM timeline_cosignatures")
    return number


def truncate_with_the_stolen_key(a: Attacker) -> int:
    number = truncate_consistently(a)
    a.reseal(keys.signers(a.past.places)[0])
    return number


def roll_back(a: Attacker) -> int:
    a.close()
    shutil.copy(a.past.earlier, a.file)
    a.sql = sqlite3.connect(a.file, isolation_level=None)
    return a.past.earlier_records + 1


def roll_back_and_go_on_with_the_stolen_key(a: Attacker) -> int:
    first = roll_back(a)
    a.sql.executescript("DROP TRIGGER timeline_is_not_updated; DROP TRIGGER timeline_is_not_deleted")
    more = [Record(0, AT + timedelta(days=1, seconds=n), an_event(a.chance)) for n in range(a.some(1, 200))]
    a.rebuild(more, first)
    a.reseal(keys.signers(a.past.places)[0])
    return first


ATTACKS: list[Attack] = [
    edit_body_only, edit_a_column_only, edit_the_time_only, put_bytes_where_text_belongs,
    edit_body_and_columns, edit_and_rehash_the_row, edit_a_hash_only, spoil_a_body, delete_a_row,
    delete_and_close_the_gap, insert_a_row, swap_two_rows, truncate, truncate_consistently, fork,
    fork_with_the_stolen_key, fork_and_forget_the_checkpoints, truncate_with_the_stolen_key, roll_back,
    roll_back_and_go_on_with_the_stolen_key,
]  # fmt: skip
