"""What callers send about people, sessions, tokens and policies. No error shows what is secret."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path
from pydantic import Field, SecretStr

from andon.access.model import Grant, Permission, Scope, Where
from andon.access.policies.model import Bounds
from andon.access.signatures.model import Action
from andon.api.inputs import Because, Body, Plain, Signed
from andon.units.model import StrategyName

Password = Annotated[SecretStr, Field(max_length=1024)]
UserPath = Annotated[str, Path(max_length=120, description="Id or login", examples=["minseo"])]
NamePath = Annotated[str, Path(max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
CodePath = Annotated[str, Path(max_length=20, pattern=r"^[A-Za-z0-9-]{4,20}$", examples=["ABCD-EFGH"])]


class SignIn(Body):
    """Login and password; `new_password` changes it in the same step, where it must be changed."""

    login: Plain = Field(max_length=200)
    password: Password
    new_password: Password | None = None


class Refresh(Body):
    """The refresh token that was given last."""

    refresh_token: Password


class DeviceCode(Body):
    """The terminal's own code."""

    device_code: Password


class NewPassword(Body):
    """The present password and the next."""

    old: Password
    new: Password


class GrantGiven(Body):
    """A role on a scope."""

    role: Plain = Field(max_length=60)
    environment: Plain = Field("*", max_length=40)
    unit: Plain = Field("*", max_length=40)
    line: Plain = Field("*", max_length=40)

    def grant(self) -> Grant:
        """As the domain has it."""
        return Grant(self.role, Scope(self.environment, self.unit, self.line))


Grants = Annotated[list[GrantGiven], Field(max_length=100)]


class NewUser(Because):
    """A new account; without a password one is made, which must be changed at the first sign-in."""

    login: Plain = Field(max_length=200)
    display_name: Plain = Field(max_length=120)
    grants: Grants = Field(default_factory=list)
    password: Password | None = None


class ChangeUser(Because):
    """What to change; what is null stays."""

    display_name: Annotated[Plain | None, Field(max_length=120)] = None
    grants: Grants | None = None
    is_disabled: bool | None = None


class NewToken(Because):
    """A token; its grants hold at most what its person has."""

    name: Plain = Field(max_length=80, min_length=1)
    grants: Grants
    expires_in_days: int = Field(ge=1, le=366)


class PutRole(Because):
    """A role's permissions and where each holds."""

    permissions: dict[Permission, Where]
    description: Plain = Field("", max_length=200)


class CalendarGiven(Body):
    """When rollouts may begin: windows in the plant's own time, closed days and spans, named shifts."""

    zone: Plain = Field(max_length=60)
    open: list[Plain] = Field(default_factory=list, max_length=100)
    closed: list[Plain] = Field(default_factory=list, max_length=1000)
    shifts: dict[Plain, list[Plain]] = Field(default_factory=dict, max_length=50)


class BoundsGiven(Body):
    """What an environment asks of the rollouts into it; what is left out asks nothing."""

    promotes_from: Plain = Field("", max_length=40, examples=["staging"])
    min_age_s: float = Field(0, ge=0, le=366 * 86400)
    is_auto: bool = False
    strategies: list[StrategyName] = Field(default_factory=list, max_length=20)
    alpha_at_most: float | None = Field(None, gt=0, lt=0.5)
    margin_at_most: float | None = Field(None, gt=1, le=100)
    requires_evidence: bool = False
    judge: Plain = Field("", max_length=60)

    def bounds(self) -> Bounds:
        """As the domain has them."""
        given = self.model_dump(exclude={"min_age_s", "strategies"})
        names = frozenset(each.value for each in self.strategies)
        return Bounds(**given, min_age=timedelta(seconds=self.min_age_s), strategies=names)


class PutPolicy(Signed):
    """What an environment demands; changing it is signed. Without `bounds` those in force stay.

    calendar: left out, the present one stays, unless drops_calendar takes it away.
    """

    approvals: int = Field(ge=0, le=10)
    approver_role: Plain = Field("approver", max_length=60)
    is_production: bool
    signed: list[Action] = Field(max_length=20)
    calendar: CalendarGiven | None = None
    bounds: BoundsGiven | None = None
    drops_calendar: bool = False


class PutSecret(Because):
    """A secret's value."""

    value: SecretStr = Field(min_length=1, max_length=65536)


class MaybeBecause(Body):
    """A reason where there is one."""

    reason: Plain = Field("", max_length=500)


def grants(given: list[GrantGiven]) -> list[Grant]:
    """As the domain has them."""
    return [each.grant() for each in given]
