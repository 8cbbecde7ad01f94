import pytest

from andon_agent.engine.ports import Named
from andon_agent.engine.ways import cheapest
from andon_wire.errors import Missing, Unreachable

pytestmark = pytest.mark.unit
P = "linux-x86_64"


class Shelf:
    """Releases with the sizes of their containers."""

    def __init__(self, **releases: dict[str, int]) -> None:
        self._releases = {name.replace("_", "."): each for name, each in releases.items()}

    def names(self, version: str) -> dict[str, Named]:
        if version not in self._releases:
            raise Missing("no-release", version)
        found = {}
        for base, size in self._releases[version].items():
            name = f"bundle-{P}.andon" if base == "full" else f"delta-{P}-from-{base}.andon"
            found[name] = Named(name, f"{version}-{base}", size)
        return found

    def way(self, version: str, *have: str) -> list[str]:
        return [each.container.sha256 for each in cheapest(version, have, self.names, P)]


def test_a_direct_delta_is_taken_where_it_is_smaller_than_the_whole() -> None:
    shelf = Shelf(v2={"full": 100, "v1": 10})
    assert shelf.way("v2", "v1") == ["v2-v1"]
    assert Shelf(v2={"full": 100, "v1": 200}).way("v2", "v1") == ["v2-full"]


def test_a_chain_is_taken_where_it_is_smaller_and_stands_in_the_order_of_its_use() -> None:
    shelf = Shelf(v3={"full": 100, "v2": 10, "v1": 40}, v2={"full": 90, "v1": 10})
    assert shelf.way("v3", "v1") == ["v2-v1", "v3-v2"]


def test_of_several_bases_the_one_with_the_fewest_bytes_is_taken() -> None:
    shelf = Shelf(v3={"full": 100, "v2": 10, "v1": 40})
    assert shelf.way("v3", "v1", "v2") == ["v3-v2"]


def test_without_a_base_it_is_the_whole() -> None:
    assert Shelf(v2={"full": 100, "v1": 1}).way("v2") == ["v2-full"]


def test_a_chain_longer_than_is_good_is_no_way() -> None:
    links = {f"v{n}": {"full": 100, f"v{n - 1}": 1} for n in range(2, 9)}
    assert Shelf(**links).way("v8", "v1") == ["v8-full"]
    assert len(Shelf(**links).way("v5", "v1")) == 4


def test_without_a_package_for_this_platform_there_is_no_way() -> None:
    assert Shelf(v2={"v1": 10}).way("v2") == []


def test_a_release_in_between_that_cannot_be_asked_is_no_way_and_the_wanted_one_is_told() -> None:
    shelf = Shelf(v3={"full": 100, "v2": 10})
    assert shelf.way("v3", "v1") == ["v3-full"]

    def silent(version: str) -> dict[str, Named]:
        raise Unreachable("no-network", version)

    with pytest.raises(Unreachable):
        cheapest("v3", [], silent, P)


def test_deltas_that_go_round_in_a_circle_end() -> None:
    assert Shelf(v2={"v3": 1, "full": 50}, v3={"v2": 1, "full": 60}).way("v3", "v1") == ["v3-full"]
