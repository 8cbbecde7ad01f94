"""The `wheel` builder: the unit's own wheel, and the wheels of its dependencies by their locked hashes."""

import importlib.metadata
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from andon.kernel import files
from andon.kernel.errors import InvalidInput, Unavailable
from andon.pipelines import tools
from andon.pipelines.builders.lock import entries
from andon.pipelines.job import PackageSources

# Times inside a wheel: the earliest that a zip file can tell, so that equal sources give equal bytes.
_EPOCH = "315532800"
_NO_ANSWER = ("connection", "timed out", "temporary failure", "503", "502", "name resolution", "retrying")


def uv_program() -> str:
    """The uv that comes with Andon."""
    return str(uv.find_uv_bin())


@dataclass(frozen=True, slots=True)
class Lock:
    """A hashed list of requirements, by the name it has in the unit."""

    name: str
    text: str

    @classmethod
    def read(cls, tree: Path, name: str) -> "Lock":
        """The lock `name` of the unit in `tree`.

        Raises:
            InvalidInput: it is missing.
        """
        try:
            return cls(name, (tree / name).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "no-lock",
                f"{name} is missing or unreadable",
                hint=f"uv export --no-emit-project --no-header -o {name}; empty where nothing is needed",
            ) from error


@dataclass(frozen=True, slots=True)
class WheelBuilder:
    """Builds in `work`, with the environment that a worker has."""

    work: Path
    sources: PackageSources
    environment: Mapping[str, str]

    def own_wheel(self, tree: Path) -> Path:
        """Build the wheel of the project in `tree`.

        Without isolation when this Python has the build backend, so that a closed network is enough;
        else the backend comes from where dependencies come from.

        Raises:
            InvalidInput: it cannot be built; the message ends with what the builder said.
        """
        out = self.work / "own"
        out.mkdir(parents=True)
        environment = {**self.environment, "SOURCE_DATE_EPOCH": _EPOCH, "PYTHONHASHSEED": "0"}
        if _has_backend(tree):
            command = [uv_program(), "build", "--wheel", "--no-build-isolation", "--offline", "--no-config"]
            command += ["--python", sys.executable, "--out-dir", str(out), str(tree)]
        else:
            command = [*_PIP, "wheel", "--no-deps", *self._from(), "--wheel-dir", str(out), str(tree)]
        outcome = tools.run(command, cwd=self.work, environment=environment)
        wheels = list(out.glob("*.whl"))
        if outcome.code or len(wheels) != 1:
            raise InvalidInput("build-failed", f"the wheel cannot be built: {outcome.said}")
        return wheels[0]

    def locked(self, lock: Lock, into: Path) -> list[Path]:
        """Download what `lock` names, each checked against its hashes; wheels only.

        Raises:
            InvalidInput: the lock names something without hash or wheel.
            Unavailable: the index did not answer.
        """
        into.mkdir(parents=True, exist_ok=True)
        if not any(entries(lock.text)):
            return []
        file = into / "requirements.txt"
        files.write(file, lock.text.encode())
        command = [*_PIP, "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--progress-bar", "off", *self._from(), "--dest", str(into), "-r", str(file)]
        outcome = tools.run(command, cwd=self.work, environment=self.environment)
        if outcome.code:
            raise _refusal(lock, outcome)
        return sorted(into.glob("*.whl"))

    def _from(self) -> list[str]:
        found = [part for each in self.sources.find_links for part in ("--find-links", each)]
        return found if self.sources.use_index else [*found, "--no-index"]


_PIP = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "--quiet"]


def _refusal(lock: Lock, outcome: tools.Outcome) -> InvalidInput | Unavailable:
    text = "\n".join(outcome.tail).lower()
    if any(sign in text for sign in _NO_ANSWER):
        return Unavailable("no-index", f"the package index did not answer: {outcome.said}")
    return InvalidInput(
        "bad-lock",
        f"{lock.name}: {outcome.said}",
        hint="in a closed network name folders of wheels in pipelines.find_links",
    )


def _has_backend(tree: Path) -> bool:
    """Whether this Python has all that [build-system] asks for."""
    wanted = tomllib.loads((tree / "pyproject.toml").read_text("utf-8")).get("build-system", {})
    for each in wanted.get("requires", ["setuptools"]):
        try:
            requirement = Requirement(each)
            if not requirement.specifier.contains(
                importlib.metadata.version(requirement.name), prereleases=True
            ):
                return False
        except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
            return False
    return True


def identity_of(wheel: str) -> tuple[str, str]:
    """Normalised project and version of a wheel's file name.

    Raises:
        InvalidInput: it is not the name of a wheel.
    """
    try:
        project, version, _build, _tags = parse_wheel_filename(wheel)
    except InvalidWheelFilename as error:
        raise InvalidInput("bad-wheel", f"{wheel} is not the name of a wheel") from error
    return str(project), str(version)


def environment_of(base: Mapping[str, str], virtual: Path) -> dict[str, str]:
    """`base` with the virtual environment `virtual` first on the path."""
    path = os.pathsep.join([str(virtual / "bin"), base.get("PATH", os.defpath)])
    return {**base, "PATH": path, "VIRTUAL_ENV": str(virtual)}
