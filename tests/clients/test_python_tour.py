"""Every RPC in Python, as docs/api.md shows it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shortlist
from shortlist.v1 import catalog_service_pb2 as catalog
from shortlist.v1 import event_service_pb2 as events
from shortlist.v1 import event_types_pb2 as types
from shortlist.v1 import profile_service_pb2 as profiles
from shortlist.v1 import recommendation_service_pb2 as api
from shortlist.v1 import release_service_pb2 as releases

# A first call connects and a cold server compiles nothing twice: these tests are about answers, not about time.
OPTIONS = shortlist.ClientOptions(timeout_s=10)


@pytest.fixture
def client(lab: dict[str, str]) -> Iterator[shortlist.Client]:
    with shortlist.Client(lab["SHORTLIST_ADDRESS"], OPTIONS) as made:
        yield made


@pytest.fixture
def admin(lab: dict[str, str]) -> Iterator[shortlist.Client]:
    with shortlist.Client(lab["SHORTLIST_ADMIN_ADDRESS"], OPTIONS) as made:
        yield made


def test_recommend(client: shortlist.Client) -> None:
    # snippet: Recommend
    answer = client.recommend(
        api.RecommendRequest(
            user_id="user-1",
            page_type=types.PAGE_TYPE_HOME,
            num_items=3,
            context=api.RequestContext(device_type=types.DEVICE_TYPE_MOBILE),
        )
    )
    shown = [(item.item_id, api.ReasonKind.Name(item.reason.kind)) for item in answer.items]
    # end
    assert len(shown) == 3
    assert not answer.degraded


def test_recommend_similar(client: shortlist.Client) -> None:
    # snippet: RecommendSimilar
    similar = client.recommend_similar(
        api.RecommendSimilarRequest(item_id="item-0001", user_id="user-1", num_items=3)
    )
    # end
    assert "item-0001" not in [item.item_id for item in similar.items]
    assert len(similar.items) == 3


def test_rank_items(client: shortlist.Client) -> None:
    # snippet: RankItems
    ranked = client.rank_items(
        api.RankItemsRequest(user_id="user-1", item_ids=["item-0001", "item-0002", "no-such-item"])
    )
    # end
    assert {item.item_id for item in ranked.items} == {"item-0001", "item-0002", "no-such-item"}
    assert list(ranked.missing_item_ids) == ["no-such-item"]


def test_batch_recommend(client: shortlist.Client) -> None:
    # snippet: BatchRecommend
    answers = client.batch_recommend(
        api.BatchRecommendRequest(
            requests=[
                api.RecommendRequest(user_id="user-1", num_items=2),
                api.RecommendRequest(session_id="visit-1", page_type=types.PAGE_TYPE_CART, num_items=2),
            ]
        ),
        timeout_s=1.0,
    )
    # end
    assert [len(answer.items) for answer in answers.responses] == [2, 2]


def test_write_events(client: shortlist.Client) -> None:
    # snippet: WriteEvents
    result = client.write_events(
        events.WriteEventsRequest(
            events=[
                events.UserEvent(
                    event_id=uuid.uuid4().hex,  # sent again under the same id, it counts once
                    user_id="user-1",
                    item_id="item-0002",
                    event_type=types.EVENT_TYPE_CLICK,
                    event_time=shortlist.timestamp(datetime.now(UTC)),
                )
            ]
        )
    )
    # end
    assert (result.stored_count, result.duplicate_count) == (1, 0)


def test_write_impressions(client: shortlist.Client) -> None:
    answer = client.recommend(api.RecommendRequest(user_id="user-1", num_items=3))
    # snippet: WriteImpressions
    result = client.write_impressions(
        events.WriteImpressionsRequest(recommendation_id=answer.recommendation_id, positions=[0, 1, 2])
    )
    # end
    assert result.stored_count == 3


def test_catalog(client: shortlist.Client) -> None:
    # snippet: UpsertItems
    change = client.upsert_items(
        catalog.UpsertItemsRequest(
            items=[catalog.Item(item_id="python-1", title="Red lamp", category_id="category-01", price=24.5)]
        )
    )
    # end
    assert change.overlay_sequence > 0
    # snippet: GetItem
    item = client.get_item(catalog.GetItemRequest(item_id="python-1")).item
    price = item.price if item.HasField("price") else None
    # end
    assert (item.title, price) == ("Red lamp", 24.5)
    assert not item.HasField("brand") or item.brand == ""
    # snippet: DeleteItems
    deleted = client.delete_items(catalog.DeleteItemsRequest(item_ids=["python-1", "no-such-item"]))
    # end
    assert list(deleted.missing_item_ids) == ["no-such-item"]


def test_profiles(client: shortlist.Client) -> None:
    # snippet: UpsertProfile
    client.upsert_profile(
        profiles.UpsertProfileRequest(
            profile=profiles.UserProfile(user_id="python-user", age_bucket=profiles.AGE_BUCKET_25_TO_34)
        )
    )
    # end
    # snippet: GetProfile
    profile = client.get_profile(profiles.GetProfileRequest(user_id="python-user")).profile
    known_since = profile.create_time.ToDatetime(UTC)
    # end
    assert profile.age_bucket == profiles.AGE_BUCKET_25_TO_34
    assert known_since.tzinfo is UTC
    # snippet: LinkSession
    link = client.link_session(profiles.LinkSessionRequest(session_id="python-visit", user_id="python-user"))
    # end
    assert link.moved_event_count == 0
    # snippet: DeleteUser
    gone = client.delete_user(profiles.DeleteUserRequest(user_id="python-user"))
    # end
    assert gone.existed


def test_releases(admin: shortlist.Client) -> None:
    # snippet: ListReleases
    versions = [release.version for release in admin.list_releases(releases.ListReleasesRequest()).releases]
    # end
    assert sorted(versions) == ["r1", "r2"]
    # snippet: ActivateRelease
    admin.activate_release(releases.ActivateReleaseRequest(version="r2"), timeout_s=30)
    # end
    # snippet: RollBack
    back = admin.roll_back(releases.RollBackRequest(), timeout_s=30)
    # end
    assert {worker.release_version for worker in back.workers} == {"r1"}
    # snippet: GetServingStatus
    status = admin.get_serving_status(releases.GetServingStatusRequest())
    # end
    assert status.release_version == "r1"


def test_example_runs(lab: dict[str, str]) -> None:
    example = Path(__file__).parents[2] / "clients" / "python" / "example.py"
    command = [sys.executable, str(example), "--address", lab["SHORTLIST_ADDRESS"], "--user", "user-1"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for expected in ("For user-1", "After a click on item-", "Like item-", "Refused: num_items"):
        assert expected in output
