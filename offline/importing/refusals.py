"""The error of an import."""

from __future__ import annotations

from server.errors import ShortlistError


class ImportRefused(ShortlistError):
    """A file, a mapping or a column is wrong, so that no row could be right. Names the place."""

    reason = "IMPORT_REFUSED"
