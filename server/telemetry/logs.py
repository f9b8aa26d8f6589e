"""Log lines: as text or JSON, one a problem a second at most, and nothing in them that came from a user.

The message of an exception may quote what it stumbled over, such as the key that a dictionary lacks. So an exception is
told by its type and its place in the code, and only those of server.errors, which hold no user data, by their message.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Literal

from server.errors import ShortlistError
from server.telemetry.call import current_call

LogFormat = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_PROBLEMS_MAX = 1_000
_CAUSES_MAX = 5


class ProblemLimiter(logging.Filter):
    """Lets a warning or error through once an interval for each logger and template; counts the others.

    The next line of the same problem says how many it stands for. clock: monotonic seconds.
    """

    def __init__(self, interval_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        self.suppressed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether the line is written. Runs under its handler's lock."""
        if record.levelno < logging.WARNING:
            return True
        problem, now_s = (record.name, str(record.msg)), self._clock()
        last_s, waiting = self._seen.get(problem, (float("-inf"), 0))
        if now_s - last_s < self._interval_s:
            self._seen[problem] = (last_s, waiting + 1)
            self.suppressed += 1
            return False
        if problem not in self._seen and len(self._seen) >= _PROBLEMS_MAX:
            self._seen.clear()
        self._seen[problem] = (now_s, 0)
        record.suppressed = waiting
        return True


class TextFormatter(logging.Formatter):
    """One line of text, and an exception's lines below it."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Returns the lines."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record)
        if suppressed := getattr(record, "suppressed", 0):
            line += f" (and {suppressed} more like it)"
        error = record.exc_info[1] if record.exc_info else None
        return "\n".join([line, *_described(error)]) if error is not None else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line. trace_id: of the call at hand, whose trace may or may not be kept."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if suppressed := getattr(record, "suppressed", 0):
            fields["suppressed"] = suppressed
        call = current_call()
        if call is not None:
            fields["trace_id"] = f"{call.trace_id:032x}"
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = list(_described(record.exc_info[1]))
        return json.dumps(fields)


def configure_logs(form: LogFormat) -> None:
    """Makes the process log to the error output in this form, in place of how it logged before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(ProblemLimiter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def lines_suppressed() -> int:
    """Returns how many lines of this process were not written."""
    filters = (one for handler in logging.getLogger().handlers for one in handler.filters)
    return sum(one.suppressed for one in filters if isinstance(one, ProblemLimiter))


def _described(error: BaseException | None) -> Iterator[str]:
    """Yields what was raised and where, then the same of its causes."""
    for _ in range(_CAUSES_MAX):
        if error is None:
            return
        told = f": {error.message}" if isinstance(error, ShortlistError) else ""
        yield f"{type(error).__qualname__}{told}"
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"  at {frame.filename}:{frame.lineno} in {frame.name}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
