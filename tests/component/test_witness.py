"""A witness over real HTTP, from both sides: what it cosigns, what it refuses, what that does to the log."""

import asyncio
import http.client
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.timeline import keys, offline, verify, witnesses
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event
from andon.timeline.store import CheckpointStore, Filter, TimelineStore, append
from andon.timeline.witnesses import Peer, Witnesses
from andon_wire import merkle, note
from andon_wire.cosigning import Signer
from andon_wire.note import COSIGNER_KEY, LOG_KEY, Checkpoint, Key, Malformed, Note
from andon_wire.witness import Request, State, Witness, set_aside, state_folder
from andon_wire.witness_http import Bounds, Server
from tests.component.timeline_certificates import certificates

ORIGIN = "andon/plant"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = Event("test", "unit/mes", "kim", "because")
LOG = Signer.generate(ORIGIN, LOG_KEY)
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(1000)]


@dataclass(slots=True)
class Running:
    """A witness that answers over HTTP until it is stopped."""

    folder: Path
    logs: list[Key]
    signer: Signer = field(default_factory=lambda: Signer.generate("line-1", COSIGNER_KEY))
    tls: ssl.SSLContext | None = None
    port: int = 0
    witness: Witness | None = None
    server: Server | None = None

    def start(self) -> str:
        self.witness = Witness(self.folder, self.signer, {ORIGIN: self.logs}, lambda: 1_800_000_000.5)
        bounds = Bounds(of_one_address=64)
        self.server = Server(self.witness, "127.0.0.1", self.port, self.tls, bounds)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self.server.url

    def stop(self) -> None:
        if self.server is not None and self.witness is not None:
            self.server.shutdown()
            self.server.server_close()
            self.witness.close()
        self.server = self.witness = None


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path / "witness", [LOG.key])
    made.start()
    yield made
    made.stop()


def signed(size: int, signer: Signer = LOG, leaves: list[bytes] = LEAVES, origin: str = ORIGIN) -> Note:
    body = Checkpoint(origin, size, merkle.root(leaves[:size])).text
    return Note(body, (signer.sign(body),))


def asked(old: int, new: int, *, leaves: list[bytes] = LEAVES, **changes: object) -> str:
    proof = merkle.proof(leaves, merkle.consistency_ranges(old, new)) if old <= new else []
    return str(Request(old, tuple(proof), signed(new, leaves=leaves, **changes)))


