"""Everything that can be set from outside, with its unit, default and consequence. Read in `app.py` only."""

from datetime import time, timedelta
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _database(value: object) -> str:
    database = str(value)
    if "://" in database and not database.startswith(("postgresql://", "postgres://")):
        raise ValueError("it is neither a path nor postgresql://user@host/name")
    return database


def _networks(value: str) -> str:
    for each in filter(None, value.split(",")):
        ip_network(each.strip())
    return value


class Settings(BaseSettings):
    """Environment variables with the prefix ANDON_MES_."""

    model_config = SettingsConfigDict(env_prefix="ANDON_MES_", env_file=None)

    database: Annotated[str, BeforeValidator(_database)] = Field(
        default="mes.db",
        description="The path of a SQLite file, or the URL of a PostgreSQL database (postgresql://user@host/"
        "name). Several instances, also of two releases, may share it.",
    )
    owner_database: Annotated[str, BeforeValidator(_database)] | None = Field(
        default=None,
        description="PostgreSQL: the same database as its owner, with which `andon-mes migrate` connects. It "
        "grants the user of `database` what serving needs, so that the application can change no record.",
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
    clock_tolerance: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(0),
        description="How far ahead of this machine's a station's clock may be. A later time is taken and "
        "marked (clock_ahead), and its cycle time is unknown.",
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
    most_requests_at_once: int = Field(
        default=100,
        ge=1,
        description="Requests of the API under way at once. The next wait their turn, up to 15 s; past "
        "that, or with 20 waiting for each place, the answer is 503, retryable.",
    )
    most_body_bytes: int = Field(
        default=1_048_576,
        ge=1024,
        description="The longest document a client may send, in bytes; past it 413.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="File with 32 bytes or more that sign the tokens of sign-ins, mode 0600, shared by the "
        "instances. Beside a SQLite file it is made when first needed; with PostgreSQL it must be named.",
    )
    token_age: timedelta = Field(
        default=timedelta(minutes=60),
        description="How long somebody who signed in is known before the sign-in must be renewed.",
    )
    sign_in_idle: timedelta = Field(
        default=timedelta(hours=12), description="A sign-in that is not renewed for so long is over."
    )
    sign_in_most: timedelta = Field(
        default=timedelta(days=7), description="After so long a password is asked for, however often renewed."
    )
    wrong_passwords: int = Field(
        default=5, ge=1, le=100, description="Wrong passwords in a row after which a name is locked."
    )
    locked_for: timedelta = Field(
        default=timedelta(minutes=15),
        description="How long a name is locked; each further wrong password doubles it, up to a day.",
    )
    sign_ins_per_minute: int = Field(
        default=20, ge=1, le=10_000, description="Tries to sign in that one address has in a minute."
    )
    access_log_days: int = Field(
        default=90,
        ge=30,
        le=36_500,
        description="How many days of access records are kept; nothing else that the MES writes is deleted.",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        default="127.0.0.0/8,::1/128",
        description="Networks, by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed: Andon's "
        "gateway stands on the loopback. Empty: nobody's.",
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR."
    )
    release: str = Field(
        default_factory=lambda: version("andon-mes"),
        description="The release that serves; the package's own version unless a test says otherwise.",
    )
