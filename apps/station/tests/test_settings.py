"""The environment is read strictly."""

import pytest
from andon_station.settings import read


def test_what_the_agent_gives_is_read():
    made = read(
        {"ANDON_AGENT": "http://127.0.0.1:9/", "ANDON_AGENT_TOKEN": "t", "ANDON_STATION_VERSION": "1.0"}
    )
    assert (made.agent, made.token, made.version, made.language) == ("http://127.0.0.1:9", "t", "1.0", "ko")


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="known are ko, en"):
        read({"ANDON_STATION_LANGUAGE": "fr"})
