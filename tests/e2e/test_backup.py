"""A copy of a serving server's data becomes a server that knows the same."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

from server.cli.client import recommend_request, user_event
from server.features.event_types import EventType
from server.handlers.messages import CatalogItem
from tests.e2e.conftest import Shop
from tests.support.server_process import REPOSITORY, running_server


def shortlist(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_backup_while_serving_restores_events_and_item_changes(shop: Shop, tmp_path: Path) -> None:
    user_id, bought, hidden = f"user-{uuid.uuid4().hex}", *shop.release.item_ids[:2]
    client = shop.clients[0]
    client.write_events([user_event(uuid.uuid4().hex, bought, EventType.PURCHASE, user_id=user_id)])
    client.upsert_items([CatalogItem(item_id=hidden, hidden=True)])
    copied = shortlist("backup", str(tmp_path / "copy.tar"), "--data-dir", str(shop.server.data_dir))
    client.upsert_items([CatalogItem(item_id=hidden, hidden=False)])
    assert copied.returncode == 0, copied.stderr

    restored = tmp_path / "restored"
    back = shortlist("restore", str(tmp_path / "copy.tar"), "--data-dir", str(restored))
    assert back.returncode == 0, back.stderr
    with (
        running_server(restored, workers=1, BUDGET__DEADLINE_MS=10_000) as server,
        server.clients(1)[0] as other,
    ):
        shown = {
            item.item_id for item in other.recommend(recommend_request(user_id=user_id, num_items=200)).items
        }
    assert len(shown) == 200
    assert shown.isdisjoint({bought, hidden})


def test_restore_under_a_running_server_is_refused(shop: Shop, tmp_path: Path) -> None:
    copied = shortlist("backup", str(tmp_path / "copy"), "--data-dir", str(shop.server.data_dir))
    assert copied.returncode == 0, copied.stderr
    refused = shortlist("restore", str(tmp_path / "copy"), "--force", "--data-dir", str(shop.server.data_dir))
    assert refused.returncode == 1
    assert "DATA_DIR_IN_USE" in refused.stderr


def test_compact_while_serving_moves_the_queue_into_the_log(shop: Shop) -> None:
    shop.clients[0].write_events(
        [user_event(uuid.uuid4().hex, shop.release.item_ids[5], EventType.CLICK, user_id="compacted")]
    )
    done = shortlist("compact", "--data-dir", str(shop.server.data_dir))
    assert done.returncode == 0, done.stderr
    assert "events" in done.stdout
