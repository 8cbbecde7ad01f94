"""The trees that are measured: real frozen applications, made once and kept in a folder.

Linux: a PySide6 and NumPy application as a PyInstaller onedir folder, frozen in a venv of its own for each
set of versions. Windows: the unpacked wheels that such a folder consists of, as nothing here freezes for
Windows. Everything comes from the index that pip is configured for.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.delta import station

PYINSTALLER = "6.16.0"
PARTS = ("QtNetwork", "QtOpenGLWidgets", "QtQuick", "QtSvg", "QtTest")  # that a station uses beside widgets


@dataclass(frozen=True, slots=True)
class Versions:
    """What a bundle is made of. application: 1 or 2, of `station.py`."""

    qt: str
    numpy: str
    application: int = 1

    @property
    def name(self) -> str:
        """Of the bundle's folder."""
        return f"qt-{self.qt}-numpy-{self.numpy}-application-{self.application}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two trees, and what changed between them."""

    name: str
    old: Callable[[Path], Path]  # from the folder that keeps bundles to the tree, made where it is not there
    new: Callable[[Path], Path]


BASE = Versions("6.9.2", "2.3.4")
PATCHED = Versions("6.9.3", "2.3.5")
EARLIER = Versions("6.8.3", "2.2.6")


def linux(versions: Versions) -> Callable[[Path], Path]:
    """A frozen application for this machine."""
    return lambda kept: _once(kept / "linux" / versions.name, lambda into: _freeze(kept, versions, into))


def windows(versions: Versions) -> Callable[[Path], Path]:
    """What a frozen application for Windows consists of: its libraries, unpacked, and the application."""
    return lambda kept: _once(kept / "windows" / versions.name, lambda into: _unpack(kept, versions, into))


PAIRS = (
    Pair("app", linux(BASE), linux(Versions(BASE.qt, BASE.numpy, 2))),
    Pair("patch", linux(BASE), linux(PATCHED)),
    Pair("minor", linux(EARLIER), linux(BASE)),
    Pair("windows-patch", windows(BASE), windows(PATCHED)),
    Pair("windows-minor", windows(EARLIER), windows(BASE)),
)


def _once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder; it is made under another name first, so that it is whole or not there."""
    if not folder.exists():
        making = folder.with_name(f"{folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        making.parent.mkdir(parents=True, exist_ok=True)
        print(f"making {folder.name} ({folder.parent.name})", file=sys.stderr, flush=True)
        make(making)
        making.replace(folder)
    return folder


def environment(folder: Path, packages: list[str]) -> Path:
    """The interpreter of a venv of its own with these packages; made where it is not there."""

    def make(making: Path) -> None:
        # It is moved afterwards: its scripts will name no interpreter, but its interpreter does not care.
        venv.create(making, with_pip=False, symlinks=True)
        _pip("install", "--python", str(making / "bin" / "python"), *packages)

    return _once(folder, make) / "bin" / "python"


def _pip(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", *_global(arguments), "--quiet", "--disable-pip-version-check"],
        check=True,
    )


def _global(arguments: tuple[str, ...]) -> list[str]:
    """`--python` stands before pip's command."""
    if "--python" not in arguments:
        return list(arguments)
    at = arguments.index("--python")
    return ["--python", arguments[at + 1], *arguments[:at], *arguments[at + 2 :]]


def _wanted(versions: Versions) -> list[str]:
    return [
        f"PySide6-Essentials=={versions.qt}",
        f"shiboken6=={versions.qt}",
        f"numpy=={versions.numpy}",
    ]


def _freeze(kept: Path, versions: Versions, into: Path) -> None:
    python = environment(
        kept / "venvs" / f"qt-{versions.qt}-numpy-{versions.numpy}",
        [*_wanted(versions), f"pyinstaller=={PYINSTALLER}"],
    )
    work = kept / "work"
    shutil.rmtree(work, ignore_errors=True)
    main = station.write(work / "source", versions.application)
    subprocess.run(
        [
            python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "--name", "station",
            *(f"--hidden-import=PySide6.{each}" for each in PARTS),
            "--add-data", f"{work / 'source' / 'data'}:data",
            "--distpath", work / "dist", "--workpath", work / "build", "--specpath", work, main,
        ],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1767225600"},
    )  # fmt: skip
    shutil.move(work / "dist" / "station", into)
    shutil.rmtree(work)


def _unpack(kept: Path, versions: Versions, into: Path) -> None:
    wheels = kept / "wheels" / versions.name
    _pip(
        "download", "--dest", str(wheels), "--no-deps", "--only-binary", ":all:", "--platform", "win_amd64",
        "--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3",
        *_wanted(versions),
    )  # fmt: skip
    for each in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(each) as wheel:
            wheel.extractall(into)
    station.write(into / "application", versions.application)
