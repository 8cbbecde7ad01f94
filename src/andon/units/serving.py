"""What a manifest may ask of the gateway."""

from datetime import timedelta

from pydantic import Field

from andon.units.fields import Interval, Section


class Gateway(Section):
    """How requests reach the instances."""

    sticky: bool = Field(False, description="A session keeps its release by a cookie for the whole rollout")
    session_requests: int = Field(
        1,
        ge=1,
        le=100_000,
        description="Most requests that one session makes; the sample-ratio check counts sessions",
    )
    timeout: Interval = Field(timedelta(seconds=60), description="Longest a request may take")
