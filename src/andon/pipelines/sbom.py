"""The bill of materials of a wheelhouse, in CycloneDX. Equal wheels give equal bytes."""

import email.parser
import email.policy
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Sha256

_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # a bill tells of content, not of the moment it was written
_NAMESPACE = uuid.UUID("5c1b6f5e-5a1e-5b0c-9d57-0a1e5c9d0b11")


@dataclass(frozen=True, slots=True)
class Package:
    """What a wheel says of itself."""

    name: str
    version: str
    licence: str
    needs: frozenset[str]
    sha256: Sha256
    file: str


def read(file: Path, name: str, sha256: Sha256) -> Package:
    """The metadata of the wheel in `file`, whose name is `name`.

    Raises:
        InvalidInput: it is not a wheel.
    """
    try:
        with zipfile.ZipFile(file) as wheel:
            inner = next(each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            message = email.parser.BytesParser(policy=email.policy.default).parsebytes(wheel.read(inner))
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        raise InvalidInput("bad-wheel", f"{name} is not a wheel") from error
    needs = frozenset(filter(None, (_needed(str(each)) for each in message.get_all("Requires-Dist", []))))
    return Package(str(message["Name"]), str(message["Version"]), _licence(message), needs, sha256, name)


def _needed(requirement: str) -> str | None:
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return None
    is_wanted = parsed.marker is None or parsed.marker.evaluate({"extra": ""})
    return canonicalize_name(parsed.name) if is_wanted else None


def _licence(message: EmailMessage) -> str:
    if expression := message["License-Expression"]:
        return str(expression)
    marks = [str(each) for each in message.get_all("Classifier", []) if str(each).startswith("License ::")]
    if marks:
        return " AND ".join(sorted(each.rpartition(" :: ")[2] for each in marks))
    first = str(message["License"] or "").strip().split("\n", 1)[0]
    return first if len(first) <= 80 else ""  # some put the whole text there


def render(unit: str, version: str, own: str, packages: Mapping[str, Package]) -> bytes:
    """CycloneDX 1.6 of `packages` by wheel file name; `own` is the unit's wheel."""
    licences = LicenseFactory()
    components = {name: _component(package, licences) for name, package in sorted(packages.items())}
    by_project: dict[str, str] = {canonicalize_name(package.name): name for name, package in packages.items()}
    root = Component(name=unit, version=version, type=ComponentType.APPLICATION, bom_ref=f"{unit}@{version}")
    digest = " ".join(sorted(each.sha256 for each in packages.values()))
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, f"{unit} {version} {digest}"))
    bom.metadata.timestamp = _EPOCH
    bom.metadata.component = root
    for component in components.values():
        bom.components.add(component)
    bom.register_dependency(root, [components[own]])
    for name, package in sorted(packages.items()):
        needs = sorted(by_project[each] for each in package.needs if each in by_project)
        bom.register_dependency(components[name], [components[each] for each in needs])
    return JsonV1Dot6(bom).output_as_string(indent=1).encode()


def _component(package: Package, licences: LicenseFactory) -> Component:
    purl = PackageURL("pypi", name=canonicalize_name(package.name), version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
        licenses=[licences.make_from_string(package.licence)] if package.licence else [],
    )
