"""Sends checkpoints to witnesses and keeps their cosignatures; what they refuse is told as an alert.

c2sp.org/tlog-witness from the log's side, and the mirror of hashes beside it where a witness has one. A
witness that is away is asked again; it stops neither the others nor Andon.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, Unavailable
from andon.kernel.tls import TRUSTS_NOBODY
from andon.store.engine import Database
from andon.timeline.checks import Memory
from andon.timeline.records import Event, Kept, Severity
from andon.timeline.store import CheckpointStore, Filter, TimelineStore
from andon.timeline.tree import Tree
from andon_wire import cosigning, note
from andon_wire.merkle import HASH_BYTES
from andon_wire.note import Checkpoint, Key, Malformed, Note
from andon_wire.witness import SIZE_TYPE, Request

CONTRADICTED = "timeline.contradicted"
REFUSED = "timeline.not-cosigned"
_TIMEOUT = httpx.Timeout(10.0)
_ENTRIES_TIMEOUT = httpx.Timeout(120.0)
_log = logging.get(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """A witness that is asked. url: without the path; ca_file: who signed its certificate, for https."""

    url: str
    key: Key
    ca_file: Path | None = None


@dataclass(slots=True)
class PeerHealth:
    """What came of asking a witness last. size: the records that it cosigned."""

    name: str
    size: int = 0
    asked_at: datetime | None = None
    error: str = ""
    has_mirror: bool = True
    mirrored: int = 0


class _Contradiction(Exception):
    """The witness remembers another history than ours."""


class _Refusal(Exception):
    """The witness does not cosign, and asking again will not help."""


class Witnesses:
    """Those that this timeline is witnessed by. Close it when done, as it holds connections."""

    def __init__(self, database: Database, peers: Sequence[Peer], clock: Clock) -> None:
        self._checkpoints = CheckpointStore(database)
        self._timeline = TimelineStore(database)
        self._clock = clock
        self._peers = [(each, _client(each), PeerHealth(each.key.name)) for each in peers]

    @property
    def health(self) -> list[PeerHealth]:
        """How it is with each."""
        return [each for _, _, each in self._peers]

    async def close(self) -> None:
        """Close the connections."""
        for _, client, _ in self._peers:
            await client.aclose()

    async def tick(self) -> None:
        """Send the newest checkpoint to each witness that does not have it yet."""
        newest = await self._checkpoints.latest()
        if newest is not None and newest.size:
            await asyncio.gather(*(self._ask(newest, *each) for each in self._peers))

    async def memories(self, origin: str) -> list[Memory]:
        """What each witness remembers of the timeline by this name, for a verification; or why it is silent.

        origin: as our key says it, not as the database does.
        """
        found: list[Memory] = []
        for peer, client, _ in self._peers:
            name = peer.key.name
            try:
                told = await recall(client, peer.key, origin)
            except (httpx.HTTPError, Malformed) as error:
                told = [Memory(name, silence=f"did not answer: {error or type(error).__name__}")]
            found += told or [Memory(name, key=peer.key, silence="does not remember this timeline")]
        return found

    async def _ask(self, newest: Kept, peer: Peer, client: httpx.AsyncClient, health: PeerHealth) -> None:
        name = peer.key.name
        try:
            health.size = health.size or await self._checkpoints.cosigned(name)
            if health.size < newest.size:
                await self._cosign(newest, peer, client, health)
            if health.has_mirror and health.mirrored < newest.size:
                await self._mirror(newest, client, health)
        except (httpx.HTTPError, Unavailable) as error:
            health.error = f"did not answer: {error or type(error).__name__}"
            _log.warning("witness does not answer", witness=name, reason=health.error)
        except _Contradiction as error:
            await self._tell(health, CONTRADICTED, f"witness {name} {error}", Severity.ALERT)
        except (_Refusal, Malformed, Damaged) as error:
            await self._tell(health, REFUSED, f"witness {name}: {error}", Severity.WARNING)
        else:
            health.error = ""
        health.asked_at = self._clock.now()

    async def _cosign(self, newest: Kept, peer: Peer, client: httpx.AsyncClient, health: PeerHealth) -> None:
        answer = await self._send(newest, health.size, client)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = await self._send_from(newest, note.decimal(answer.text.removesuffix("\n")), client)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise _Contradiction("does not find its own records in our history: it was rewritten")
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable("witness-failed", f"HTTP {answer.status_code}")
        if answer.status_code != httpx.codes.OK:
            raise _Refusal(f"HTTP {answer.status_code}: {answer.text[:200].strip()}")
        signed = Note.parse(f"{Note.parse(newest.note).text}\n{answer.text}")
        vouched = note.vouched(signed, peer.key, cosigning.check)
        if vouched is None:
            raise _Refusal("it signs with another key than the one that is known here")
        line = next(each.line for each in signed.signatures if each.key_id == peer.key.id)
        await self._checkpoints.cosign(newest.size, peer.key.name, line, self._clock.now())
        health.size = newest.size

    async def _send_from(self, newest: Kept, size: int, client: httpx.AsyncClient) -> httpx.Response:
        """Again, from the size that the witness says it knows."""
        if size > newest.size:
            raise _Contradiction(f"saw {size} records, our history ends at {newest.size}: it was rolled back")
        answer = await self._send(newest, size, client)
        if answer.status_code == httpx.codes.CONFLICT:
            if note.decimal(answer.text.removesuffix("\n")) == size == newest.size:
                raise _Contradiction(f"saw other {size} records than ours: the history was rewritten")
            raise Unavailable("witness-busy", "another process sends it checkpoints too")
        return answer

    async def _send(self, newest: Kept, old: int, client: httpx.AsyncClient) -> httpx.Response:
        proof = await Tree(self._checkpoints).consistency(old, newest.size)
        kept = Note.parse(newest.note)
        request = str(Request(old, tuple(proof), kept))
        return await client.post("/add-checkpoint", content=request.encode())

    async def _mirror(self, newest: Kept, client: httpx.AsyncClient, health: PeerHealth) -> None:
        origin = Checkpoint.parse(Note.parse(newest.note).text).origin
        for _ in range(2):
            begin = health.mirrored
            hashes = b"".join(await self._checkpoints.hashes(begin, newest.size))
            answer = await client.post(
                "/add-entries",
                params={"origin": origin, "from": str(begin)},
                content=hashes,
                timeout=_ENTRIES_TIMEOUT,
            )
            sized = answer.headers.get("Content-Type") == SIZE_TYPE
            if answer.status_code == httpx.codes.NOT_FOUND:
                health.has_mirror = False  # a witness of the standard has no mirror
                return
            if sized:
                health.mirrored = note.decimal(answer.text.removesuffix("\n"))
            if answer.status_code == httpx.codes.OK:
                return
            if not (sized and health.mirrored < newest.size):
                break
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise _Contradiction("saw other records than ours under the same root: rows were altered")

    async def _tell(self, health: PeerHealth, kind: str, sentence: str, severity: Severity) -> None:
        """On the timeline, once for each thing that a witness says."""
        health.error = sentence
        subject = f"witness/{health.name}"
        last = await self._timeline.list(Filter(subject=subject, kind=kind), limit=1)
        if not (last and last[0].event.reason == sentence):
            told = Event(kind, subject, "timeline", sentence, severity=severity)
            await self._timeline.record(told, self._clock.now())


async def recall(client: httpx.AsyncClient, key: Key | None, origin: str) -> list[Memory]:
    """What the witness remembers: what it cosigned last, and what it mirrors.

    Raises:
        httpx.HTTPError: it did not answer.
        Malformed: its answer is not of the form.
    """
    asked = {"origin": origin}
    name = key.name if key else str(client.base_url)
    found = []
    latest = await client.get("/checkpoint", params=asked)
    if latest.status_code == httpx.codes.OK:
        found.append(Memory(name, latest.text, key=key))
    elif latest.status_code != httpx.codes.NOT_FOUND:
        latest.raise_for_status()
    mirrored = await client.get("/mirrored", params=asked)
    if mirrored.status_code == httpx.codes.OK:
        hashes = await client.get("/entries", params={**asked, "from": "0"}, timeout=_ENTRIES_TIMEOUT)
        size = Checkpoint.parse(Note.parse(mirrored.text).text).size
        found.append(Memory(name, mirrored.text, hashes.content[: size * HASH_BYTES], key))
    return found


def _client(peer: Peer) -> httpx.AsyncClient:
    verify: ssl.SSLContext = TRUSTS_NOBODY
    if peer.url.startswith("https"):
        verify = ssl.create_default_context(cafile=str(peer.ca_file) if peer.ca_file else None)
    return httpx.AsyncClient(base_url=peer.url.rstrip("/"), timeout=_TIMEOUT, verify=verify, trust_env=False)
