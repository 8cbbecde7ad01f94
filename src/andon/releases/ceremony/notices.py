"""What is said of releases that are revoked, or are to be: who asked for it, and why."""

import json

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets

from andon.kernel.errors import Untrusted
from andon.kernel.ids import Sha256
from andon.releases.ceremony.request import Request
from andon.releases.layout import stored_path
from andon.releases.storage import protocol
from andon.releases.storage.protocol import Readable
from andon_wire.verify import REVOKED_FILE


def revocations(request: Request, storage: Readable) -> list[dict[str, str]]:
    """The notices of releases that the request revokes, as their files in `storage` tell: reason, by, at.

    With `unit` and `version` as the signed path says them.

    Raises:
        NotFound: a notice is missing. Untrusted: it is not what was signed.
    """
    if request.targets is None:
        return []
    former = Metadata[Targets].from_bytes(request.former_targets).signed.targets
    found = []
    for path, info in sorted(request.targets.targets.items()):
        folder, _, name = path.rpartition("/")
        if name != REVOKED_FILE or path in former:
            continue
        unit, _, version = folder.partition("/")
        found.append(read(storage, path, info) | {"unit": unit, "version": version})
    return found


def read(storage: Readable, path: str, info: TargetFile) -> dict[str, str]:
    """What the signed notice at the target `path` says: reason, by and at, as far as it does.

    Raises:
        NotFound: it is missing. Untrusted: it is not what was signed.
    """
    content = protocol.read(storage, stored_path(path, Sha256(info.hashes["sha256"])))
    try:
        info.verify_length_and_hashes(content)
    except RepositoryError as error:
        raise Untrusted("hash-mismatch", f"{path} is not what was signed: {error}") from error
    return _notice(content)


def _notice(content: bytes) -> dict[str, str]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    known = document if isinstance(document, dict) else {}
    return {each: str(known[each]) for each in ("reason", "by", "at") if each in known}
