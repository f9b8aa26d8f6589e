"""The caller's local time, as text without a zone."""

from __future__ import annotations

import re
from datetime import datetime

# datetime.fromisoformat takes much more than the contract promises (weeks, zones, no dashes), so the form is
# fixed here and only the values are left to it.
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?")


def parse_local_time(text: str) -> datetime | None:
    """Returns the naive time, or None where the text is not ``2026-11-22T18:30[:00[.123]]``."""
    if not _FORM.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
