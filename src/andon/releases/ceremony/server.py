"""The registry's side of a ceremony: what should change becomes a request; with enough signatures it is done.

Order of doing, so that a crash at any point leaves a registry that verifies for those who know the former
root and for those who know the next: keys that come are put beside those that go; targets, snapshot and
timestamp are signed by both; then the root is published and pinned; then what went is removed. Doing it again
goes on where it was cut short.
"""

import copy
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from andon.kernel import files
from andon.kernel.errors import Conflict, InvalidInput
from andon.releases import keys, roles, state, write
from andon.releases.ceremony import pending
from andon.releases.ceremony import request as requests
from andon.releases.ceremony.holders import holder_of
from andon.releases.ceremony.request import Missing, Request, Signatures
from andon.releases.layout import Layout, make_folder
from andon.releases.locking import exclusive
from andon.releases.of_home import OfHome
from andon.releases.roles import Roles
from andon.releases.storage.protocol import METADATA
from andon.releases.write import Writing

HERE = "here"  # stands for every key of a role whose private half is on this machine
EXCHANGEABLE = (Targets.type, Snapshot.type, Timestamp.type)


@dataclass(frozen=True, slots=True)
class Change:
    """What should be otherwise; nothing: the root is signed anew, for another life.

    role: whose keys `add`, `remove` and `threshold` concern. remove: holders, beginnings of key ids, or
    `HERE`. exchange: roles that get a fresh key on this machine in place of all that they have.
    """

    role: str = Root.type
    add: tuple[Key, ...] = ()
    remove: tuple[str, ...] = ()
    threshold: int | None = None
    exchange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a request stands. missing: empty when it was published; refused: signatures for nothing here."""

    request: Request
    missing: list[Missing] = field(default_factory=list)
    refused: list[Signatures] = field(default_factory=list)


class Ceremonies(OfHome):
    """What the registry of one home asks of holders."""

    def propose(self, change: Change, *, reason: str, by: str) -> Outcome:
        """Ask for a next root; it is published at once where all keys that it needs are here.

        Raises:
            Conflict: another request waits, or a key is to be added that is there already.
            InvalidInput: the change names what is not there, or leaves a role without enough keys.
        """
        with exclusive(self._layout.keys / ".lock"):
            now = state.load(self._layout, self._storage)
            waiting = pending.find(self._layout)
            if waiting is not None and pending.is_current(waiting, now):
                raise Conflict(
                    "request-pending",
                    f"a request waits for signatures already: {waiting.reason}",
                    hint="andon keys assemble, or andon keys withdraw",
                )
            if waiting is not None and _is_published(waiting, now):
                self._finish(waiting)
            pending.drop(self._layout)
            request = self._request(now, change, reason, by)
            pending.put(self._layout, request)
            return self._go_on(now, request, [])

    def assemble(self, signed: Iterable[Signatures]) -> Outcome:
        """Take in what holders signed, and publish when it is enough.

        Raises:
            NotFound: nothing waits. Conflict: something was published meanwhile, so that the request does not
                follow any more.
        """
        with exclusive(self._layout.keys / ".lock"):
            request = pending.get(self._layout)
            is_enough = not requests.missing(request, pending.signatures(self._layout, request))
            now = state.load(self._layout, self._storage, coming=request.root if is_enough else None)
            if not pending.is_current(request, now) and not _is_published(request, now):
                raise Conflict(
                    "request-outdated",
                    "what was asked for does not follow on what was published meanwhile",
                    hint="andon keys withdraw, then ask again",
                )
            refused = []
            for each in signed:
                if each.fingerprint == request.fingerprint and requests.entitled(request, each.key_id):
                    pending.keep(self._layout, each)
                else:
                    refused.append(each)
            return self._go_on(now, request, refused)

    def withdraw(self) -> Request:
        """Let go of the request that waits; raises NotFound where none does."""
        with exclusive(self._layout.keys / ".lock"):
            request = pending.get(self._layout)
            pending.drop(self._layout)
            return request

    def waiting(self) -> Outcome | None:
        """The request that waits, and what it lacks; None where none does."""
        request = pending.find(self._layout)
        if request is None:
            return None
        return Outcome(request, requests.missing(request, pending.signatures(self._layout, request)))

    def _request(self, now: Roles, change: Change, reason: str, by: str) -> Request:
        at = self._clock.now()
        root = _changed(self._layout, now.root, change)
        roles.next_version(root, self._lives.root, at)
        requests.check_root(root)
        return Request(
            reason=reason,
            by=by,
            created_at=at,
            former_root=state.read(self._storage, f"{now.root.version}.root.json"),
            former_targets=state.read(self._storage, f"{now.targets.version}.targets.json"),
            root=root,
            targets=self._next_targets(now, root),
        )

    def _next_targets(self, now: Roles, root: Root) -> Targets | None:
        """The holders sign the targets too, where nobody else can and they have to be signed."""
        is_here = roles.can_sign(Targets.type, root, _signers(self._layout, Targets.type))
        is_young = not roles.is_half_over(now.targets, self._lives.targets, self._clock.now())
        if is_here or (is_young and not _is_other(root, now.root, Targets.type)):
            return None
        targets = copy.deepcopy(now.targets)
        roles.next_version(targets, self._lives.targets, self._clock.now())
        return targets

    def _go_on(self, now: Roles, request: Request, refused: list[Signatures]) -> Outcome:
        collected = pending.signatures(self._layout, request)
        for signer in (*_signers(self._layout, Root.type), *_signers(self._layout, Targets.type)):
            key_id = signer.public_key.keyid
            if parts := requests.entitled(request, key_id):
                by_part = {part: signer.sign(request.payload(part)).signature for part in parts}
                collected[key_id] = Signatures(request.fingerprint, key_id, by_part)
                pending.keep(self._layout, collected[key_id])
        missing = requests.missing(request, collected)
        if not missing:
            self._publish(now, request, collected)
        return Outcome(request, missing, refused)

    def _publish(self, now: Roles, request: Request, collected: dict[str, Signatures]) -> None:
        """Enough have signed. Each step may have been done before."""
        coming = request.root
        if coming is not None and coming.version == now.root.version:
            coming = None
        _bring_keys(self._layout)
        self._write_roles(now, request, collected, coming)
        if coming is not None:
            content = roles.assembled(coming, requests.usable(Root.type, collected))
            self._storage.write(f"{METADATA}{coming.version}.root.json", content)
        self._finish(request)

    def _write_roles(
        self, now: Roles, request: Request, collected: dict[str, Signatures], coming: Root | None
    ) -> None:
        which, ready = {Snapshot.type, Timestamp.type}, {}
        if request.targets is not None and now.targets.version < request.targets.version:
            now.targets = request.targets
            ready[Targets.type] = roles.assembled(now.targets, requests.usable(Targets.type, collected))
            which.add(Targets.type)
        elif coming is not None and request.targets is None and _is_other(coming, now.root, Targets.type):
            which.add(Targets.type)
        at = self._clock.now()
        write.write(
            now, frozenset(which), Writing(self._layout, self._storage, self._lives, at, coming, ready)
        )

    def _finish(self, request: Request) -> None:
        # Keys of former roots may have been read on this machine: they shall not name a root here any more.
        newest = state.read(self._storage, f"{request.trusted.version}.root.json")
        files.write(self._layout.pinned_root, newest)
        _clear(self._layout, request.trusted)
        pending.drop(self._layout)


def _changed(layout: Layout, former: Root, change: Change) -> Root:
    root = copy.deepcopy(former)
    if change.role not in {Root.type, Targets.type}:
        raise InvalidInput(
            "bad-role", f"role {change.role!r} has no holders", hint="--role root or --role targets"
        )
    for name in change.remove:
        for key_id in _named(layout, root, change.role, name):
            root.revoke_key(key_id, change.role)
    for key in change.add:
        if key.keyid in _ids(root, change.role):
            raise Conflict("key-exists", f"{requests.label(key)} is a key of {change.role} already")
        root.add_key(key, change.role)
    if change.threshold is not None:
        root.get_delegated_role(change.role).threshold = change.threshold
    for role in change.exchange:
        _exchange(layout, root, role)
    return root


def _named(layout: Layout, root: Root, role: str, name: str) -> list[str]:
    here = {each.public_key.keyid for each in _signers(layout, role)}
    found = [
        each
        for each in _ids(root, role)
        if (name == HERE and each in here)
        or name == holder_of(root.get_key(each))
        or (len(name) >= 8 and each.startswith(name))
    ]
    if not found:
        raise InvalidInput("no-such-key", f"{role} has no key {name!r}", hint="andon keys status names them")
    return found


def _exchange(layout: Layout, root: Root, role: str) -> None:
    if role not in EXCHANGEABLE:
        raise InvalidInput(
            "bad-role", f"role {role!r} has no key on this machine", hint=f"one of {', '.join(EXCHANGEABLE)}"
        )
    signer = CryptoSigner.generate_ed25519()
    for key_id in list(_ids(root, role)):
        root.revoke_key(key_id, role)
    root.add_key(signer.public_key, role)
    root.get_delegated_role(role).threshold = 1
    folder = layout.pending / role
    make_folder(folder, mode=0o700)
    files.write(folder / f"{signer.public_key.keyid}.pem", signer.private_bytes, mode=0o600)


def _ids(root: Root, role: str) -> list[str]:
    return list(root.get_delegated_role(role).keyids)


def _is_other(one: Root, other: Root, role: str) -> bool:
    return set(_ids(one, role)) != set(_ids(other, role))


def _signers(layout: Layout, role: str) -> list[CryptoSigner]:
    """The keys of a role that are here, those that come with the request too."""
    return [*keys.load(layout, role), *keys.load_from(layout.pending / role)]


def _bring_keys(layout: Layout) -> None:
    for role in roles.ROLES:
        for path in sorted((layout.pending / role).glob("*.pem")):
            make_folder(layout.keys / role, mode=0o700)
            files.write(layout.keys / role / path.name, path.read_bytes(), mode=0o600)


def _clear(layout: Layout, root: Root) -> None:
    """Remove private keys that count for nothing any more, and the mark of a home of development."""
    for role in roles.ROLES:
        for path in sorted((layout.keys / role).glob("*.pem")):
            if path.stem not in _ids(root, role):
                path.unlink()
        folder = layout.keys / role
        if folder.exists() and not any(folder.iterdir()):
            shutil.rmtree(folder)
    if not keys.load(layout, Root.type):
        keys.unmark_development(layout)


def _is_published(request: Request, now: Roles) -> bool:
    """Whether only the clearing up is left: a crash came between."""
    return (request.root is None or request.root.version == now.root.version) and (
        request.targets is None or request.targets.version == now.targets.version
    )
