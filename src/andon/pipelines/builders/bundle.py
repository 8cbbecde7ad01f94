"""The `bundle` builder: PyInstaller's command for what a manifest says. Pure; `stages/bundle.py` runs it."""

import os
from collections.abc import Mapping
from pathlib import Path

from andon.units.applications import Bundle
from andon.units.model import Manifest
from andon_wire import application as wire
from andon_wire.application import Application

# PyInstaller writes no time into what it makes where this is set, and its set order follows the hash seed.
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "315532800", "PYTHONHASHSEED": "0"}
FROZEN, SCRATCH = "frozen", "scratch"


def command(name: str, bundle: Bundle, tree: Path, work: Path) -> list[str]:
    """What freezes the application `name` in `tree` into the folder `<work>/frozen/<name>`."""
    made = ["python", "-m", "PyInstaller", "--noconfirm", "--onedir", "--log-level", "WARN", "--name", name]
    made += ["--distpath", str(work / FROZEN), "--workpath", str(work / SCRATCH), "--specpath", str(work)]
    made += ["--windowed"] if bundle.windowed else ["--console"]
    for each in bundle.data:
        source, _, place = each.partition(":")
        made += ["--add-data", f"{tree / source}{os.pathsep}{place}"]
    made += [word for each in bundle.hidden_imports for word in ("--hidden-import", each)]
    made += [word for each in bundle.excludes for word in ("--exclude-module", each)]
    return [*made, str(tree / bundle.entry)]


def remove(patterns: list[str], folder: Path) -> int:
    """Take out of a frozen folder what no one needs; gives how many files went."""
    gone = 0
    for each in sorted({found for pattern in patterns for found in folder.glob(pattern)}):
        if each.is_file() or each.is_symlink():
            each.unlink()
            gone += 1
    return gone


def application_of(manifest: Manifest, version: str, platform: str) -> Application:
    """What a station's agent has to know of the release, out of its manifest."""
    asked = manifest.application
    return Application(
        unit=manifest.unit.name,
        version=version,
        platform=platform,
        command=list(manifest.run.command),
        env=dict(manifest.run.env),
        stop_s=manifest.drain.timeout.total_seconds(),
        health=wire.Health(
            kind=asked.health,
            url=asked.health_url,
            deadline_s=asked.deadline.total_seconds(),
            settle_s=asked.settle.total_seconds(),
        ),
        crash_loop=wire.CrashLoop(deaths=asked.crashes, within_s=asked.crash_window.total_seconds()),
        safe_point=wire.SafePoint(
            kind=asked.safe_point,
            url=asked.safe_point_url,
            deadline_s=asked.safe_point_deadline.total_seconds(),
        ),
        data=_kept(manifest),
        is_agent=manifest.unit.name == wire.AGENT_UNIT,
    )


def _kept(manifest: Manifest) -> Mapping[str, wire.Data]:
    return {
        name: wire.Data(kind=each.kind, path=each.path, is_restored=each.restored)
        for name, each in manifest.data.items()
        if each.kind != "postgresql" and each.path is not None
    }
