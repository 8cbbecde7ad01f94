"""Sign, and say what a signature is worth. Whoever signs proves again who they are (21 CFR 11.200).

What is not here: which right an action needs (`access/rights.py`), what exactly is signed (that says the
domain whose change it is), and writing the row (`store.append`, in the transaction of that change).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from andon.access.model import Principal, User
from andon.access.people.confirming import signing_suspended
from andon.access.people.model import Purpose
from andon.access.people.names import key_of
from andon.access.policies.model import Policy
from andon.access.signatures.model import Action, Document, Meaning, Signature, Standing
from andon.access.signatures.seal import Sealer
from andon.access.signatures.store import SignatureStore, refused
from andon.kernel.clock import Clock
from andon.kernel.errors import Forbidden, InvalidInput
from andon.kernel.ids import new_id

LOGIN_AFTER = timedelta(minutes=10)
_LONGEST_REASON = 2000
# What an emergency needs; the rest is nobody's to sign: a signature belongs to one person (21 CFR 11.100).
_TAKES_BACK = frozenset({Action.ABORT, Action.ROLLBACK})


class Check(Protocol):
    """The one place where a password is checked (`access/people/login.py`); failures count for lockout."""

    async def check(
        self, login: str, password: str, *, source: str, purpose: Purpose = Purpose.SIGN_IN
    ) -> tuple[User, str]:
        """The person, and the method: `password` or `directory`. purpose: whose failures it counts with.

        Raises:
            Forbidden: wrong, locked out or disabled. Unavailable: the directory does not answer.
        """
        ...


class Demands(Protocol):
    """What environments demand (`access/policies/commands.py`)."""

    async def get(self, environment: str) -> Policy: ...
    async def production(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Given:
    """What a person brings to sign. login: may be empty while an earlier signing of the session is fresh."""

    password: str
    meaning: Meaning
    reason: str
    login: str = ""


class Signing:
    """Signs for people who are signed in. Which sessions signed lately is in memory: a restart asks again."""

    def __init__(
        self, signatures: SignatureStore, sealer: Sealer, check: Check, demands: Demands, clock: Clock
    ) -> None:
        self._signatures = signatures
        self._sealer = sealer
        self._check = check
        self._demands = demands
        self._clock = clock
        self._signed_at: dict[str, datetime] = {}

    async def required(self, action: Action, environment: str | None) -> bool:
        """Whether the policy in force wants a signature; None is everywhere, which includes production."""
        return await is_required(self._demands, action, environment)

    def needs_login(self, principal: Principal) -> bool:
        """Whether the next signing wants the login too: the first of a session, and after 10 idle minutes."""
        before = self._signed_at.get(principal.session)
        return before is None or self._clock.now() - before >= LOGIN_AFTER

    async def sign(self, principal: Principal, document: Document, given: Given, *, source: str) -> Signature:
        """The signature of `principal` over `document`; it counts once a change has stored it.

        source: the address that the request came from.

        Raises:
            InvalidInput: no reason was given.
            Forbidden: a token signs, a component is missing or wrong, the account is locked out or must
                change its password, or was reset and nobody has confirmed it (`signing-suspended`), or it is
                somebody else's password.
            Unavailable: the directory does not answer.
        """
        self._check_form(principal, given)
        login = given.login or principal.name
        # Another's login is tried as anybody would try it: else signing were a way to guess it.
        purpose = Purpose.SIGN if key_of(login) == key_of(principal.name) else Purpose.SIGN_IN
        user, method = await self._check.check(login, given.password, source=source, purpose=purpose)
        now = self._clock.now()
        if user.id != principal.user_id:
            why = f"{principal.name} tried to sign with the account of {user.login}"
            await self._signatures.record(refused(document, principal.name, why), now)
            raise Forbidden("not-the-signer", "one signs as oneself only", hint="use your own login")
        if user.must_change_password:
            raise _must_change()
        if user.is_break_glass and document.action not in _TAKES_BACK:
            raise Forbidden(
                "nobodys-signature",
                "the break-glass account is nobody's own: it may take back, but let nothing go on",
                hint="give somebody access again, and let them sign",
            )
        if user.signing_suspended_by:
            raise signing_suspended(user)
        made = Signature(
            id=new_id("sg", now),
            document=document,
            document_hash=document.hash,
            signer_id=user.id,
            signer=user.login,
            display_name=user.display_name,
            meaning=given.meaning,
            reason=given.reason.strip(),
            at=now,
            method=method,
        )
        self._remember(principal.session, now)
        return replace(made, seal=self._sealer.seal(made))

    async def standing(self, signature: Signature, present: Document | None = None) -> Standing:
        """What it is worth today. present: what it was made for, as that is now; None: not looked at."""
        return self._sealer.standing(signature, present)

    async def get(self, signature: str) -> tuple[Signature, Standing]:
        """The signature, and whether it is forged; raises NotFound, Damaged."""
        found = await self._signatures.get(signature)
        return found, self._sealer.standing(found)

    async def list(self, subject: str | None = None, limit: int = 100) -> list[tuple[Signature, Standing]]:
        """The newest first, each with whether it is forged."""
        found = await self._signatures.list(subject, limit)
        return [(each, self._sealer.standing(each)) for each in found]

    def _check_form(self, principal: Principal, given: Given) -> None:
        if not principal.may_sign or not principal.user_id:
            raise Forbidden("token-cannot-sign", "only a person signs, never a token", hint="andon login")
        if principal.must_change_password:
            raise _must_change()
        if not given.reason.strip():
            raise InvalidInput("no-reason", "a signature needs a reason", hint="say why, in a sentence")
        if len(given.reason) > _LONGEST_REASON:
            raise InvalidInput(
                "reason-too-long", f"the reason has {len(given.reason)} characters", hint="2000 is the most"
            )
        if not given.login and self.needs_login(principal):
            raise Forbidden(
                "signature-login-required",
                "the first signing of a session, and after 10 minutes without any, needs login and password",
                hint="give login and password",
                needs={"login": True},
            )

    def _remember(self, session: str, now: datetime) -> None:
        """Forget sessions whose last signing is long ago, so that what is kept stays small."""
        recent = {each: at for each, at in self._signed_at.items() if now - at < LOGIN_AFTER}
        self._signed_at = recent | {session: now}


async def is_required(demands: Demands, action: Action, environment: str | None) -> bool:
    """Whether the policies in force want `action` signed. None, everywhere: as the strictest production."""
    places = [environment] if environment is not None else sorted(await demands.production())
    return any([action in (await demands.get(place)).signed for place in places])


def _must_change() -> Forbidden:
    return Forbidden(
        "password-change-required",
        "a password that somebody else has known signs nothing",
        hint="change the password first",
    )
