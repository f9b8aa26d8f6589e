#!/bin/sh
# Every check that needs no running server, each named, all of them run even when one fails.
set -u
cd "$(dirname "$0")/.."
bin=$(dirname "${PYTHON:-.venv/bin/python}")
# cython-lint starts pycodestyle by its bare name.
PATH="$(cd "$bin" && pwd):$PATH"
export PATH
failed=""

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$name"
    else
        printf 'FAILED  %s\n%s\n\n' "$name" "$output"
        failed="$failed $name"
    fi
}

check format "$bin/ruff" format --check .
check lint "$bin/ruff" check .
check types "$bin/mypy"
check kernels-lint "$bin/cython-lint" ext
check proto-lint "$bin/buf" lint
check proto-format "$bin/buf" format --diff --exit-code
check proto-breaking "$bin/buf" breaking --against proto/baseline.binpb
for language in python go java typescript; do
    if missing=$(sh tools/client_toolchain.sh "$language"); then
        check "$language-client-fresh" env PYTHON="$bin/python" sh tools/check_clients.sh "$language"
    else
        printf 'left    %s-client-fresh: %s\n' "$language" "$missing"
    fi
done
check api-page-fresh "$bin/python" tools/api_calls.py --check
check import-directions "$bin/python" -m pytest -q tests/test_import_directions.py

if [ -n "$failed" ]; then
    printf '\nFailed:%s\n' "$failed" >&2
    exit 1
fi
printf '\nAll checks passed.\n'
