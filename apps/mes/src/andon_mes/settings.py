"""Everything that can be set from outside, with its unit, default and consequence. Read in `app.py` only."""

from datetime import time, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _database(value: object) -> str:
    database = str(value)
    if "://" in database and not database.startswith(("postgresql://", "postgres://")):
        raise ValueError("it is neither a path nor postgresql://user@host/name")
    return database


class Settings(BaseSettings):
    """Environment variables with the prefix ANDON_MES_."""

    model_config = SettingsConfigDict(env_prefix="ANDON_MES_", env_file=None)

    database: Annotated[str, BeforeValidator(_database)] = Field(
        default="mes.db",
        description="The path of a SQLite file, or the URL of a PostgreSQL database (postgresql://user@host/"
        "name). Several instances, also of two releases, may share it.",
    )
    plant_code: str = Field(
        default="KR", pattern="^[A-Z0-9]{1,10}$", description="Stands in every lot and serial number."
    )
    plant_zone: ZoneInfo = Field(
        default=ZoneInfo("Asia/Seoul"),
        description="IANA zone of the plant, until the plant has configured its calendar.",
    )
    day_shift_starts: time = Field(
        default=time(8, 0),
        description="Plant time at which shift D begins, until the plant has configured its calendar.",
    )
    night_shift_starts: time = Field(
        default=time(20, 0),
        description="Plant time at which shift N begins, until the plant has configured its calendar.",
    )
    busy_timeout: timedelta = Field(
        default=timedelta(seconds=15),
        description="How long a write waits for another instance's. Past it the answer is 503, retryable.",
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="PEM file (0600) with the plant's key and certificate, made by andon-mes signing-key "
        "create. Without it birth certificates are given unsigned only.",
    )
    durability: str = Field(
        default="FULL",
        pattern="^(FULL|NORMAL)$",
        description="FULL: an answered event survives a power cut. NORMAL: the last moments may be lost.",
    )
    most_body_bytes: int = Field(
        default=1_048_576,
        ge=1024,
        description="The longest document a client may send, in bytes; past it 413.",
    )
    token_age: timedelta = Field(
        default=timedelta(minutes=60),
        description="How long somebody who signed in is known before the sign-in must be refreshed.",
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR."
    )
    release: str = Field(
        default_factory=lambda: version("andon-mes"),
        description="The release that serves; the package's own version unless a test says otherwise.",
    )
