"""How a release fared where it was: whether stations may be sent to it at once. Pure."""

from andon.fleet.reports.model import Tally
from andon.kernel.ids import Version


def failed(version: Version, tally: Tally) -> str:
    """That more installs of it failed than were confirmed, as a sentence; empty where they did not."""
    if tally.installs_failed <= tally.installs_ok:
        return ""
    return (
        f"{version} failed in the field: {tally.installs_failed} of its installs failed, "
        f"{tally.installs_ok} were confirmed"
    )