def call(running: Running, method: str, path: str, body: str | bytes = b"") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request(method, path, body.encode() if isinstance(body, str) else body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type") or "", content


def post(running: Running, body: str) -> tuple[int, str, bytes]:
    return call(running, "POST", "/add-checkpoint", body)


def test_what_continues_is_cosigned(running: Running) -> None:
    for old, new in [(0, 3), (3, 3), (3, 700), (700, 1000)]:
        status, _, body = post(running, asked(old, new))
        assert status == 200
        cosigned = Note.parse(f"{signed(new).text}\n{body.decode()}")
        vouched = note.vouched(cosigned, running.signer.key)
        assert vouched is not None
        assert vouched.at == 1_800_000_000
    status, _, body = call(running, "GET", f"/checkpoint?origin={ORIGIN}")
    assert status == 200
    assert note.vouched(Note.parse(body.decode()), LOG.key) is not None


OTHER = [merkle.leaf_hash(b"other"), *LEAVES[1:]]
REFUSED = {
    "an unknown log": (asked(0, 5, origin="andon/other"), 404),
    "a stranger's signature": (asked(0, 5, signer=Signer.generate(ORIGIN, LOG_KEY)), 403),
    "an old size that is larger than the new": (asked(9, 5), 400),
    "an old size that is not ours": (asked(4, 20), 409),
    "nothing remembered": (asked(0, 20), 409),
    "another tree of the same size": (asked(10, 10, leaves=OTHER), 409),
    "another history": (asked(10, 20, leaves=OTHER), 422),
    "a proof that is too short": (
        asked(10, 20).replace("\n", "", 0).split("\n", 2)[0] + "\n\n" + str(signed(20)),
        422,
    ),
    "no request": ("nonsense", 400),
    "a number of another form": (asked(10, 20).replace("old 10", "old 010"), 400),
    "no checkpoint": (f"old 10\n\n{ORIGIN}\n\n" + LOG.sign(f"{ORIGIN}\n").line, 400),
    "too many lines of proof": ("old 10\n" + f"{note.encoded(bytes(32))}\n" * 64 + f"\n{signed(20)}", 400),
    "a line of proof that is no hash": ("old 10\nAAAA\n\n" + str(signed(20)), 400),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_all_else_is_refused_as_the_protocol_says(running: Running, refused: str) -> None:
    body, expected = REFUSED[refused]
    assert post(running, asked(0, 10))[0] == 200
    status, kind, answer = post(running, body)
    assert status == expected, answer
    if status == 409:
        assert (kind, answer) == ("text/x.tlog.size", b"10\n")
    assert post(running, asked(10, 20))[0] == 200


def test_hashes_are_mirrored_when_they_fold_to_what_was_cosigned(running: Running) -> None:
    path = f"/add-entries?origin={ORIGIN}&from="
    assert call(running, "POST", f"{path}0", b"".join(LEAVES[:10]))[0] == 409
    post(running, asked(0, 10))
    assert call(running, "POST", f"{path}0", b"".join(OTHER[:10]))[0] == 422
    assert call(running, "POST", f"{path}0", b"".join(LEAVES[:9]))[0] == 422
    assert call(running, "POST", f"{path}0", b"".join(LEAVES[:10]))[::2] == (200, b"10\n")
    post(running, asked(10, 500))
    assert call(running, "POST", f"{path}0", b"".join(LEAVES[:500]))[::2] == (409, b"10\n")
    assert call(running, "POST", f"{path}10", b"".join(LEAVES[10:500]))[0] == 200
    assert call(running, "GET", f"/entries?origin={ORIGIN}&from=3")[2] == b"".join(LEAVES[3:500])
    running.stop()
    running.start()
    assert call(running, "GET", f"/entries?origin={ORIGIN}")[2] == b"".join(LEAVES[:500])
    mirrored = call(running, "GET", f"/mirrored?origin={ORIGIN}")[2].decode()
    assert Checkpoint.parse(Note.parse(mirrored).text).size == 500
    assert call(running, "POST", f"{path}x", b"")[0] == 400
    assert call(running, "POST", "/add-entries?origin=none&from=0", b"")[0] == 404


def test_other_requests_are_answered_and_harm_nothing(running: Running) -> None:
    assert call(running, "GET", "/")[0] == 404
    assert call(running, "POST", "/nothing")[0] == 404
    assert call(running, "GET", "/checkpoint?origin=none")[0] == 404
    assert call(running, "GET", f"/mirrored?origin={ORIGIN}")[0] == 404
    assert call(running, "GET", f"/entries?origin={ORIGIN}&from=-1")[0] == 400
    assert call(running, "GET", "/entries?origin=none")[0] == 404
    assert post(running, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"))[0] == 400
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_crash_behind_the_last_note_is_forgotten(running: Running) -> None:
    post(running, asked(0, 10))
    call(running, "POST", f"/add-entries?origin={ORIGIN}&from=0", b"".join(LEAVES[:10]))
    running.stop()
    hashes = state_folder(running.folder, ORIGIN) / "hashes"
    hashes.write_bytes(hashes.read_bytes() + b"torn")
    running.start()
    post(running, asked(10, 12))
    assert call(running, "POST", f"/add-entries?origin={ORIGIN}&from=10", b"".join(LEAVES[10:12]))[0] == 200
    assert hashes.read_bytes() == b"".join(LEAVES[:12])
    running.stop()
    hashes.write_bytes(b"".join(OTHER[:12]))
    with pytest.raises(Malformed, match="do not fold"):
        State(state_folder(running.folder, ORIGIN))


def test_a_folder_is_one_process_s(running: Running) -> None:
    with pytest.raises(BlockingIOError):
        Witness(running.folder, running.signer, {ORIGIN: [LOG.key]}, lambda: 0.0)
    with pytest.raises(BlockingIOError):
        set_aside(running.folder, ORIGIN)


def test_requests_at_once_never_roll_the_witness_back(running: Running) -> None:
    post(running, asked(0, 10))
    bodies = [asked(10, size) for size in range(11, 61)]
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda body=body: results.append(post(running, body)[0])) for body in bodies
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(results) == [200, *[409] * 49]


@dataclass(slots=True)
class Log:
    """A timeline with its home."""

    database: Database
    places: KeyFiles
    checkpointer: Checkpointer

    async def grow(self, count: int) -> None:
        async with self.database.transaction() as tx:
            for _ in range(count):
                await append(tx, EVENT, AT)
        await self.checkpointer.checkpoint_now()

    async def kinds(self) -> list[str]:
        found = await TimelineStore(self.database).list(Filter(), newest_first=False)
        return [each.event.kind for each in found if each.event.kind != "test"]


@pytest.fixture
async def log(database: Database, tmp_path: Path) -> Log:
    places = KeyFiles.at(tmp_path)
    keys.ensure(places, ORIGIN)
    return Log(database, places, Checkpointer(database, places, ManualClock(AT)))


@pytest.fixture
async def witnessed(log: Log, tmp_path: Path) -> AsyncIterator[tuple[Running, Witnesses]]:
    running = Running(tmp_path / "line-1", keys.public(log.places))
    made = Witnesses(log.database, [Peer(running.start(), running.signer.key)], ManualClock(AT))
    yield running, made
    await made.close()
    running.stop()


@pytest.mark.asvs("16.4.3")
async def test_each_checkpoint_is_cosigned_and_mirrored(
    log: Log, witnessed: tuple[Running, Witnesses]
) -> None:
    running, asked_of = witnessed
    for more in (3, 400, 1):
        await log.grow(more)
        await asked_of.tick()
    latest = await CheckpointStore(log.database).latest()
    assert latest is not None
    assert note.vouched(Note.parse(latest.note), running.signer.key) is not None
    memories = await asked_of.memories(ORIGIN)
    believed = verify.trust(keys.public(log.places), [running.signer.key])
    found = await verify.verify(log.database, believed, memories, ManualClock(AT))
    assert (found.is_intact, found.witnessed_to, found.cosignatures, found.silent) == (True, 404, 3, ())
    assert [each.error for each in asked_of.health] == [""]
    over_http = offline.memories_at(f"http://127.0.0.1:{running.port}", ORIGIN, [running.signer.key])
    assert [(each.note, each.hashes) for each in over_http] == [(each.note, each.hashes) for each in memories]


async def test_a_new_process_goes_on_where_the_last_one_was(
    log: Log, witnessed: tuple[Running, Witnesses]
) -> None:
    running, first = witnessed
    await log.grow(3)
    await first.tick()
    await log.grow(3)
    second = Witnesses(
        log.database, [Peer(f"http://127.0.0.1:{running.port}", running.signer.key)], ManualClock(AT)
    )
    await second.tick()
    await second.close()
    await first.tick()  # it thinks that the witness is at 3
    assert [each.size for each in (*first.health, *second.health)] == [6, 6]
    assert await log.kinds() == []


async def test_one_dead_witness_does_not_stop_the_others_and_is_asked_again(log: Log, tmp_path: Path) -> None:
    alive = Running(tmp_path / "a", keys.public(log.places), Signer.generate("a", COSIGNER_KEY))
    dead = Running(tmp_path / "b", keys.public(log.places), Signer.generate("b", COSIGNER_KEY))
    dead_url = dead.start()
    dead.stop()
    peers = [Peer(dead_url, dead.signer.key), Peer(alive.start(), alive.signer.key)]
    asked_of = Witnesses(log.database, peers, ManualClock(AT))
    await log.grow(5)
    await asked_of.tick()
    assert [(each.size, bool(each.error)) for each in asked_of.health] == [(0, True), (5, False)]
    assert (await asked_of.memories(ORIGIN))[0].silence.startswith("did not answer")
    dead.start()
    await asked_of.tick()
    assert [(each.size, each.error) for each in asked_of.health] == [(5, ""), (5, "")]
    await asked_of.close()
    for each in (alive, dead):
        each.stop()
    assert await log.kinds() == []


async def forget(log: Log, *statements: str) -> None:
    """Somebody with every right, and with the keys: the home's memory too."""
    log.places.signed.unlink()
    async with log.database.transaction() as tx:
        for each in (
            "DROP TRIGGER IF EXISTS timeline_is_not_updated",
            "DROP TRIGGER IF EXISTS timeline_is_not_deleted",
            "DELETE FROM timeline_checkpoints",
            "DELETE FROM timeline_cosignatures",
            "DELETE FROM timeline_tiles",
            *statements,
        ):
            await tx.execute(text(each))


async def test_a_history_that_was_rolled_back_is_an_alert(
    log: Log, witnessed: tuple[Running, Witnesses]
) -> None:
    await log.grow(9)
    await witnessed[1].tick()
    cut = "UPDATE timeline_head SET number = 4, hash = (SELECT hash FROM timeline WHERE number = 4)"
    await forget(log, "DELETE FROM timeline WHERE number > 4", cut)
    await log.checkpointer.checkpoint_now()
    fresh = Witnesses(
        log.database,
        [Peer(f"http://127.0.0.1:{witnessed[0].port}", witnessed[0].signer.key)],
        ManualClock(AT),
    )
    for _ in range(2):
        await fresh.tick()
    await fresh.close()
    assert await log.kinds() == [witnesses.CONTRADICTED]
    (told,) = await TimelineStore(log.database).list(Filter(kind=witnesses.CONTRADICTED))
    assert told.event.reason == "witness line-1 saw 9 records, our history ends at 4: it was rolled back"


@pytest.mark.asvs("16.4.2")
@pytest.mark.part11("11.10(a)")
@pytest.mark.parametrize("more", [0, 7])
async def test_a_history_that_was_rewritten_is_an_alert_and_its_first_record_named(
    log: Log, witnessed: tuple[Running, Witnesses], more: int
) -> None:
    running, _ = witnessed
    await log.grow(9)
    await witnessed[1].tick()
    await forget(log, "DELETE FROM timeline", f"UPDATE timeline_head SET number = 0, hash = '{'0' * 64}'")
    async with log.database.transaction() as tx:
        for number in range(9 + more):
            await append(tx, Event("test", "unit/mes", "lee" if number == 4 else "kim", "because"), AT)
    await log.checkpointer.checkpoint_now()
    fresh = Witnesses(
        log.database, [Peer(f"http://127.0.0.1:{running.port}", running.signer.key)], ManualClock(AT)
    )
    await fresh.tick()
    assert await log.kinds() == [witnesses.CONTRADICTED]
    memories = await fresh.memories(ORIGIN)
    await fresh.close()
    believed = verify.trust(keys.public(log.places), [running.signer.key])
    found = await verify.verify(log.database, believed, memories, ManualClock(AT))
    assert found.first_bad == 5


async def test_after_a_restore_the_operator_of_a_witness_may_set_its_memory_aside(
    log: Log, witnessed: tuple[Running, Witnesses]
) -> None:
    running, asked_of = witnessed
    await log.grow(9)
    await asked_of.tick()
    running.stop()
    aside = set_aside(running.folder, ORIGIN)
    assert aside is not None
    assert (aside / "checkpoint").exists()
    assert set_aside(running.folder, ORIGIN) is None
    running.start()
    await log.grow(1)
    await asked_of.tick()
    assert [each.size for each in asked_of.health] == [10]


async def test_a_witness_that_does_not_know_our_key_is_told_once(log: Log, tmp_path: Path) -> None:
    running = Running(tmp_path / "w", [LOG.key])
    asked_of = Witnesses(log.database, [Peer(running.start(), running.signer.key)], ManualClock(AT))
    await log.grow(2)
    for _ in range(2):
        await asked_of.tick()
    await asked_of.close()
    running.stop()
    assert await log.kinds() == [witnesses.REFUSED]


@pytest.mark.asvs("12.3.2", "12.3.4")
async def test_tls_is_verified_with_the_given_authority(log: Log, tmp_path: Path) -> None:
    trusted, stranger = certificates(tmp_path / "ca"), certificates(tmp_path / "other")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(trusted.certificate, trusted.key)
    running = Running(tmp_path / "w", keys.public(log.places), tls=tls)
    url = running.start()
    assert urlsplit(url).scheme == "https"
    await log.grow(2)
    sizes = []
    for ca_file in (stranger.authority, trusted.authority):
        asked_of = Witnesses(log.database, [Peer(url, running.signer.key, ca_file)], ManualClock(AT))
        await asyncio.wait_for(asked_of.tick(), 60)
        sizes += [each.size for each in asked_of.health]
        await asked_of.close()
    running.stop()
    assert sizes == [0, 2]
