from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.handlers.messages import Reason, ReasonKind, RecommendedItem, RecommendReply, ServedBy, SourceKind
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.recording_use_cases import RecordingUseCases

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def test_the_guides_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    reason = Reason(ReasonKind.SIMILAR_TO_HISTORY, related_item_id="lamp")
    item = RecommendedItem("shade", 0.5, 0, (SourceKind.COLLABORATIVE,), reason)
    use_cases = RecordingUseCases(
        reply=RecommendReply("r1", (item,), ServedBy.LOCAL_MODEL, "v1", "m1", "HOME")
    )
    server = build_server(
        PublicUseCases(use_cases, use_cases, use_cases, use_cases), ServerOptions(threads=2)
    )
    server.start()
    server.open()
    try:
        # A loaded machine may take longer than the deadlines that the guide recommends.
        code = re.sub(r"timeout=[0-9.]+", "timeout=10", example)
        exec(compile(code.replace("127.0.0.1:50051", f"127.0.0.1:{server.port}"), str(GUIDE), "exec"), {})
    finally:
        server.drain(0)
    assert [name for name, _ in use_cases.calls] == ["recommend", "write_impressions", "write_events"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        " 0 shade        0.500 REASON_KIND_SIMILAR_TO_HISTORY lamp",
        "user_id FIELD_MISSING is required where there is no session_id",
        "num_items FIELD_OUT_OF_RANGE is negative",
    ]
