"""Starting something that is not quite an Envoy."""

from pathlib import Path

import pytest

from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Unavailable

_FAKE = """#!/bin/sh
[ "$1" = --version ] && echo 'envoy  version: 0ab/1.40.0/Clean/RELEASE/BoringSSL' && exit 0
echo 'no such luck' >&2
exit 1
"""


def a_program(folder: Path) -> Path:
    path = folder / "fake-envoy"
    path.write_text(_FAKE)
    path.chmod(0o755)
    return path


async def test_an_envoy_that_ends_at_once_is_an_error_with_its_words_and_is_not_started_in_a_hurry(tmp_path):
    envoy = Envoy(EnvoyOptions(tmp_path / "gateway", a_program(tmp_path)), SystemClock())
    with pytest.raises(Unavailable, match="no such luck") as ended:
        await envoy.ensure()
    assert ended.value.code == "gateway-start"
    with pytest.raises(Unavailable) as waits:
        await envoy.ensure()
    assert waits.value.code == "gateway-restarting"
    assert waits.value.retry_after.total_seconds() > 0
    assert envoy.find_running() is None
    await envoy.stop()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "gateway").write_text("in the way")
    envoy = Envoy(EnvoyOptions(tmp_path / "gateway", a_program(tmp_path)), SystemClock())
    with pytest.raises(Unavailable, match="cannot be written") as refused:
        await envoy.ensure()
    assert refused.value.code == "gateway-folder"


async def test_a_silent_gateway_is_unavailable(tmp_path):
    envoy = Envoy(EnvoyOptions(tmp_path / "gateway", a_program(tmp_path)), SystemClock())
    with pytest.raises(Unavailable) as silent:
        await envoy.apply([])
    assert silent.value.code == "gateway-silent"
