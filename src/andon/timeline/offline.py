"""The command that verifies an export with Python alone: no database, nothing installed.

    python3 verify.pyz FOLDER|ZIP|JSONL --key KEY [--witness-key KEY] [--witness FOLDER, FILE or URL]

Standard library only: it travels with the export. How an export is read is in exported.py.
"""

import argparse
import hashlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from andon.timeline import exported, manifest
from andon.timeline.checks import Memory, Trust, Verification
from andon_wire.merkle import HASH_BYTES
from andon_wire.note import Checkpoint, Key, Malformed, Note

_LONGEST_ENTRIES = 1 << 30


def memories_at(place: str, origin: str, cosigners: Sequence[Key] = ()) -> list[Memory]:
    """What a witness remembers: from its state folder, a saved checkpoint's file, or its URL.

    Raises:
        OSError: it cannot be reached or read.
    """
    if place.startswith(("http://", "https://")):
        found = _asked(place.rstrip("/"), origin)
    elif Path(place).is_dir():
        # As andon_wire.witness keeps it, which is not part of what travels with an export.
        state = Path(place) / hashlib.sha256(origin.encode()).hexdigest()[:32]
        found = [((state / "checkpoint").read_text("utf-8"), b"")]
        if (state / "mirrored").exists():
            found.append(((state / "mirrored").read_text("utf-8"), (state / "hashes").read_bytes()))
    else:
        found = [(Path(place).read_text("utf-8"), b"")]
    return [_memory(place, text, hashes, cosigners) for text, hashes in found]


def _memory(place: str, text: str, hashes: bytes, cosigners: Sequence[Key]) -> Memory:
    """With the key of the witness that signed it, where it is one of those that are known."""
    try:
        kept = Note.parse(text)
        signed = {(each.name, each.key_id) for each in kept.signatures}
        key = next((each for each in cosigners if (each.name, each.id) in signed), None)
        size = Checkpoint.parse(kept.text).size
    except Malformed:
        return Memory(place, text)
    # A crash may have left more behind the last hash that was vouched for.
    return Memory(key.name if key else place, text, hashes[: size * HASH_BYTES], key)


def _asked(url: str, origin: str) -> list[tuple[str, bytes]]:
    query = urllib.parse.urlencode({"origin": origin})
    found = [(_got(f"{url}/checkpoint?{query}").decode("utf-8", "replace"), b"")]
    try:
        mirrored = _got(f"{url}/mirrored?{query}").decode("utf-8", "replace")
    except urllib.error.HTTPError:
        return found
    return [*found, (mirrored, _got(f"{url}/entries?{query}&from=0"))]


def _got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  http and https only, see memories_at
        content: bytes = answer.read(_LONGEST_ENTRIES)
    return content


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code: 0 intact, 1 not, 2 cannot be checked, 3 a witness is silent."""
    parser = argparse.ArgumentParser(prog="verify.pyz", description="Verify an export of an Andon timeline.")
    parser.add_argument("export", type=Path, help="the folder, the ZIP, or timeline.jsonl alone")
    parser.add_argument("--key", action="append", default=[], help="the timeline's public key, or its file")
    parser.add_argument("--witness-key", action="append", default=[], help="a witness' public key")
    parser.add_argument(
        "--witness", action="append", default=[], help="its folder, URL, or a saved checkpoint"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    options = parser.parse_args(arguments)
    try:
        found = _run(options)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"cannot be checked: {error}\n")
        return 2
    sys.stdout.write(as_json(found) if options.json else as_text(found))
    if found.is_intact and not found.is_conclusive:
        return 3
    return 0 if found.is_intact else 1


def _run(options: argparse.Namespace) -> Verification:
    with manifest.opened(options.export) as copy:
        export = exported.read(copy.lines)
        keys = _keys(options.key)
        cosigners = _keys(options.witness_key)
        trust = Trust(keys or _keys(map(str, export.header.get("keys", []))), cosigners)
        origin = str(export.header.get("origin", ""))
        memories = [each for place in options.witness for each in memories_at(place, origin, cosigners)]
        found = exported.verify(export, trust, memories, max(1, options.processes))
        found = manifest.held(found, copy, trust)
    if not keys:
        warning = (
            "the key was taken from the export itself: give --key, from elsewhere, to know who signed it"
        )
        found = replace(found, notes=(warning, *found.notes))
    return found


def _keys(texts: Any) -> list[Key]:
    found = []
    for each in texts:
        path = Path(each)
        found += [Key.parse(line) for line in (path.read_text().split() if path.is_file() else [each])]
    return found


def as_text(found: Verification) -> str:
    """The result for a person."""
    counted = (
        f"  {found.records} records, {found.checkpoints} checkpoints, {found.signatures} signatures, "
        f"{found.cosignatures} cosignatures checked in {found.seconds:.2f} s"
    )
    lines = [
        found.sentence,
        counted,
        *(f"  wrong: {each.sentence}" for each in found.findings[:20]),
        *([f"  and {len(found.findings) - 20} more"] if len(found.findings) > 20 else []),
        *(f"  note: {each}" for each in found.notes),
    ]
    return "\n".join(lines) + "\n"


def as_json(found: Verification) -> str:
    """The result for a program."""
    return (
        json.dumps(
            {
                "is_intact": found.is_intact,
                "sentence": found.sentence,
                "first_bad": found.first_bad,
                "records": found.records,
                "checkpoints": found.checkpoints,
                "signatures": found.signatures,
                "cosignatures": found.cosignatures,
                "witnesses": list(found.witnesses),
                "signed_to": found.signed_to,
                "witnessed_to": found.witnessed_to,
                "findings": [
                    {"what": each.what, "sentence": each.sentence, "record": each.record}
                    for each in found.findings
                ],
                "notes": list(found.notes),
                "silent": list(found.silent),
                "seconds": round(found.seconds, 3),
            },
            ensure_ascii=False,
        )
        + "\n"
    )
