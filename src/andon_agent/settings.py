"""What a person says of an agent: `agent.toml` in its home. What enrolment found is in identity/.

control = "https://andon.plant.example:8443"
ca = "ca.pem"                       # only what this authority signed is believed; else the system's
certificate = "client.pem"          # mutual TLS, where the plant wants it
key = "client.key"
registries = ["/media/usb/registry", "https://mirror.line-1.example/registry"]   # asked first
nudge_s = 50                        # how long a question stays open; 0 asks by interval alone
bandwidth = 500000                  # bytes a second at most, whatever the plant says; 0: as it says
port = 0                            # of the local interface; 0: a free one, kept from then on
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from andon_wire.errors import Malformed, Missing

NAME = "agent.toml"
_MOST_BYTES = 64 << 10


class Settings(BaseModel):
    """See above. Paths are relative to the home."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    registries: list[str] = Field([], max_length=16)
    nudge_s: float = Field(50.0, ge=0, le=300)
    bandwidth: int = Field(0, ge=0)
    port: int = Field(0, ge=0, le=65535)

    @field_validator("control")
    @classmethod
    def _is_address(cls, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is written https://host:port")
        return text.rstrip("/")


def decode(content: bytes, home: Path) -> Settings:
    """The settings in `content`, with paths made absolute.

    Raises:
        Malformed: they are none; the sentence names the field.
    """
    try:
        if len(content) > _MOST_BYTES:
            raise Malformed("bad-settings", f"{NAME} is longer than 64 KiB")
        found = Settings.model_validate(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("bad-settings", f"{NAME} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Malformed(
            "bad-settings",
            f"{NAME}: {where}: {first['msg']}",
            hint=f"correct {home / NAME}; docs/operations/agent.md has each field",
        ) from error
    paths = {name: _absolute(getattr(found, name), home) for name in ("ca", "certificate", "key")}
    return found.model_copy(update=paths)


def load(home: Path) -> Settings:
    """The settings of a home.

    Raises:
        Missing: there are none.
        Malformed: they cannot be read.
    """
    try:
        content = (home / NAME).read_bytes()
    except FileNotFoundError as error:
        raise Missing(
            "not-enrolled",
            f"there is no {home / NAME}: this machine is no station yet",
            hint="andon-agent enrol --url https://... --token-file FILE",
        ) from error
    return decode(content, home)


def first(control: str, files: Mapping[str, Path]) -> bytes:
    """The file that enrolment writes where there is none. files: `ca`, `certificate`, `key`, where given."""
    lines = [f"control = {_text(control)}"] + [f"{name} = {_text(str(each))}" for name, each in files.items()]
    return ("\n".join(lines) + "\n").encode()


def renewed(content: bytes, control: str, files: Mapping[str, Path]) -> bytes:
    """The file of a machine that was enrolled anew: what was said then, all else as a person wrote it."""
    said = {"control": control, **{name: str(each) for name, each in files.items()}}
    lines = content.decode("utf-8", "replace").rstrip().split("\n")
    for number, line in enumerate(lines):
        name = line.partition("=")[0].strip().strip("\"'")
        if name in said:
            lines[number] = f"{name} = {_text(said.pop(name))}"
    return "\n".join([*(f"{name} = {_text(each)}" for name, each in said.items()), *lines, ""]).encode()


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _absolute(path: Path | None, home: Path) -> Path | None:
    return home / path if path is not None else None
