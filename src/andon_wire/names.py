"""How the artifacts of an application's release are called, per platform such as `linux-x86_64`."""

import re
from collections.abc import Collection, Mapping


def bundle_of(platform: str) -> str:
    """The full package."""
    return f"bundle-{platform}.andon"


def delta_of(platform: str, base: str) -> str:
    """What makes the release of the version `base`."""
    return f"delta-{platform}-from-{base}.andon"


def tree_of(platform: str) -> str:
    """The manifest of the release's tree, in its canonical form: its hash is the tree's id."""
    return f"tree-{platform}.json"


def contract_of(platform: str) -> str:
    """What an agent must know to run it."""
    return f"application-{platform}.json"


def bases(names: Collection[str], platform: str) -> Mapping[str, str]:
    """The versions that deltas among `names` start from, each with the delta's name."""
    pattern = re.compile(re.escape(delta_of(platform, "\n")).replace(re.escape("\n"), "(.+)"))
    return {found[1]: name for name in sorted(names) if (found := pattern.fullmatch(name))}
