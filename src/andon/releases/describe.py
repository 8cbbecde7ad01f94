"""A release in words, for the command line. No rule lives here."""

from andon.releases.model import Release


def describe(release: Release) -> list[tuple[str, str]]:
    """Label and value of each line that tells a person what `release` is."""
    lines = [
        ("release", release.id),
        ("source", release.source),
        ("run", release.run),
        ("created", release.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")),
    ]
    lines += [
        (each.role.value, f"{each.name}, {size(each.size_bytes)}, sha256 {each.sha256[:12]}")
        for each in sorted(release.artifacts, key=lambda each: each.role.value)
    ]
    return lines


def size(count_bytes: int) -> str:
    """`1.4 MB`; decimal units."""
    amount = float(count_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
