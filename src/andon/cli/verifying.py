"""Gathers what a verification of the timeline needs: records, the keys to believe, witnesses' memories.

The rules are in `timeline/checks.py`; nothing here needs a running Andon.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput, NotFound, Unavailable
from andon.settings import Settings
from andon_wire.note import Key, Malformed

if TYPE_CHECKING:
    from andon.timeline.checks import Memory, Verification
    from andon.timeline.manifest import Copy


@dataclass(frozen=True, slots=True)
class Believed:
    """What the command line names: public keys or their files; witnesses' folders, addresses, checkpoints."""

    keys: tuple[str, ...] = ()
    cosigners: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()


def verified(settings: Settings, file: Path | None, believed: Believed) -> "Verification":
    """What is wrong with the export in `file`, or with the database of the home, if anything.

    Raises:
        InvalidInput: the file is no export, or a key is none.
        NotFound: there is no key to believe.
        Unavailable: a witness that was named does not answer.
    """
    if file is None:
        return asyncio.run(_live(settings, believed))
    from andon.timeline import manifest

    try:
        with manifest.opened(file) as copy:
            return _exported(settings, copy, believed)
    except (ValueError, OSError) as error:
        raise InvalidInput("not-an-export", f"{file}: {error}", hint="andon audit export") from error


def keys_of(texts: Iterable[str]) -> list[Key]:
    """Public keys, each given as text or as the file with it.

    Raises:
        InvalidInput: one is none.
    """
    found: list[Key] = []
    for text in texts:
        try:
            path = Path(text)
            lines = path.read_text("utf-8").split() if path.is_file() else [text]
            found += [Key.parse(each) for each in lines]
        except (Malformed, UnicodeDecodeError) as error:
            raise InvalidInput(
                "bad-key", f"{text}: {error}", hint="the file keys/timeline.vkey of the home has it"
            ) from error
    return found


def _exported(settings: Settings, copy: "Copy", believed: Believed) -> "Verification":
    from andon.timeline import exported, manifest
    from andon.timeline.checks import Trust
    from andon_wire import cosigning

    export = exported.read(copy.lines)
    keys, cosigners = keys_of(believed.keys) or _own(settings), keys_of(believed.cosigners)
    in_it = [] if keys else keys_of(str(each) for each in export.header.get("keys", []))
    memories = _memories(believed.witnesses, str(export.header.get("origin", "")), cosigners)
    trust = Trust(keys or in_it, cosigners, cosigning.check)
    found = manifest.held(exported.verify(export, trust, memories), copy, trust)
    if keys:
        return found
    warning = "the key was taken from the export itself: give --key, from elsewhere, to know who signed it"
    return replace(found, notes=(warning, *found.notes))


async def _live(settings: Settings, believed: Believed) -> "Verification":
    from andon.api import auditing
    from andon.store.engine import Database
    from andon.timeline import verify
    from andon.timeline.keys import KeyFiles
    from andon.timeline.witnesses import Peer, Witnesses

    keys = keys_of(believed.keys) or _own(settings)
    if not keys:
        raise NotFound("no-timeline-key", f"{settings.home} has no key of a timeline", hint="add --key KEY")
    peers = [Peer(each.url, keys_of([each.key])[0], each.ca) for each in settings.timeline.witnesses]
    cosigners = [*(each.key for each in peers), *keys_of(believed.cosigners)]
    database, clock = Database.open(settings.database()), SystemClock()
    asked = Witnesses(database, peers, clock)
    try:
        remembered = await asked.memories(keys[0].name)
        named = await asyncio.to_thread(_memories, believed.witnesses, keys[0].name, cosigners)
        trusted, memories = verify.trust(keys, cosigners), [*remembered, *named]
        places = KeyFiles.at(settings.home.resolve())
        return await auditing.verified(database, auditing.Question(trusted, memories, places, clock))
    finally:
        await asked.close()
        await database.close()


def _own(settings: Settings) -> list[Key]:
    from andon.timeline import keys

    places = keys.KeyFiles.at(settings.home.resolve())
    return keys.public(places) if places.vkey.exists() else []


def _memories(places: Sequence[str], origin: str, cosigners: Sequence[Key]) -> "list[Memory]":
    from andon.timeline import offline

    try:
        return [each for place in places for each in offline.memories_at(place, origin, cosigners)]
    except OSError as error:
        raise Unavailable(
            "witness-away", f"a witness cannot be read: {error}", hint="leave it out"
        ) from error
