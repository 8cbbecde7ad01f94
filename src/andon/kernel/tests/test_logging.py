"""Logs are JSON in a file, one object a line."""

import json
import logging as stdlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.kernel import logging


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = stdlib.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.asvs("16.2.3", "16.2.4", "16.4.1")
def test_a_file_gets_one_json_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "andon.log"
    logging.configure(file=path)
    logging.get("test").info("share changed", unit="mes", text="직행률")
    try:
        raise ValueError("broken")
    except ValueError as error:
        logging.get("test").error("loop failed", exc_info=error)
    stdlib.getLogger("vendor").warning("foreign %s", "words")
    first, second, third = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["unit"], first["text"], first["level"]) == (
        "share changed",
        "mes",
        "직행률",
        "info",
    )
    assert "ValueError: broken" in second["exception"]
    assert third["event"] == "foreign words"


def test_quiet_levels_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "andon.log"
    logging.configure(level="WARNING", file=path)
    logging.get("quiet").info("not told")
    assert path.read_text() == ""
