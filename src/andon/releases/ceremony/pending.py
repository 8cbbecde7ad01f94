"""What waits on the server for the holders of offline keys. The caller holds the writer's lock.

keys/pending/request.json           one request at a time
keys/pending/signatures/*.json      what came back so far
keys/pending/<role>/<key id>.pem    keys that come into force with the request
"""

import shutil
from datetime import datetime

from tuf.api.metadata import Root

from andon.kernel import files
from andon.kernel.errors import NotFound
from andon.releases import state
from andon.releases.ceremony import request as requests
from andon.releases.ceremony.request import Request, Signatures
from andon.releases.layout import Layout, make_folder
from andon.releases.roles import Roles
from andon.releases.storage.protocol import Storage

_ANDON = "andon"


def find(layout: Layout) -> Request | None:
    """The request that waits; None where none does. Raises Untrusted when somebody altered it."""
    try:
        content = (layout.pending / "request.json").read_bytes()
    except FileNotFoundError:
        return None
    return requests.decode(content)


def get(layout: Layout) -> Request:
    """The request that waits; raises NotFound."""
    found = find(layout)
    if found is None:
        raise NotFound("nothing-pending", "no request waits for signatures", hint="andon keys propose")
    return found


def put(layout: Layout, request: Request) -> None:
    """Let `request` wait; what was signed of another does not count for it."""
    _make_private(layout)
    files.write(layout.pending / "request.json", requests.encode(request), mode=0o600)


def signatures(layout: Layout, request: Request) -> dict[str, Signatures]:
    """What came back for this request so far, by key id."""
    found: dict[str, Signatures] = {}
    for path in sorted((layout.pending / "signatures").glob("*.json")):
        each = requests.decode_signatures(path.read_bytes())
        if each.fingerprint == request.fingerprint:
            found[each.key_id] = each
    return found


def keep(layout: Layout, signed: Signatures) -> None:
    """Keep what came back."""
    _make_private(layout)
    make_folder(layout.pending / "signatures", mode=0o700)
    name = f"{bytes.fromhex(signed.key_id).hex()}.json"
    files.write(layout.pending / "signatures" / name, requests.encode_signatures(signed), mode=0o600)


def drop(layout: Layout) -> None:
    """Nothing waits any more. The request goes first: without it the rest means nothing."""
    (layout.pending / "request.json").unlink(missing_ok=True)
    if layout.pending.exists():
        files.sync_folder(layout.pending)
        shutil.rmtree(layout.pending)


def take_over(layout: Layout, now: Roles) -> None:
    """Go on from the targets that wait, so that one signature is for all that was published meanwhile."""
    waiting = find(layout)
    if waiting is not None and waiting.targets is not None and is_current(waiting, now):
        now.targets.targets = dict(waiting.targets.targets)


def ask(layout: Layout, storage: Storage, now: Roles, what: str, at: datetime) -> None:
    """Ask the holders for these targets, beside what they are asked for already; again changes nothing."""
    waiting = find(layout)
    if waiting is not None and not is_current(waiting, now, targets_ahead=1):
        waiting = None
    if waiting is not None and waiting.targets is not None and waiting.targets.targets == now.targets.targets:
        return
    put(
        layout,
        Request(
            reason="; ".join([waiting.reason, what] if waiting else [what]),
            by=waiting.by if waiting else _ANDON,
            created_at=at,
            former_root=state.read(storage, f"{now.root.version}.root.json"),
            former_targets=state.read(storage, f"{now.targets.version - 1}.targets.json"),
            root=_root_of(waiting),
            targets=now.targets,
        ),
    )


def is_current(request: Request, now: Roles, *, targets_ahead: int = 0) -> bool:
    """Whether it follows on what is in force. targets_ahead: by how much `now` has counted on already."""
    root, targets = request.root, request.targets
    return (root is None or root.version == now.root.version + 1) and (
        targets is None or targets.version == now.targets.version - targets_ahead + 1
    )


def _root_of(waiting: Request | None) -> Root | None:
    return waiting.root if waiting else None


def _make_private(layout: Layout) -> None:
    make_folder(layout.pending, mode=0o700)
