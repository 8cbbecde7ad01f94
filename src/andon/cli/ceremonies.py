"""What `andon keys` shares: a home's ceremonies, files on media, and answers for programs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.kernel import files
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput, NotFound
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.releases.ceremony.request import Request, Signatures
    from andon.releases.ceremony.server import Ceremonies, Outcome
    from andon.releases.ceremony.status import Standing
    from andon.releases.layout import Layout

_MOST_BYTES = 1 << 16  # of a file of signatures


def of(settings: Settings) -> "Ceremonies":
    """The ceremonies of this home; raises InvalidInput where it is none."""
    from andon.registry_parts import storage_of
    from andon.releases.ceremony.server import Ceremonies

    return Ceremonies(_layout(settings), SystemClock(), storage=storage_of(settings))


def standing(settings: Settings) -> "Standing":
    """How the keys of this home stand."""
    from andon.registry_parts import storage_of
    from andon.releases.ceremony import status

    return status.standing(_layout(settings), SystemClock(), storage=storage_of(settings))


def exchange_provenance(settings: Settings) -> tuple[str, str]:
    """The former key's id, and the fresh one's."""
    from andon.releases import keys

    return keys.exchange_provenance(_layout(settings))


def changes(request: "Request") -> list[str]:
    """What would be otherwise, a sentence each."""
    from andon.releases.ceremony import request as requests

    return requests.changes(request)


def revocations(settings: Settings, request: "Request") -> list[dict[str, str]]:
    """The notices of releases that this request revokes: unit, version, reason, by and at.

    Raises:
        NotFound, Untrusted: a notice is not there as it was signed. Unavailable: it could not be read.
    """
    from andon.registry_parts import storage_of
    from andon.releases.ceremony import notices

    return notices.revocations(request, storage_of(settings))


def write_request(request: "Request", folder: Path) -> Path:
    """Write the request to a medium."""
    from andon.releases.ceremony import request as requests

    place = _on_medium(folder) / f"request-{_short(request.fingerprint)}.json"
    files.write(place, requests.encode(request))
    return place


def write_signatures(signed: "Signatures", holder: str, folder: Path) -> Path:
    """Write what a holder signed to a medium."""
    from andon.releases.ceremony import request as requests

    name = f"signature-{holder or signed.key_id[:8]}-{_short(signed.fingerprint)}.json"
    files.write(_on_medium(folder) / name, requests.encode_signatures(signed))
    return folder / name


def signatures_in(places: Sequence[Path]) -> Iterator["Signatures"]:
    """What holders signed, from files, and from folders what is called so there.

    Raises:
        NotFound, InvalidInput: a file is not there, or holds no signatures.
    """
    from andon.releases.ceremony import request as requests

    for place in places:
        for path in sorted(place.glob("signature-*.json")) if place.is_dir() else [place]:
            try:
                with path.open("rb") as stream:
                    yield requests.decode_signatures(stream.read(_MOST_BYTES))
            except FileNotFoundError as error:
                raise NotFound(
                    "no-such-file", f"there is no {path}", hint="is the medium in its place?"
                ) from error
            except OSError as error:
                raise InvalidInput("bad-signatures", f"{path} cannot be read: {error}") from error


def plain_outcome(outcome: "Outcome", written: Path | None) -> dict[str, Any]:
    """For programs."""
    request = outcome.request
    return {
        "is_published": not outcome.missing,
        "fingerprint": request.fingerprint,
        "reason": request.reason,
        "by": request.by,
        "created_at": request.created_at.isoformat(),
        "changes": changes(request),
        "missing": [
            {
                "part": each.part,
                "of": each.of,
                "signed": list(each.signed),
                "threshold": each.threshold,
                "holders": list(each.holders),
            }
            for each in outcome.missing
        ],
        "refused": [each.key_id for each in outcome.refused],
        "file": str(written) if written else None,
    }


def plain_standing(found: "Standing") -> dict[str, Any]:
    """For programs."""
    return {
        "is_development": found.is_development,
        "worst": found.worst.worry.value,
        "roles": [
            {
                "role": each.role,
                "version": each.version,
                "expires_at": each.expires_at.isoformat(),
                "threshold": each.threshold,
                "keys": [
                    {"key_id": key.key_id, "holder": key.holder, "is_here": key.is_here} for key in each.keys
                ],
                "worry": each.worry.value,
                "advice": each.advice,
            }
            for each in found.roles
        ],
        "waiting": plain_outcome(found.waiting, None) if found.waiting else None,
    }


def _layout(settings: Settings) -> "Layout":
    from andon.releases.layout import Layout

    home = settings.home.resolve()
    if not (home / "andon.env").exists():
        raise InvalidInput("not-initialised", f"{home} is not a home of Andon", hint="andon init")
    return Layout(home)


def _on_medium(folder: Path) -> Path:
    if not folder.is_dir():
        raise NotFound("no-such-folder", f"there is no folder {folder}", hint="is the medium in its place?")
    return folder


def _short(fingerprint: str) -> str:
    return fingerprint.replace(" ", "")[:8]
