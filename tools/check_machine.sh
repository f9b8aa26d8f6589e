#!/bin/sh
# Says in plain words what a machine lacks before anything is installed. Needs no Python.
set -u
python=${PYTHON:-python3.11}
missing=0

lacks() {
    printf 'Shortlist needs %s.\n    On Debian or Ubuntu: %s\n' "$1" "$2" >&2
    missing=1
}

if ! command -v "$python" >/dev/null 2>&1; then
    lacks "Python 3.11 (looked for \"$python\"; another name: make PYTHON=/path/to/python3.11)" \
        "apt-get install python3.11"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    lacks "Python 3.11 or newer (\"$python\" is $("$python" --version 2>&1))" "apt-get install python3.11"
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        lacks "Python's venv and pip" "apt-get install python3.11-venv"
    "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
        lacks "Python's header files" "apt-get install python3.11-dev"
fi

if ! { command -v cc || command -v gcc || command -v clang; } >/dev/null 2>&1; then
    lacks "a C compiler" "apt-get install gcc libc6-dev"
elif ! printf '#include <stdlib.h>\nint main(void) { return 0; }\n' |
    { "$(command -v cc || command -v gcc || command -v clang)" -x c - -o /dev/null; } >/dev/null 2>&1; then
    lacks "the C library's header files" "apt-get install libc6-dev"
fi
exit "$missing"
