"""Every setting of Andon, each with unit, default and consequence. Read by the composition root only.

Set them as environment variables (`ANDON_PORT=8500`, `ANDON_GATEWAY__ENVOY=/usr/bin/envoy`) or in
`andon.env` in the home folder. `docs/reference/settings.md` is generated from here.
"""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseModel):
    """The Envoy in front of the units."""

    envoy: Path | None = Field(
        None, description="Envoy program, 1.30 or newer; unset: one on the PATH, else the installed wheel's"
    )
    scrape: timedelta = Field(
        timedelta(milliseconds=200),
        description="Time between two readings of Envoy's counters; shorter catches harm earlier, for CPU",
    )
    interval: timedelta = Field(
        timedelta(milliseconds=500),
        description="Time between two looks at the desired routes when nothing woke the loop",
    )


class LocalTargetSettings(BaseModel):
    """Processes on this machine."""

    interval: timedelta = Field(
        timedelta(milliseconds=500), description="Time between two looks at the instances"
    )
    first_port: int = Field(20000, ge=1024, le=65535, description="First port that instances may take")
    last_port: int = Field(29999, ge=1024, le=65535, description="Last port that instances may take")
    crash_loop_restarts: int = Field(
        5, ge=1, description="Deaths within the crash-loop window that make a crash loop"
    )
    crash_loop_window: timedelta = Field(timedelta(minutes=2), description="The crash-loop window")


class PipelineSettings(BaseModel):
    """Where source becomes a release."""

    parallel_stages: int = Field(2, ge=1, le=32, description="Stages that may run at once on this machine")
    find_links: list[str] = Field(
        [], description="Folders of wheels to use beside the package index; all that a closed network has"
    )
    use_index: bool = Field(True, description="Whether a build may ask the configured package index")


class RolloutSettings(BaseModel):
    """Moving releases into environments."""

    interval: timedelta = Field(
        timedelta(milliseconds=250), description="Time between two looks at a rollout that is under way"
    )
    lease: timedelta = Field(
        timedelta(seconds=3), description="After so long without a sign of life another process takes over"
    )


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", env_nested_delimiter="__", extra="ignore")

    home: Path = Field(Path(".andon"), description="Folder with everything that Andon keeps")
    host: str = Field(
        "127.0.0.1",
        description="Address of API and board; until access control exists only the loopback is allowed",
    )
    port: int = Field(8460, ge=1, le=65535, description="Port of API and board")
    database_url: str = Field("", description="postgresql://user@host/name; empty: SQLite in the home folder")
    log_level: str = Field("INFO", description="Lowest level that is logged: DEBUG, INFO, WARNING, ERROR")
    gateway: GatewaySettings = GatewaySettings()
    local: LocalTargetSettings = LocalTargetSettings()
    pipelines: PipelineSettings = PipelineSettings()
    rollouts: RolloutSettings = RolloutSettings()

    def database(self) -> str:
        """URL of the database in force."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'andon.db'}"


def load(home: Path | None = None) -> Settings:
    """Settings from the environment and from `andon.env` in `home`; `home` wins over the environment."""
    first = Settings() if home is None else Settings(home=home)
    return Settings(home=first.home, _env_file=first.home / "andon.env")
