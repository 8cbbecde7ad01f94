"""What the station is told by whoever starts it: its agent, by the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("ko", "en")


@dataclass(frozen=True, slots=True)
class Settings:
    """agent: address of the agent's local interface, empty where none runs; token: what speaks to it.

    language: of the first line of each text, the other one stands below it.
    """

    agent: str = ""
    token: str = ""
    version: str = "0"
    language: str = "ko"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings as `environment`, the process's own, has them.

    Raises:
        ValueError: a value is none that is known.
    """
    language = environment.get("ANDON_STATION_LANGUAGE", "ko")
    if language not in LANGUAGES:
        raise ValueError(f"ANDON_STATION_LANGUAGE is {language!r}; known are {', '.join(LANGUAGES)}")
    return Settings(
        agent=environment.get("ANDON_AGENT", "").rstrip("/"),
        token=environment.get("ANDON_AGENT_TOKEN", ""),
        version=environment.get("ANDON_STATION_VERSION", "0"),
        language=language,
    )
