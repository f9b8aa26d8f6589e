#!/usr/bin/env bash
# Builds the kernels in one of their special forms, beside the release build, and runs their tests on it.
# usage: tools/test_kernels.sh checked|traced|sanitized
set -euo pipefail
cd "$(dirname "$0")/.."
form=$1
root=$PWD
python=$root/${PYTHON:-.venv/bin/python}
out=$root/build/kernels-$form
case $form in
    checked) export EXT_CHECKED=1 ;;
    traced) export EXT_TRACE=1 ;;
    sanitized) export EXT_SANITIZE=1 ;;
    *) echo "unknown form: $form" >&2; exit 2 ;;
esac

mkdir -p "$out"
echo "building the $form kernels in $out"
EXT_BUILD_DIR=$out/c "$python" setup.py -q build_ext --build-lib "$out/lib" --build-temp "$out/temp" >"$out/build.log" 2>&1 \
    || { tail -30 "$out/build.log"; exit 1; }
cp ext/*.py ext/*.pyx ext/*.pxd "$out/c/ext/"*.c "$out/lib/ext/"

# From inside the build, so that the coverage plugin finds this build's C files and not those of the release build.
cd "$out/lib"
arguments=(-c "$root/pyproject.toml" --rootdir "$root" -o "pythonpath=$out/lib $root" -p no:cacheprovider "$root/tests/ext")
export SHORTLIST_KERNELS=compiled PYTHONPATH=$out/lib PYTHONSAFEPATH=1
if [ "$form" = sanitized ]; then
    # pymalloc would hide overruns; the interpreter itself leaks on purpose.
    export PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1
    export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
fi
"$python" -c "import ext.topk; assert '$out' in ext.topk.__file__, ext.topk.__file__"

if [ "$form" = traced ]; then
    # The tracer of coverage.py in C is the one that Cython's plugin can feed.
    export COVERAGE_FILE=$out/coverage COVERAGE_CORE=ctrace
    "$python" -m coverage run --rcfile="$root/tools/kernel_coverage.ini" -m pytest "${arguments[@]}"
    exec "$python" -m coverage report --rcfile="$root/tools/kernel_coverage.ini"
fi
exec "$python" -m pytest "${arguments[@]}"
