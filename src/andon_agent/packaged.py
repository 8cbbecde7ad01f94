"""Which version this program is of."""

from importlib import metadata


def package_version() -> str:
    """Of the package that this is of; empty where it runs from source, or was frozen."""
    for name in ("andon-agent", "andon"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""
