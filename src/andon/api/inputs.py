"""What callers send: bodies and names in paths."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from andon.access.signatures.model import Meaning
from andon.kernel import ids
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.changing import Changes
from andon.units.model import StrategyName
from andon.units.proposal import Proposal

V1 = "/api/v1"  # where every router of the API begins
LARGEST = 2**53 - 1  # what JavaScript and SQLite both hold


def _said(value: str) -> str:
    text = " ".join(value.split())
    if not text or not text.isprintable():
        raise ValueError("say why in a few words; it goes on the timeline")
    return text


def _plain(value: str) -> str:
    if not value.isprintable():
        raise ValueError("use printable characters")
    return value


Reason = Annotated[
    str, Field(max_length=500, examples=["spring torque looks wrong at LMA"]), AfterValidator(_said)
]
Plain = Annotated[str, AfterValidator(_plain)]
IdPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", examples=["ro-0kz3v1q8x-5f2mabcd"])]
InstancePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._:-]{0,119}$")]
UnitPath = Annotated[str, Path(max_length=40, examples=["mes"])]
EnvironmentPath = Annotated[str, Path(max_length=40, examples=["production"])]
VersionPath = Annotated[str, Path(max_length=80, examples=["1.1.0"])]
NameQuery = Annotated[str | None, Query(max_length=40)]
NumberQuery = Annotated[int, Query(ge=0, le=LARGEST)]
BeforeQuery = Annotated[int | None, Query(ge=1, le=LARGEST)]
LimitQuery = Annotated[int, Query(ge=1, le=500)]


class Body(BaseModel):
    """Base of all bodies; an unknown key is refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class SignatureGiven(Body):
    """What a person signs with. login: needed at the first signing of a session, and after ten minutes."""

    login: Plain = Field("", max_length=200)
    password: SecretStr = Field(max_length=1024)
    meaning: Meaning
    document_hash: Plain = Field(
        "",
        max_length=64,
        description="Of what the person was shown; where that has changed, nothing is signed",
    )


_Seconds = Annotated[float, Field(ge=0, le=366 * 86400)]


class PlanChanges(Body):
    """What differs from the manifest's plan, for this rollout; what is left out stays as it is there."""

    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [],
        max_length=20,
        description="Shares that rise to 1; gates and tests stay where they are",
    )
    soak_s: _Seconds | None = None
    max_wait_s: _Seconds | None = None
    warm_s: _Seconds | None = None

    @classmethod
    def of(cls, changes: Changes) -> Self:
        """The same as a caller sends it."""
        soak, wait, warm = (
            None if each is None else each.total_seconds()
            for each in (changes.soak, changes.max_wait, changes.warm)
        )
        return cls(shares=list(changes.shares), soak_s=soak, max_wait_s=wait, warm_s=warm)

    def said(self) -> dict[str, Any]:
        """What differs, as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def wanted(self) -> Changes:
        """The same as the engine takes it."""
        times = (
            None if each is None else timedelta(seconds=each)
            for each in (self.soak_s, self.max_wait_s, self.warm_s)
        )
        return Changes(tuple(self.shares), *times)


class Deploy(Body):
    """Move a release into an environment; with `dry_run` only show the plan."""

    unit: Plain = Field(max_length=40, examples=["mes"])
    environment: Plain = Field(max_length=40, examples=["production"])
    version: Annotated[Plain | None, Field(max_length=80, examples=["1.1.0"])] = None
    source: Annotated[
        Plain | None,
        Field(max_length=40, alias="from", description="Instead of a version: what is stable there"),
    ] = None
    override: bool = Field(
        False, description="Also where it did not finish in the environment before; takes a signature"
    )
    signature: SignatureGiven | None = None
    strategy: StrategyName | None = Field(None, description="Unset: the environment's own")
    reason: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""
    dry_run: bool = False
    changes: PlanChanges = PlanChanges()
    plan: Plain = Field(
        "",
        max_length=64,
        description="Hash of the plan that was shown; nothing begins by another",
    )


class Replay(Body):
    """Which rollouts to judge again: one, or the newest of a unit, an environment or all."""

    rollout: Plain = Field("", max_length=60)
    unit: Annotated[Plain, Field(max_length=40)] | None = None
    environment: Annotated[Plain, Field(max_length=40)] | None = None
    limit: int = Field(100, ge=1, le=1000)
    proposal: Proposal | None = Field(
        None, description="A policy by the names of the manifest's, and limits of metrics in `evidence`"
    )


class Because(Body):
    """A person's reason."""

    reason: Reason


class Signed(Because):
    """A reason, and a signature where the policy wants one."""

    signature: SignatureGiven | None = None


class GateAnswer(Body):
    """An outside system's final word at a gate."""

    answer: Literal["yes", "no"]
    reason: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""


class RollBack(Signed):
    """Go back to `to`, or to the last stable release."""

    to: Annotated[Plain | None, Field(max_length=80)] = None


class MemberGiven(Body):
    """One release of a set."""

    unit: Plain = Field(max_length=40, examples=["mes"])
    version: Plain = Field(max_length=80, examples=["1.1.0"])


class PublishSet(Body):
    """Releases that are promoted and come back together, in the order in which they begin."""

    name: Plain = Field(max_length=40, examples=["line"])
    version: Plain = Field(max_length=80, examples=["1.4.0"])
    members: list[MemberGiven] = Field(min_length=2, max_length=20)


class DeploySet(Because):
    """Move a set into an environment; without a version the newest."""

    version: Annotated[Plain | None, Field(max_length=80)] = None


class RollBackAll(Signed):
    """Go back with what is under way and with what finished within `since_s`; or show it (dry_run)."""

    since_s: float = Field(3600, ge=0, le=366 * 86400)
    dry_run: bool = False


class TryAgain(Body):
    """Try again what was given up of `version`, or of every release that should run there."""

    version: Annotated[Plain | None, Field(max_length=80)] = None
    reason: Reason


class Pull(Body):
    """Stop an environment, or everything where it is null.

    `return`: abort all its rollouts, too. That takes the right to abort there, and a signature where the
    policy wants aborts signed.
    """

    environment: Annotated[Plain | None, Field(max_length=40)] = None
    returns: bool = Field(False, alias="return")
    reason: Reason
    signature: SignatureGiven | None = None


class Release(Signed):
    """Let an environment, or everything, go on."""

    environment: Annotated[Plain | None, Field(max_length=40)] = None


class StartRun(Body):
    """Ship a source tree of this machine."""

    path: Plain = Field(min_length=1, max_length=4096, examples=["/srv/mes"])


def unit(value: str) -> UnitName:
    """A unit's name, checked."""
    return UnitName(ids.name(value, what="unit"))


def environment(value: str) -> EnvironmentName:
    """An environment's name, checked."""
    return EnvironmentName(ids.name(value, what="environment"))


def version(value: str) -> Version:
    """A version, checked."""
    return ids.version(value)


def maybe_unit(value: str | None) -> UnitName | None:
    """A unit's name, or none."""
    return unit(value) if value else None


def maybe_environment(value: str | None) -> EnvironmentName | None:
    """An environment's name, or none."""
    return environment(value) if value else None


def aware(value: datetime | None, name: str) -> datetime | None:
    """A time with its offset from UTC, or none.

    Raises:
        InvalidInput: it has no offset, so that nobody knows which moment it is.
    """
    if value is not None and value.tzinfo is None:
        raise InvalidInput("bad-time", f"{name} has no offset from UTC", hint="write 2026-11-20T08:00:00Z")
    return value
