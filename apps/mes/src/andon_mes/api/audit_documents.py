"""Audit records as the API shows them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class AuditShown(BaseModel):
    """One change of one row. `old_data` is null for one that was made, `new_data` for one taken away."""

    id: int
    table_name: str
    record_id: str
    action: Literal["INSERT", "UPDATE", "DELETE"]
    old_data: dict[str, Any] | None
    new_data: dict[str, Any] | None
    changed_by: str
    changed_at: datetime
    ip_address: str | None
    user_agent: str | None


class AuditPage(BaseModel):
    """A page of them, and how many there are."""

    records: list[AuditShown]
    page: int
    page_size: int
    total: int
