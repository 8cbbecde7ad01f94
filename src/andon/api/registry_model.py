"""What the API says of the registry. Values only; `registry_views.py` makes them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from andon.api.viewing import View

Worry = Literal["none", "soon", "late", "over", "keys"]


class UnitStockView(View):
    """What is signed of a unit. `collected`: versions that were taken out; they stay taken."""

    unit: str
    releases: int
    revoked: int = Field(description="How many of its releases may not be installed any more")
    collected: int
    artifacts: int
    size_bytes: int = Field(description="Of all its files, artifacts and what tells of them")


class RevocationView(View):
    """A release that may not be installed any more; null or empty where its notice does not say it."""

    unit: str
    version: str
    reason: str
    by: str
    at: datetime | None


class KeyView(View):
    """A key of a role. `holder`: empty where it is no person's; `is_here`: its private half is here."""

    key_id: str
    holder: str
    is_here: bool


class RegistryRoleView(View):
    """A role of the registry's metadata: until when it holds, and how many of which keys sign it.

    `worry`: soon is less than a quarter of its life, late less than a twelfth, over run out; keys: it can
    only be signed here, and its keys are not here.
    """

    role: str = Field(examples=["timestamp"])
    version: int
    expires_at: datetime
    threshold: int
    keys: list[KeyView]
    is_offline: bool = Field(description="Fewer of its keys are here than have to sign")
    worry: Worry
    advice: str = Field(description="What to do; empty where there is nothing")


class MissingView(View):
    """Signatures that a part of a request still needs, by the keys of the former or of the next root."""

    part: str
    of: str
    signed: int
    threshold: int
    holders: list[str]


class KeysRequestView(View):
    """A change that waits for the holders of offline keys."""

    reason: str
    by: str
    created_at: datetime
    fingerprint: str
    missing: list[MissingView]


class KeysView(View):
    """Who may sign for the registry."""

    is_development: bool = Field(description="The root's key lies on this machine, unencrypted")
    roles: list[RegistryRoleView]
    waiting: KeysRequestView | None


class KeptView(View):
    """A release that a collection leaves alone; `why` is the rest of a sentence about it."""

    unit: str
    version: str
    why: str = Field(examples=["is stable in production"])


class RefusalView(View):
    """Why nothing would be collected at all."""

    code: str
    detail: str
    hint: str


class CollectionView(View):
    """What a collection would do now, or why it would do nothing. Times in seconds."""

    keep: int = Field(description="The newest releases of each unit that stay whoever needs them")
    grace_s: float = Field(description="How long a new release, and a file that nothing names, is left alone")
    is_automatic: bool = Field(description="It runs once a day by itself")
    releases: list[str] = Field(examples=[["mes@1.0.0"]])
    deltas: list[str]
    freed_bytes: int
    kept: list[KeptView]
    refusal: RefusalView | None


class RegistryView(View):
    """The registry at one moment, half a minute old at most. Strays are files that nothing names any more."""

    at: datetime
    is_following: bool = Field(description="It is signed elsewhere, and brought here")
    releases: int
    artifacts: int
    size_bytes: int
    stray_files: int
    stray_bytes: int
    units: list[UnitStockView]
    revoked: list[RevocationView]
    keys: KeysView | None = Field(description="Null where nothing was brought yet")
    collection: CollectionView


class CollectedView(View):
    """What a collection did. `waiting`: files whose grace is not over.

    `is_pending`: the holders of offline keys were asked to sign it first.
    """

    releases: list[str]
    deltas: list[str]
    freed_bytes: int
    removed: int
    removed_bytes: int
    waiting: int
    is_pending: bool
