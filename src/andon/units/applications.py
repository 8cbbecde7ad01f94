"""What the manifest says of an application: how it is frozen for a platform, and how a station runs it.

An application has no instances behind the gateway: each station of a fleet runs one, seen to by its agent.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from andon.units.fields import Duration, InnerPath, Interval, Section


def _pair(value: str) -> str:
    source, colon, place = value.partition(":")
    if not (source and colon and place) or any(".." in each.split("/") for each in (source, place)):
        raise ValueError('write source and place in the bundle, such as "assets:assets"')
    return value


def _module(value: str) -> str:
    if not all(part.isidentifier() for part in value.split(".")):
        raise ValueError("write the name of a module, such as PySide6.QtSvg")
    return value


Module = Annotated[str, AfterValidator(_module)]


class Bundle(Section):
    """How the application is frozen by PyInstaller (onedir) for the platform that builds it."""

    entry: InnerPath = Field(description="Script that starts it, relative to the manifest")
    requirements: InnerPath = Field(
        "requirements-build.lock",
        description="Hashed list of what freezes it, PyInstaller above all, relative to the manifest",
    )
    data: list[Annotated[str, AfterValidator(_pair)]] = Field(
        [], max_length=200, description='Files that go along, as "source:place in the bundle"'
    )
    hidden_imports: list[Module] = Field(
        [], max_length=200, description="Modules that are imported by name only"
    )
    excludes: list[Module] = Field([], max_length=200, description="Modules that stay out")
    remove: list[InnerPath] = Field(
        [],
        max_length=200,
        description="Patterns of files that are taken out of the frozen folder, such as "
        "_internal/PySide6/Qt/translations/*",
    )
    windowed: bool = Field(True, description="Without a console window (Windows)")
    timeout: Interval = Field(timedelta(minutes=15), description="Longest that freezing and packing may take")


def _safe_point(said: dict[str, Any]) -> Literal["always", "asked"]:
    """What holds where nothing is said: who does not talk to the agent is not waited for, for ever."""
    return "asked" if said.get("health") == "reported" or said.get("safe_point_deadline") else "always"


class Application(Section):
    """How a station's agent runs it, and how it knows that a version works."""

    health: Literal["reported", "http", "alive"] = Field(
        "reported",
        description="reported: the application says itself that it is healthy, to the agent; http: "
        "`health_url` answers 2xx; alive: its process lives for `settle`",
    )
    health_url: str = Field("", max_length=500, description="Address on the station that is asked (http)")
    deadline: Interval = Field(
        timedelta(seconds=60),
        description="Longest until a new version is healthy; then the former one comes back",
    )
    settle: Duration = Field(
        timedelta(seconds=5), description="How long it must stay healthy to be confirmed"
    )
    crashes: int = Field(3, ge=1, le=100, description="So many deaths within `crash_window` are a crash loop")
    crash_window: Interval = Field(timedelta(minutes=2), description="See `crashes`")
    safe_point_deadline: Duration = Field(
        timedelta(), description="Longest to wait for a safe point; then it is ended anyway; 0s: never"
    )
    safe_point: Literal["always", "asked", "http"] = Field(
        default_factory=_safe_point,
        description="When it may be ended for another version; always: at any time; asked: when it says so "
        "to the agent; http: when `safe_point_url` answers JSON whose is_safe is true. Not said: asked where "
        "`health` is reported or a `safe_point_deadline` is said, else always",
    )
    safe_point_url: str = Field("", max_length=500, description="Address on the station that is asked (http)")

    @model_validator(mode="after")
    def _says_whom_to_ask(self) -> Self:
        for kind, url, name in (
            (self.health, self.health_url, "health"),
            (self.safe_point, self.safe_point_url, "safe_point"),
        ):
            if (kind == "http") != bool(url):
                raise ValueError(f'`{name} = "http"` and `{name}_url` go together')
            if url and not url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
                raise ValueError(f"`{name}_url` is asked on the station: write http://127.0.0.1:<port>/...")
        return self
