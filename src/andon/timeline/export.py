"""Copies of the timeline for people and programs: JSON lines that verify by themselves, CSV, a whole folder.

Everything is written as it is read, so that a million records need no more memory than ten. An export ends
with a checkpoint made for it. Where only some records are asked for it is an extract, and each of its lines
carries the proof that it is on the timeline that was signed. PDF is in pdf.py; verifying in exported.py.
"""

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from andon.kernel import files
from andon.kernel.clock import Clock
from andon.store.engine import Database
from andon.timeline import chain, keys, manifest, pdf, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.checks import Memory
from andon.timeline.exported import FORMAT
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Kept, Record
from andon.timeline.store import CheckpointStore, Filter, TimelineStore, read_record
from andon.timeline.tree import Tree
from andon_wire import note
from andon_wire.note import Key

CSV_COLUMNS = (
    "number", "at", "kind", "subject", "actor", "role", "source", "reason", "unit", "environment",
    "severity", "before", "after", "correlation", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NEWEST, _SPREAD = 50, 200
_MODULES = (
    "andon/timeline/__init__.py",
    "andon/timeline/chain.py",
    "andon/timeline/checks.py",
    "andon/timeline/exported.py",
    "andon/timeline/manifest.py",
    "andon/timeline/offline.py",
    "andon/timeline/records.py",
    "andon/timeline/walk.py",
    "andon_wire/__init__.py",
    "andon_wire/ed25519.py",
    "andon_wire/merkle.py",
    "andon_wire/note.py",
)
_FILES = ("timeline.jsonl", "timeline.csv", "timeline.pdf", "verify.pyz", "README.txt")
_README = """This folder is a copy of the record of an Andon plant.

timeline.jsonl   every record with its hash, the signed checkpoints, and the public keys
timeline.csv     the same records for a spreadsheet
timeline.pdf     the same records for reading, with the electronic signatures
manifest.txt     the hashes of these files, signed by the plant's key
verify.pyz       the verifier; it needs Python 3.11 and nothing else

    python3 verify.pyz . --key KEY

KEY is the plant's public key, which you should have from elsewhere than this folder. With a witness'
saved checkpoint, folder or URL behind --witness, also a history that its owner rewrote is found out.
"""


@dataclass(frozen=True, slots=True)
class Exporter:
    """Makes exports. cosigners: the keys of the witnesses, which go into the header."""

    database: Database
    places: KeyFiles
    clock: Clock
    cosigners: Sequence[Key] = ()

    async def checkpoint(self) -> Kept:
        """The checkpoint that an export ends with.

        Raises:
            Damaged, Untrusted: the timeline cannot be signed as it is.
        """
        return await Checkpointer(self.database, self.places, self.clock).checkpoint_now()

    async def jsonl(self, wanted: Filter | None = None) -> AsyncIterator[bytes]:
        """JSON lines that verify by themselves, in pieces.

        Raises:
            Damaged, Untrusted: as `checkpoint`.
        """
        wanted = wanted or Filter()
        last = await self.checkpoint()
        to = last.size if wanted.is_everything else await self._count(wanted, last.size)
        yield self._header(wanted, last, to)
        store = TimelineStore(self.database)
        tree = Tree(CheckpointStore(self.database))
        previous = chain.GENESIS.hex()
        async for batch in store.rows(wanted, until=last.size):
            lines = []
            for row in batch:
                if wanted.is_everything:
                    lines.append(f'{{"hash":"{row.hash}","previous":"{previous}","record":{row.body}}}\n')
                    previous = row.hash
                else:
                    lines.append(await self._proven(row.number, row.hash, row.body, (tree, last.size)))
            yield "".join(lines).encode("utf-8", "surrogatepass")
        shown = await self._shown(last) if wanted.is_everything else [last]
        ends = [json.dumps({"checkpoint": each.note}, ensure_ascii=False) for each in shown]
        yield "".join(f"{each}\n" for each in (*ends, json.dumps({"end": to}))).encode()

    async def csv(self, wanted: Filter | None = None) -> AsyncIterator[bytes]:
        """A table for a spreadsheet, in pieces; no cell is taken for a formula."""
        yield b"\xef\xbb\xbf" + _csv([CSV_COLUMNS])
        async for batch in TimelineStore(self.database).rows(wanted):
            yield _csv(map(_cells, map(read_record, batch)))

    async def pdf(self, path: Path, wanted: Filter | None = None, memories: Sequence[Memory] = ()) -> None:
        """A document for reading, at `path`, with the result of a verification made now.

        Raises:
            Damaged, Untrusted: as `checkpoint`.
        """
        last = await self.checkpoint()
        believed = verify.trust(keys.public(self.places), self.cosigners)
        found = await verify.verify(self.database, believed, memories, self.clock, self.places)
        about = pdf.About(
            origin=_origin(last),
            made_at=self.clock.now(),
            extract=_described(wanted or Filter()),
            checkpoint=last,
            key=str(keys.public(self.places)[0]),
            verification=found,
        )
        with files.replacing(path) as stream:
            document = pdf.Document(stream, about)
            async for batch in TimelineStore(self.database).rows(wanted, until=last.size):
                for row in batch:
                    document.add(read_record(row))
            document.close()

    async def folder(self, path: Path, wanted: Filter | None = None, memories: Sequence[Memory] = ()) -> None:
        """All of it in a folder, with the verifier; what was there by these names is replaced.

        Raises:
            Damaged, Untrusted: as `checkpoint`.
        """
        await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
        await write(path / "timeline.jsonl", self.jsonl(wanted))
        await write(path / "timeline.csv", self.csv(wanted))
        await self.pdf(path / "timeline.pdf", wanted, memories)
        files.write(path / "verify.pyz", verifier())
        files.write(path / "README.txt", _README.encode())
        await asyncio.to_thread(self._vouch_for, path)

    def _vouch_for(self, folder: Path) -> None:
        """Sign what was written, so that an edited copy shows."""
        signer = keys.signers(self.places)[0]
        text = manifest.text(signer.name, [folder / each for each in _FILES])
        files.write(folder / manifest.NAME, str(note.Note(text, (signer.sign(text),))).encode())

    async def _count(self, wanted: Filter, until: int) -> int:
        store = TimelineStore(self.database)
        return sum([len(batch) async for batch in store.rows(wanted, until=until)])

    def _header(self, wanted: Filter, last: Kept, to: int) -> bytes:
        header = {
            "timeline": FORMAT,
            "origin": _origin(last),
            "made_at": chain.stamp(self.clock.now()),
            "to": to,
            "extract": _described(wanted),
            "keys": [str(each) for each in keys.public(self.places)],
            "cosigners": [str(each) for each in self.cosigners],
        }
        return json.dumps(header, ensure_ascii=False).encode() + b"\n"

    async def _proven(self, number: int, own: str, body: str, tree: tuple[Tree, int]) -> str:
        store = CheckpointStore(self.database)
        before = await store.hashes(number - 2, number - 1) if number > 1 else [chain.GENESIS]
        proof = [note.encoded(each) for each in await tree[0].inclusion(number, tree[1])]
        return (
            f'{{"hash":"{own}","previous":"{before[0].hex()}","record":{body},"proof":{json.dumps(proof)}}}\n'
        )

    async def _shown(self, last: Kept) -> list[Kept]:
        """The checkpoints to show: the newest ones, and some spread over all before; by size."""
        store = CheckpointStore(self.database)
        newest = await store.list(limit=_NEWEST, newest_first=True)
        step = max(1, last.size // _SPREAD)
        found = {each.size: each for each in newest}
        after = -1
        while after < last.size and (page := await store.list(after=after, limit=1)):
            found.setdefault(page[0].size, page[0])
            after = page[0].size + step - 1
        return [found[size] for size in sorted(found) if size <= last.size]


async def write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    """Write an export to a file, whole or not at all."""
    with files.replacing(path) as stream:
        async for piece in pieces:
            stream.write(piece)


def verifier() -> bytes:
    """The verifier as one file that Python runs: the same code that verifies here, as a zip."""
    kept = io.BytesIO()
    source = Path(__file__).parents[2]
    contents = {each: (source / each).read_text("utf-8") for each in _MODULES}
    contents["andon/__init__.py"] = '"""Of Andon, what verifies an export."""\n'
    contents["__main__.py"] = (
        "import sys\n\nfrom andon.timeline.offline import main\n\n"
        'if __name__ == "__main__":\n    sys.exit(main())\n'
    )
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return b"#!/usr/bin/env python3\n" + kept.getvalue()


def _described(wanted: Filter) -> dict[str, str]:
    """The conditions of an extract; empty for everything."""
    nothing = Filter()
    return {
        each.name: str(getattr(wanted, each.name))
        for each in fields(wanted)
        if getattr(wanted, each.name) != getattr(nothing, each.name)
    }


def _origin(kept: Kept) -> str:
    return kept.note.split("\n", 1)[0]


def _cells(record: Record) -> list[str]:
    event = record.event
    before, after = (
        json.dumps(each, ensure_ascii=False) if each else "" for each in (event.before, event.after)
    )
    values = [
        str(record.number), chain.stamp(record.at), event.kind, event.subject, event.actor, event.role,
        event.source, event.reason, event.unit, event.environment, event.severity.value, before, after,
        event.correlation, record.hash,
    ]  # fmt: skip
    return [f"'{each}" if each.startswith(_FORMULA) else each for each in values]


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
