"""Which shift an instant belongs to, and which date that shift carries."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """The plant's day: two shifts, D and N, in the plant's own time."""

    zone: ZoneInfo
    day_starts: time
    night_starts: time

    def shift_at(self, instant: datetime, wanted: str | None = None) -> tuple[date, str]:
        """Production date and shift of an aware `instant`; those of the shift `wanted`, if one is named.

        A night shift that passes midnight keeps the date it began on (docs/design/mes.md, rule 1). Who asks
        for the other shift before dawn means the day that comes.
        """
        on, shift = self._running_at(instant)
        if wanted in {None, shift}:
            return on, shift
        return instant.astimezone(self.zone).date(), wanted or shift

    def _running_at(self, instant: datetime) -> tuple[date, str]:
        local = instant.astimezone(self.zone)
        if self.day_starts <= local.time() < self.night_starts:
            return local.date(), "D"
        began_yesterday = local.time() < self.day_starts
        return local.date() - timedelta(days=began_yesterday), "N"
