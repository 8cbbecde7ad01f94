"""What is done to people's accounts and to roles. Each change is one transaction with its record.

What is not here: signing in (login.py), and whether a caller may manage people at all (the edge asks
`rights.permitted`); here nobody gives, or takes over, more than they have themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from andon.access.model import Grant, Principal, Role, Source, User
from andon.access.people import lockout, names
from andon.access.people.attempts import account_key, sign_key
from andon.access.people.authority import Authority, authority, checked_reason, subject_of
from andon.access.people.choosing import Choosing
from andon.access.people.codec import told
from andon.access.people.confirming import check_confirmer, check_independent
from andon.access.people.model import Account, Actor, DisabledBy
from andon.access.people.passwords import ONE_TIME_LIFE, one_time
from andon.access.people.roles import Roles
from andon.access.people.store import Change, PeopleStore
from andon.access.rights import is_admin
from andon.access.tokens.model import MACHINE_ACTOR
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden
from andon.kernel.ids import new_id
from andon.timeline.records import Event, Severity


class People:
    """Creates, changes and lists people. `actor` is a principal, a name, or a part of Andon."""

    def __init__(self, store: PeopleStore, choosing: Choosing, clock: Clock) -> None:
        self._store = store
        self._choosing = choosing
        self._roles = Roles(store, clock)
        self._clock = clock

    async def create(  # noqa: PLR0913  named, and agreed with those who call it
        self,
        login: str,
        display_name: str,
        *,
        grants: Collection[Grant] = (),
        password: str | None = None,
        must_change: bool = True,
        is_break_glass: bool = False,
        actor: Actor,
        reason: str,
    ) -> tuple[User, str]:
        """A new local person and their password; where None was given, a one-time password was made.

        A password that must be changed runs out after 72 hours.

        Raises:
            InvalidInput: login, name, password, role or reason.
            Conflict: the login was given before; it is never given again.
            Forbidden: the grants are more than the actor has.
        """
        login, display_name = names.checked_login(login), names.checked_display_name(display_name)
        reason = checked_reason(reason)
        if password is not None:
            await self._choosing.check(password, (login, display_name))
        chosen = password if password is not None else one_time()
        must_change = must_change or password is None
        kept = await self._choosing.hash(chosen)
        now = self._clock.now()
        user = User(
            id=new_id("us", now),
            login=login,
            display_name=display_name,
            source=Source.LOCAL,
            grants=tuple(grants),
            created_at=now,
            is_break_glass=is_break_glass,
            must_change_password=must_change,
            password_changed_at=now,
        )
        async with self._store.changing() as change:
            giver = await authority(change, actor)
            await giver.check(change, user.grants, f"give {login} these roles")
            if await change.find_by_key(names.key_of(login)) is not None:
                raise Conflict(
                    "login-taken",
                    f"login {login!r} was given before, and is never given again",
                    hint="choose another login",
                )
            await change.add(Account(user, kept, now + ONE_TIME_LIFE if must_change else None))
            change.tell(_event("access.user-created", user, giver.name, reason, after=told(user)), now)
        return user, chosen

    async def get(self, user_id: str) -> User:
        """The person with this id; raises NotFound."""
        return (await self._store.get(user_id)).user

    async def find(self, login: str) -> User | None:
        """The person with this login, without regard to its case."""
        found = await self._store.find_by_login(login)
        return None if found is None else found.user

    async def list(self) -> list[User]:
        """Everybody, by login; disabled people too."""
        return await self._store.everybody()

    async def update(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        grants: Collection[Grant] | None = None,
        is_disabled: bool | None = None,
        actor: Actor,
        reason: str,
    ) -> User:
        """The person with what was given changed. Disabling ends their sessions and revokes their tokens.

        Raises:
            NotFound, InvalidInput: no such person, or a bad value.
            Conflict: the last enabled local administrator; or a value that the directory keeps.
            Forbidden: the person has, or would get, rights that the actor lacks.
        """
        reason, now = checked_reason(reason), self._clock.now()
        if display_name is not None:
            display_name = names.checked_display_name(display_name)
        async with self._store.changing() as change:
            # All locks in one order, before the person's own: two changes never wait for each other.
            admins = [each for each in await change.local_enabled() if is_admin(each.grants)]
            before = await change.get(user_id)
            after = _changed(before, display_name, grants, is_disabled)
            giver = await authority(change, actor)
            await giver.check(
                change, (*before.user.grants, *after.user.grants), f"change {before.user.login}"
            )
            _check_last_admin(admins, before.user, after.user)
            await change.save(after)
            if after.user.is_disabled and not before.user.is_disabled:
                await change.end_sessions(user_id, now, "account disabled")
                await change.revoke_tokens(user_id, now, giver.name)
            for event in _changes(before.user, after.user, giver.name, reason):
                change.tell(event, now)
        return after.user

    async def reset_password(self, user_id: str, *, actor: Actor, reason: str) -> str:
        """A one-time password, which must be changed and runs out after 72 hours.

        Ends their sessions and revokes their tokens. The account signs nothing until somebody else has
        confirmed it: who knows another person's password must not be able to sign as them alone (21 CFR
        11.200(a)(3)).

        Raises:
            NotFound: no such person. Conflict: the directory keeps their password.
            Forbidden: the person has rights that the actor lacks.
        """
        reason, chosen = checked_reason(reason), one_time()
        kept, now = await self._choosing.hash(chosen), self._clock.now()
        async with self._store.changing() as change:
            account = await change.get(user_id)
            _check_local(account.user)
            giver = await self._over(change, actor, account.user, "reset the password of")
            user = replace(
                account.user,
                must_change_password=True,
                password_changed_at=now,
                signing_suspended_by=await _behind(change, giver.name),
            )
            await change.remember_password(user_id, account.password_hash, now)
            await change.save(
                replace(account, user=user, password_hash=kept, password_expires_at=now + ONE_TIME_LIFE)
            )
            await change.end_sessions(user_id, now, "password reset")
            after = {
                "must_change_password": True,
                "signing_suspended_by": user.signing_suspended_by,
                "tokens_revoked": await change.revoke_tokens(user_id, now, giver.name),
            }
            reset = _event("access.password-reset", user, giver.name, reason, Severity.WARNING, after=after)
            change.tell(reset, now)
        return chosen

    async def confirm(self, user_id: str, *, actor: Principal, reason: str) -> User:
        """Say that the person themself uses the account since its password was reset: it may sign again.

        Raises:
            NotFound: no such person. Conflict: there is nothing to confirm.
            Forbidden: the actor is a token, the person themself or who reset the password; lacks
                users.manage and rollouts.approve; or waits for such a confirmation too.
        """
        reason, now = checked_reason(reason), self._clock.now()
        check_confirmer(actor)
        async with self._store.changing() as change:
            # Locked in one order: two who confirm each other never wait for each other.
            both = {each: await change.get(each) for each in sorted({user_id, actor.user_id})}
            user, confirmer = both[user_id].user, both[actor.user_id].user
            check_independent(user, confirmer)
            confirmed = replace(user, signing_suspended_by="")
            await change.save(replace(both[user_id], user=confirmed))
            before = {"signing_suspended_by": user.signing_suspended_by}
            after = {"signing_suspended_by": ""}
            kind = "access.identity-confirmed"
            change.tell(_event(kind, user, actor.name, reason, before=before, after=after), now)
        return confirmed

    async def change_password(self, user_id: str, *, old: str, new: str, keep_session: str = "") -> None:
        """The person's own change; ends their other sessions. A wrong old one counts as a failed sign-in.

        Raises:
            Forbidden: the old one is wrong, or the account is disabled or locked out.
            InvalidInput: the new one breaks a rule; the message names each.
            Conflict: the directory keeps it, or it was changed by somebody else meanwhile.
        """
        account = await self._store.get(user_id)
        user = account.user
        _check_local(user)
        await self._choosing.prove(account, old)
        if user.is_disabled:
            raise Forbidden("account-disabled", "this account is disabled", hint="ask an administrator")
        await self._choosing.check(new, (user.login, user.display_name), former=old)
        await self._choosing.check_history(account, new)
        kept, now = await self._choosing.hash(new), self._clock.now()
        async with self._store.changing() as change:
            present = await change.get(user_id)
            if present.password_hash != account.password_hash:
                raise Conflict("password-changed-meanwhile", "the password was changed by another request")
            changed = replace(present.user, must_change_password=False, password_changed_at=now)
            await change.remember_password(user_id, present.password_hash, now)
            await change.save(replace(present, user=changed, password_hash=kept, password_expires_at=None))
            await change.end_sessions(user_id, now, "password changed", keep=keep_session)
            change.tell(_event("access.password-changed", changed, user.login, "own choice"), now)

    async def unlock(self, user_id: str, *, actor: Actor, reason: str) -> None:
        """Forget a person's failed sign-ins and signatures, so they may try at once; raises as `update`."""
        reason, now = checked_reason(reason), self._clock.now()
        async with self._store.changing() as change:
            account = await change.get(user_id)
            giver = await self._over(change, actor, account.user, "unlock")
            keys = (account_key(names.key_of(account.user.login)), sign_key(user_id))
            counts = await change.counts(keys)
            for key in keys:
                await change.put_count(key, lockout.NONE)
            before = {"failures": sum(each.failures for each in counts.values())}
            change.tell(_event("access.unlocked", account.user, giver.name, reason, before=before), now)

    async def roles(self) -> Mapping[str, Role]:
        """Built-in and own roles, by name."""
        return await self._store.roles()

    async def put_role(
        self, name: str, permissions: Mapping[str, str], *, description: str, actor: Actor, reason: str
    ) -> Role:
        """As `Roles.put`."""
        return await self._roles.put(name, permissions, description=description, actor=actor, reason=reason)

    async def delete_role(self, name: str, *, actor: Actor, reason: str) -> None:
        """As `Roles.delete`."""
        await self._roles.delete(name, actor=actor, reason=reason)

    async def _over(self, change: Change, actor: Actor, user: User, verb: str) -> Authority:
        giver = await authority(change, actor)
        await giver.check(change, user.grants, f"{verb} {user.login}")
        return giver


