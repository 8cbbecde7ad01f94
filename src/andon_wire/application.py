"""What a station's agent has to know of an application to run it: made from `andon.toml` by the pipeline.

It is an artifact of the release (`application.json`), so its bytes are signed. Additive: a field that an
agent does not know is ignored, and every new one has a default that means what was so before.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from andon_wire.errors import Malformed

MOST_BYTES = 1 << 20
AGENT_UNIT = "agent"  # the unit that is the agent itself


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Health(_Part):
    """How the agent knows that a version works.

    reported: the application says so itself, over the agent's local interface; http: `url` answers 2xx;
    alive: its process lives for `settle_s`.
    """

    kind: Literal["reported", "http", "alive"] = "reported"
    url: str = ""
    deadline_s: float = Field(60.0, gt=0)
    settle_s: float = Field(5.0, ge=0)


class CrashLoop(_Part):
    """So many deaths within so long mean that a version does not work."""

    deaths: int = Field(3, ge=1)
    within_s: float = Field(120.0, gt=0)


class SafePoint(_Part):
    """When a running version may be ended for another.

    always: at any time; asked: when the application says yes over the agent's local interface; http: when
    `url` answers JSON whose `is_safe` is true. Past `deadline_s` after the new version is ready it is
    switched anyway, unless that is 0: then never.
    """

    kind: Literal["always", "asked", "http"] = "asked"
    url: str = ""
    deadline_s: float = Field(0.0, ge=0)


class Data(_Part):
    """What the application keeps, relative to its data folder.

    is_restored: whether its copy from before the switch comes back with the old version.
    """

    kind: Literal["sqlite", "folder"]
    path: str
    is_restored: bool = True


class Application(_Part):
    """The whole contract. In `command`, `env` and urls are filled in: {slot} the version's folder, {data} its
    data folder, {version}, {agent} the address of the agent's local interface, {token} its token.
    """

    format: Literal["andon-application/1"] = "andon-application/1"
    unit: str
    version: str
    platform: str  # such as linux-x86_64
    command: list[str] = Field(min_length=1)
    env: dict[str, str] = {}
    stop_s: float = Field(10.0, ge=0)  # longest to wait after asking it to end, before it is ended
    health: Health = Health()
    crash_loop: CrashLoop = CrashLoop()
    safe_point: SafePoint = SafePoint()
    data: dict[str, Data] = {}
    is_agent: bool = False  # the agent's own release: switched last, and by itself


def encode(application: Application) -> bytes:
    """Its JSON, the same bytes for the same value."""
    return (application.model_dump_json(indent=1) + "\n").encode()


def decode(content: bytes) -> Application:
    """The contract in `content`.

    Raises:
        Malformed: it is none.
    """
    if len(content) > MOST_BYTES:
        raise Malformed("bad-application", f"an application.json of {len(content)} bytes")
    try:
        return Application.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Malformed("bad-application", f"application.json: {where}: {first['msg']}") from error
