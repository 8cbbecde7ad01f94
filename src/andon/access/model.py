"""People, permissions, roles, scopes: facts, frozen. The rules over them stand in `rights.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

EVERYWHERE = "*"
PRODUCTION = "production"


class Permission(StrEnum):
    """What one may do. Every endpoint, page and command declares one, `Open` or `SignedIn`."""

    FLOOR_VIEW = "floor.view"  # units, rollouts, runs, releases, instances, traffic
    TIMELINE_VIEW = "timeline.view"
    TIMELINE_EXPORT = "timeline.export"  # also verify, checkpoints and signatures in print
    LOGS_VIEW = "logs.view"
    SYSTEM_VIEW = "system.view"  # doctor, metrics, settings in force, the registry's state
    RUN_START = "pipelines.run"
    RUN_CANCEL = "pipelines.cancel"
    PROPOSE = "rollouts.propose"  # begin a rollout; where one lacks `rollouts.deploy` it waits at a gate
    DEPLOY = "rollouts.deploy"
    CONTROL = "rollouts.control"  # pause, resume
    PROMOTE = "rollouts.promote"  # waives what the judge still waits for
    ABORT = "rollouts.abort"
    ALERT = "rollouts.alert"  # a program takes one back for an alert rule; no signature
    ROLLBACK = "rollouts.rollback"
    APPROVE = "rollouts.approve"  # sign a gate
    GATE_ANSWER = "gates.answer"  # say yes or no for an outside system at its gate; no signature
    RETRY = "instances.retry"
    FLEET_VIEW = "fleet.view"  # stations, what they run and measure
    FLEET_MANAGE = "fleet.manage"  # rings, lines, labels, pins, windows, retries, retirement
    FLEET_ENROL = "fleet.enrol"  # tokens that let machines in, and letting in those that wait
    FLEET_CHECK = "fleet.check"  # a simple client asks whether there is something newer for it
    CORD_PULL = "cord.pull"
    CORD_RELEASE = "cord.release"
    POLICY_EDIT = "policies.edit"
    USERS_VIEW = "users.view"
    USERS_MANAGE = "users.manage"  # also roles, grants, machine tokens, other people's sessions and tokens
    SECRETS_MANAGE = "secrets.manage"
    REGISTRY_COLLECT = "registry.collect"  # take out of it, for good, what nobody needs


class Where(StrEnum):
    """In which environments of its scope a role gives a permission."""

    ANYWHERE = "anywhere"
    OUTSIDE_PRODUCTION = "outside-production"


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions. Built-in ones cannot be changed."""

    name: str
    permissions: Mapping[Permission, Where]
    is_builtin: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is done. None: the dimension does not matter; `*`: all of it is touched at once.

    line: only stations stand in one, so that what names none is nobody's who was given a line alone.
    """

    environment: str | None = None
    unit: str | None = None
    line: str | None = None


NOWHERE = Place()
SOME_LINE = "?"  # no line is called so
ON_LINES = Place(line=SOME_LINE)  # stations of whichever lines somebody was given: who asks filters them


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a grant holds; `*` is everywhere. With a line it holds for the stations there alone."""

    environment: str = EVERYWHERE
    unit: str = EVERYWHERE
    line: str = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on a scope. It says nothing by itself: `rights.py` looks the role up."""

    role: str
    scope: Scope = Scope()

    @property
    def label(self) -> str:
        """For people and records, such as `engineer` or `engineer@staging/mes`."""
        parts = [self.scope.environment, self.scope.unit, self.scope.line]
        while parts and parts[-1] == EVERYWHERE:
            parts.pop()
        return f"{self.role}@{'/'.join(parts)}" if parts else self.role


class Source(StrEnum):
    """Who keeps a person's password."""

    LOCAL = "local"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `login` is unique without regard to case, and is never given to anyone else again.

    directory_id: entryUUID or objectGUID. is_break_glass: works when the directory does not; its use alerts.
    must_change_password: until then nothing else is allowed. signing_suspended_by: login of who reset the
    password; until somebody else has confirmed who uses the account it signs nothing. Empty: it may sign.
    """

    id: str
    login: str
    display_name: str
    source: Source
    grants: tuple[Grant, ...]
    created_at: datetime
    directory_id: str = ""
    is_disabled: bool = False
    is_break_glass: bool = False
    must_change_password: bool = False
    password_changed_at: datetime | None = None
    last_login_at: datetime | None = None
    signing_suspended_by: str = ""


class PrincipalKind(StrEnum):
    """What kind of caller it is."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105  a personal or machine token: it never signs


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, known for certain. `name` goes on the timeline.

    user_id: the person; empty for a machine token. session: id of the session, or of the token.
    grants: of the person, or of the token; limits: a personal token's own grants, within the person's.
    """

    kind: PrincipalKind
    name: str
    display_name: str
    grants: tuple[Grant, ...]
    user_id: str = ""
    session: str = ""
    limits: tuple[Grant, ...] | None = None
    must_change_password: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)

    @property
    def may_sign(self) -> bool:
        """Whether it is a person in a session; a token never signs (21 CFR 11.200)."""
        return self.kind is PrincipalKind.PERSON