async def _behind(change: Change, name: str) -> str:
    """The person who acts by this name: of a machine, who made it."""
    if not name.startswith(MACHINE_ACTOR):
        return name
    return await change.maker_of(name.removeprefix(MACHINE_ACTOR)) or name


def _changed(
    account: Account, display_name: str | None, grants: Collection[Grant] | None, is_disabled: bool | None
) -> Account:
    user = account.user
    if user.source is Source.DIRECTORY and (display_name is not None or grants is not None):
        raise Conflict(
            "kept-by-directory",
            f"name and roles of {user.login} come from the directory",
            hint="change the person's groups there",
        )
    if display_name is not None:
        user = replace(user, display_name=display_name)
    if grants is not None:
        user = replace(user, grants=tuple(dict.fromkeys(grants)))
    disabled_by = account.disabled_by
    if is_disabled is not None:
        user = replace(user, is_disabled=is_disabled)
        disabled_by = DisabledBy.ADMIN if is_disabled else DisabledBy.NOBODY
    return replace(account, user=user, disabled_by=disabled_by)


def _check_last_admin(admins: Collection[User], before: User, after: User) -> None:
    """A directory's administrator does not count: the directory may be away when one is needed."""
    was = any(each.id == before.id for each in admins)
    stays = is_admin(after.grants) and not after.is_disabled
    if was and not stays and len(admins) == 1:
        raise Conflict(
            "last-admin",
            f"{before.login} is the last enabled local administrator",
            hint="make another person administrator first",
        )


def _check_local(user: User) -> None:
    if user.source is not Source.LOCAL:
        raise Conflict(
            "kept-by-directory", f"the directory keeps the password of {user.login}", hint="change it there"
        )


def _changes(before: User, after: User, actor: str, reason: str) -> list[Event]:
    old, new = told(before), told(after)
    kinds = {"display_name": "access.user-renamed", "grants": "access.grants-changed"}
    events = [
        _event(kind, after, actor, reason, before={name: old[name]}, after={name: new[name]})
        for name, kind in kinds.items()
        if old[name] != new[name]
    ]
    if before.is_disabled != after.is_disabled:
        kind = "access.user-disabled" if after.is_disabled else "access.user-enabled"
        is_off = {"is_disabled": before.is_disabled}, {"is_disabled": after.is_disabled}
        events.append(_event(kind, after, actor, reason, before=is_off[0], after=is_off[1]))
    return events


def _event(  # noqa: PLR0913  a record has as many parts
    kind: str,
    user: User,
    actor: str,
    reason: str,
    severity: Severity = Severity.INFO,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> Event:
    return Event(
        kind,
        subject_of(user.login),
        actor,
        reason,
        severity=severity,
        before=dict(before or {}),
        after=dict(after or {}),
    )
