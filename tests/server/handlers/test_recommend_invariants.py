"""What holds of every reply, whatever is asked of whatever shop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.features.event_types import EVENT_WEIGHTS, EventType, PageType
from server.handlers.messages import RankCommand, RecommendCommand, RecommendReply, ServedBy, SessionEvent
from server.releases.format import ItemFlag
from server.releases.mapped_release import MappedRelease
from tests.support.recommending import NOW_S, Shop, shop_over
from tests.support.recommending import shop as shop
from tests.support.small_release import build_small_release

ITEMS = 60
item_ids = st.integers(0, ITEMS - 1).map(lambda number: f"item-{number:04d}")
known_or_not = st.one_of(item_ids, st.sampled_from(["who", "", "item-9999"]))
history = st.lists(
    st.tuples(item_ids, st.sampled_from(sorted(EVENT_WEIGHTS)), st.integers(0, 10_000_000)), max_size=30
)
commands = st.builds(
    RecommendCommand,
    user_id=st.sampled_from(["", "user", "nobody"]),
    session_events=st.lists(
        st.builds(
            SessionEvent, known_or_not, st.sampled_from(EventType), st.integers(NOW_S - 1_000, NOW_S + 60)
        ),
        max_size=5,
    ),
    page_type=st.sampled_from(PageType),
    context_item_ids=st.lists(known_or_not, max_size=4),
    num_items=st.integers(1, 70),
    excluded_item_ids=st.lists(known_or_not, max_size=40),
    category_ids=st.lists(
        st.sampled_from(["category-00", "category-01", "category-02", "unknown"]), max_size=2
    ),
    explain=st.booleans(),
)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, set[str]]:
    """Returns the ids of items that are out of stock, hidden and expired."""
    return {name: draw(st.sets(item_ids, max_size=25)) for name in ("out_of_stock", "hidden", "expired")}


NO_CHANGES: dict[str, set[str]] = {"out_of_stock": set(), "hidden": set(), "expired": set()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop of 60 items in 3 categories."""
    small = build_small_release(tmp_path_factory.mktemp("releases"), items=ITEMS, categories=3, spare_rows=5)
    return shop_over(small, MappedRelease.open(small.path))


def prepare(tiny: Shop, events: list[tuple[str, EventType, int]], changed: dict[str, set[str]]) -> set[str]:
    """Writes the user and the item changes; returns the ids that may be shown to anyone."""
    tiny.users.add("user", sorted(events, key=lambda event: -event[2]))
    flags, expires = tiny.release.arrays.flags, tiny.release.arrays.expire_time_s
    flags[:ITEMS], expires[:ITEMS] = ItemFlag.IN_STOCK, 0
    flags[tiny.release.rows_of(sorted(changed["out_of_stock"]))] = 0
    flags[tiny.release.rows_of(sorted(changed["hidden"]))] |= np.uint8(ItemFlag.HIDDEN)
    expires[tiny.release.rows_of(sorted(changed["expired"]))] = NOW_S
    return set(tiny.small.item_ids) - set().union(*changed.values())


def allowed(
    tiny: Shop, command: RecommendCommand, events: list[tuple[str, EventType, int]], showable: set[str]
) -> set[str]:
    """Returns the ids that a reply to the command may hold."""
    if command.category_ids:
        wanted = [set(tiny.small.ids_of_category(name)) for name in command.category_ids]
        showable = showable & set().union(*wanted)
    own = (
        {item for item, kind, _ in events if kind == EventType.PURCHASE}
        if command.user_id == "user"
        else set()
    )
    now = {
        event.item_id
        for event in command.session_events
        if event.event_type in (EventType.PURCHASE, EventType.HIDE)
    }
    return showable - own - now - set(command.context_item_ids) - set(command.excluded_item_ids)


def check_form(reply: RecommendReply) -> None:
    shown = [item.item_id for item in reply.items]
    assert len(set(shown)) == len(shown)
    assert [item.position for item in reply.items] == list(range(len(shown)))
    assert all(0 <= item.score <= 1 for item in reply.items)
    assert reply.degraded_reasons == ()


QUICK = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(command=commands, events=history, changed=changes())
def test_every_list_is_full_of_what_may_be_shown_and_says_why_when_it_is_not(
    tiny: Shop,
    command: RecommendCommand,
    events: list[tuple[str, EventType, int]],
    changed: dict[str, set[str]],
) -> None:
    may = allowed(tiny, command, events, prepare(tiny, events, changed))
    reply = tiny.handler.recommend(command)
    check_form(reply)
    assert {item.item_id for item in reply.items} <= may
    assert len(reply.items) == min(command.num_items, len(may))
    assert bool(reply.short_reason) == (len(reply.items) < command.num_items)
    assert all(item.sources and item.reason for item in reply.items)


@QUICK
@given(command=commands, events=history)
def test_same_state_gets_the_same_list(
    tiny: Shop, command: RecommendCommand, events: list[tuple[str, EventType, int]]
) -> None:
    prepare(tiny, events, NO_CHANGES)
    first, second = tiny.handler.recommend(command), tiny.handler.recommend(command)
    assert first.items == second.items


@QUICK
@given(command=commands, events=history, changed=changes())
def test_fallback_shows_only_what_may_be_shown(
    tiny: Shop,
    command: RecommendCommand,
    events: list[tuple[str, EventType, int]],
    changed: dict[str, set[str]],
) -> None:
    may = allowed(tiny, command, events, prepare(tiny, events, changed))
    query = tiny.query(command)
    query.budget.work_ends_s = 0
    batch = tiny.engine.recommend(query)
    shown = tiny.release.item_ids(batch.rows)
    assert len(set(shown)) == len(shown)
    assert set(shown) <= may
    assert len(shown) == min(command.num_items, len(may))
    assert ((batch.score >= 0) & (batch.score <= 1)).all()


@QUICK
@given(
    item_list=st.lists(known_or_not, min_size=1, max_size=80),
    user=st.sampled_from(["", "user"]),
    events=history,
)
def test_ranking_returns_each_item_once(
    tiny: Shop, item_list: list[str], user: str, events: list[tuple[str, EventType, int]]
) -> None:
    prepare(tiny, events, NO_CHANGES)
    reply = tiny.handler.rank(RankCommand(item_list, user_id=user))
    check_form(reply)
    assert {item.item_id for item in reply.items} == set(item_list)
    scores = [item.score for item in reply.items]
    assert (np.diff(scores) <= 0).all()
    assert (reply.served_by is ServedBy.LOCAL_MODEL) == (
        user == "user" and bool(events) and bool(set(item_list) & set(tiny.small.item_ids))
    )
