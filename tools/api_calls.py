"""Writes the calls of docs/api.md from files that are tested: tests/clients/calls.json and each client's tour.

python tools/api_calls.py            writes the page
python tools/api_calls.py --check    fails where the page is not what would be written
python -m tests.support.client_lab python -m tools.api_calls --record    takes the answers of a live server first
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "api.md"
CALLS = REPOSITORY / "tests" / "clients" / "calls.json"
BEGIN, END = "<!-- calls: written by tools/api_calls.py -->", "<!-- end of calls -->"
TOURS = {
    "Python": ("python", "tests/clients/test_python_tour.py"),
    "Go": ("go", "clients/go/tour_test.go"),
    "Java": ("java", "clients/java/src/test/java/shortlist/client/TourTest.java"),
    "TypeScript": ("ts", "clients/typescript/src/test/tour.test.ts"),
}
_SNIPPET = re.compile(r"^[ \t]*(?:#|//) snippet: (\w+)\n(.*?)^[ \t]*(?:#|//) end$", re.DOTALL | re.MULTILINE)


def snippets(path: Path) -> dict[str, str]:
    """Returns a tour's snippets by RPC, without their indentation."""
    text = path.read_text(encoding="utf-8").expandtabs(4)
    return {name: textwrap.dedent(code).rstrip() for name, code in _SNIPPET.findall(text)}


def render(calls: dict[str, dict[str, Any]]) -> str:
    """Returns the section: each RPC with grpcurl's request and answer, and the call in each language."""
    tours = {language: (fence, snippets(REPOSITORY / path)) for language, (fence, path) in TOURS.items()}
    parts = [BEGIN]
    for name, call in calls.items():
        port = 50052 if call["service"] == "ReleaseService" else 50051
        command = f"grpcurl -plaintext -d '{json.dumps(call['request'])}' \\\n"
        command += f"  127.0.0.1:{port} shortlist.v1.{call['service']}/{name}"
        parts.append(f"### {name}\n\n```sh\n{command}\n```")
        parts.append(f"```json\n{json.dumps(call['answer'], indent=1)}\n```")
        parts.append("<details><summary>In Python, Go, Java and TypeScript</summary>")
        parts += [f"```{fence}\n{found[name]}\n```" for fence, found in tours.values()]
        parts.append("</details>")
    return "\n\n".join([*parts, END])


def record() -> dict[str, dict[str, Any]]:
    """Returns the calls with the answers that the lab's server gives now."""
    from tests.support.api_calls import documented_calls, make_calls

    answers = make_calls(os.environ)
    return {name: {**call, "answer": answers[name]} for name, call in documented_calls().items()}


def main() -> int:
    """Writes or checks the page; returns the exit code."""
    if "--record" in sys.argv:
        CALLS.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    fresh = before + render(json.loads(CALLS.read_text(encoding="utf-8"))) + rest.split(END)[1]
    if "--check" in sys.argv:
        if fresh != page:
            print("docs/api.md is stale: run `make clients` and commit the result.", file=sys.stderr)
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
