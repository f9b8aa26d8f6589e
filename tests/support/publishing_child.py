"""Publishes and activates release r2 in a process of its own, again and again: `python -m tests.support.publishing_child`.

Each line of its input is a directory with a release r1. It forks for each, prints the child's pid and, once the child has
ended, its exit status. The child stops itself before it begins, so that a tracer can take hold of it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from server.releases.registry import activate
from server.releases.writer import ReleaseContents, ReleaseWriter
from tests.support.small_release import SmallNames, small_contents


def main() -> None:
    """Serves its input until it ends."""
    contents = small_contents(SmallNames.make(12, 3, 2), spare_rows=4, version="r2", parent="r1")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _publish(Path(line.strip()), contents)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _publish(directory: Path, contents: ReleaseContents) -> None:
    """Ends the process with 0, or with 1 after a failure that it noticed."""
    os.kill(os.getpid(), signal.SIGSTOP)
    code = 1
    try:
        ReleaseWriter(directory).write(contents)
        activate(directory, "r2")
        code = 0
    except OSError:
        pass
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
