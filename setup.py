"""The extensions and how they are compiled; everything else is in pyproject.toml.

Builds: release (no switch); EXT_CHECKED=1 (bounds checked); EXT_TRACE=1 (line coverage); EXT_SANITIZE=1 (ASan and
UBSan); EXT_ANNOTATE=1 writes Cython's HTML beside the sources.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

CHECKED, TRACE, SANITIZE, ANNOTATE = (
    os.environ.get(f"EXT_{name}") == "1" for name in ("CHECKED", "TRACE", "SANITIZE", "ANNOTATE")
)

# Nothing of -ffast-math that could change a result: no errno and no traps, which nobody reads, and no fused
# multiply-add, so that every machine rounds alike. Where a sum needs vectors, _lanes.h writes them out.
COMPILE = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-Wno-unused-function"]
LINK: list[str] = []
MACROS: list[tuple[str, str | None]] = []
if CHECKED:
    # The loops of narrower vectors than this machine may have (_lanes.h), so that they are tested as well.
    MACROS.append(("LANES_MAX", "4"))
if TRACE:
    MACROS += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
if SANITIZE:
    COMPILE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LINK = ["-fsanitize=address,undefined"]

Options.warning_errors = True

extensions = [
    Extension(
        f"ext.{source.stem}",
        [source.as_posix()],
        extra_compile_args=COMPILE,
        extra_link_args=LINK,
        define_macros=MACROS,
        include_dirs=["."],
        depends=[header.as_posix() for header in Path("ext").glob("*.h")],
    )
    for source in sorted(Path("ext").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir=os.environ.get("EXT_BUILD_DIR"),
        force=CHECKED or TRACE or SANITIZE,
        annotate=ANNOTATE,
        compiler_directives={
            "language_level": 3,
            "boundscheck": CHECKED,
            "wraparound": False,
            "initializedcheck": False,
            "nonecheck": False,
            "cdivision": True,
            "linetrace": TRACE,
        },
    )
)
