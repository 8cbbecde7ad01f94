"""What is stored, counted: releases, what was revoked or collected, artifacts, bytes."""

from andon.kernel.ids import Sha256
from andon.releases.mirroring.model import TargetFile
from andon.releases.stock import UnitStock, stock


def files(unit, version, *names, size_bytes=10):
    return [
        TargetFile(unit, version, each, f"targets/{each}", Sha256("0" * 64), size_bytes) for each in names
    ]


def test_each_unit_is_counted_for_itself():
    found = stock(
        [
            *files("mes", "1.0.0", "release.json", "revoked.json", "sbom.json"),
            *files("mes", "1.1.0", "release.json", "wheelhouse.tar", "sbom.json", size_bytes=100),
            *files("mes", "0.9.0", "collected.json"),
            *files("bench", "2.0.0", "release.json"),
        ]
    )
    assert found == (
        UnitStock("bench", releases=1, revoked=0, collected=0, artifacts=0, size_bytes=10),
        UnitStock("mes", releases=2, revoked=1, collected=1, artifacts=3, size_bytes=340),
    )


def test_an_empty_registry_holds_no_unit():
    assert stock([]) == ()
