"""The mark of a dataclass field that came after rows were written and hashed.

Such a field is left out of what is written while it has its default. So an older value that is read, and
written or hashed again, gives the bytes that were signed then.
"""

from collections.abc import Mapping
from typing import Any

LATER: Mapping[str, Any] = {"is_later": True}
