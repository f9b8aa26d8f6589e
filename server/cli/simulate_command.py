"""`shortlist simulate`: a simulated store's users talk to a running server, and the truth says how well it does."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track
from rich.table import Table

from server.cli.options import console, fail, told_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from offline.simulation.browsing import Actions
    from offline.simulation.cold_start import NewItemHours
    from offline.simulation.live import Play
    from offline.simulation.outcomes import Rate, Summary
    from offline.simulation.store import SimulatedStore
    from server.cli.client import ShortlistClient

TARGETS = {"coverage": 0.30, "diversity": 0.70, "click_rate": 0.05, "conversion": 0.02}
EVENTS_PER_CALL = 500
SPREAD_S = 60.0
"""What a session does in its minutes is told as done within the last minute: the server knows no future."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("simulate", rich_help_panel="Simulate")(simulate)


def simulate(
    store: Annotated[Path, typer.Option(help="Folder of `shortlist generate`.")] = Path("store"),
    server: Annotated[str, typer.Option(help="host:port of a server with that store.")] = "127.0.0.1:50051",
    sessions: Annotated[int, typer.Option(min=1, max=10_000_000)] = 3_000,
    days: Annotated[
        float, typer.Option(min=0, max=60, help="Of the store's time that they are spread over.")
    ] = 1.0,
    num_items: Annotated[int, typer.Option("--num-items", "-n", min=2, max=200)] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**31)] = 1,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Where the numbers go.", show_default=False)
    ] = None,
) -> None:
    """Plays visits against a server: lists, clicks, carts, purchases and ratings; and shows what its lists earned beside
    random, popular and the truly best ones."""
    import grpc

    with told_errors():
        from offline.simulation.history import read_plan
        from offline.simulation.live import Play
        from offline.simulation.parameters import load_parameters
        from offline.simulation.policies import ORACLE_ITEMS_MAX
        from offline.simulation.store import SimulatedStore
        from server.cli.client import ShortlistClient

        plan = read_plan(store)
        if plan.shape.items > ORACLE_ITEMS_MAX:
            fail(
                f"a store of more than {ORACLE_ITEMS_MAX:,} items is too large to weigh every item for every list"
            )
        if days > plan.shape.future_days:
            fail(f"--days: the store has {plan.shape.future_days} days of future; generate it with more")
        made = SimulatedStore(plan.shape, load_parameters())
        with ShortlistClient(server, timeout_s=20) as client:
            talk = ServedUsers(client, made, f"{seed}-{time.time_ns():x}")
            play = Play(made, talk, store, sessions, days, num_items, seed)
            try:
                for _ in track(play.run(), "Playing", sessions, console=console()):
                    pass
            except grpc.RpcError as error:
                fail(f"{server} answered {error.code().name}: {error.details()}", code=1)
    _report(play, talk.degraded, json_path)


class ServedUsers:
    """The store's users as clients of a server. run: makes this run's event ids its own. degraded: answers so far."""

    def __init__(self, client: ShortlistClient, store: SimulatedStore, run: str) -> None:
        self._client = client
        self._store = store
        self._run = run
        self._told = 0
        self.degraded = 0

    def recommend(self, user: int, length: int) -> tuple[str, Sequence[str]]:
        """Asks for the user's home page."""
        from offline.simulation.history import user_id
        from server.cli.client import recommend_request

        reply = self._client.recommend(recommend_request(user_id=user_id(user), num_items=length))
        self.degraded += bool(reply.degraded)
        return reply.recommendation_id, [item.item_id for item in reply.items]

    def tell(self, user: int, session: str, actions: Actions, recommendation_id: str) -> None:
        """Sends events in the order in which they happened."""
        from offline.simulation.history import item_id, user_id
        from server.cli.client import timestamp, user_event
        from server.features.event_types import EventType

        order = actions.seconds.argsort(kind="stable")
        times = _recent(actions.seconds[order], time.time())
        events = []
        for row, when in zip(order.tolist(), times.tolist(), strict=True):
            self._told += 1
            event = user_event(
                f"{self._run}-{self._told}",
                item_id(int(actions.items[row])),
                EventType(int(actions.kinds[row])),
                user_id=user_id(user),
                session_id=f"{self._run}-{session}",
            )
            event.event_time.CopyFrom(timestamp(when))
            if actions.positions[row] >= 0:
                event.position = int(actions.positions[row])
                event.recommendation_id = recommendation_id
            if actions.ratings[row] >= 0:
                event.rating = float(actions.ratings[row])
            events.append(event)
        for first in range(0, len(events), EVENTS_PER_CALL):
            self._client.write_events(events[first : first + EVENTS_PER_CALL])

    def add_items(self, indexes: NDArray[np.int64]) -> None:
        """Upserts new items."""
        from offline.simulation.history import brand_name, category_name, item_id, item_titles
        from server.handlers.messages import CatalogItem

        columns = self._store.items(indexes)
        rows = zip(
            indexes.tolist(),
            item_titles(self._store, indexes),
            columns.category.tolist(),
            columns.brand.tolist(),
            map(math.exp, columns.log_price.tolist()),
            strict=True,
        )
        self._client.upsert_items(
            [
                CatalogItem(
                    item_id=item_id(index),
                    title=title,
                    category_id=category_name(category),
                    brand=brand_name(brand),
                    price=round(price, 2),
                    in_stock=True,
                    added_time_s=int(time.time()),
                )
                for index, title, category, brand, price in rows
            ]
        )


def _recent(seconds: NDArray[np.float64], now_s: float) -> NDArray[np.float64]:
    """Returns times that end now and keep their order and proportions, over SPREAD_S at most."""
    ago = seconds[-1] - seconds
    recent: NDArray[np.float64] = now_s - ago * min(1.0, SPREAD_S / max(float(ago.max(initial=0)), 1e-9))
    return recent


def _report(play: Play, degraded: int, json_path: Path | None) -> None:
    from offline.simulation.cold_start import by_item_hours, by_known_events
    from offline.simulation.live import SERVER

    summaries = {name: outcomes.summary(play.catalogue) for name, outcomes in play.outcomes.items()}
    users = by_known_events(play.visits, play.outcomes[SERVER], play.catalogue)
    items = by_item_hours(play.visits, play.outcomes[SERVER])
    _print_policies(summaries, play.catalogue)
    _print_targets(summaries[SERVER])
    _print_cold_start(users, items)
    if degraded or play.short_lists:
        console().print(
            f"{degraded:,} degraded and {play.short_lists:,} short answers are among the server's"
        )
    if json_path is not None:
        values = {
            "policies": {name: asdict(summary) for name, summary in summaries.items()},
            "new_users": {name: asdict(summary) for name, summary in users.items()},
            "new_items": [asdict(row) for row in items],
            "degraded": degraded,
            "short_lists": play.short_lists,
        }
        json_path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _print_policies(summaries: Mapping[str, Summary], catalogue: int) -> None:
    lists = next(iter(summaries.values())).lists
    table = Table(
        title=f"{lists:,} lists, {catalogue:,} items on offer; in brackets 95 %", title_justify="left"
    )
    for title in ("lists", "CTR", "CTR expected", "conversion", "coverage", "category diversity"):
        table.add_column(title, justify="left" if title == "lists" else "right")
    for name, summary in summaries.items():
        rates = [_percent(rate) for rate in (summary.click_rate, summary.true_click_rate, summary.conversion)]
        table.add_row(name, *rates, f"{summary.coverage:.1%}", _percent(summary.diversity))
    console().print(table)


def _print_targets(server: Summary) -> None:
    for name, target in TARGETS.items():
        found = getattr(server, name)
        value = found if isinstance(found, float) else found.value
        verdict = "reached" if value > target else "NOT reached"
        console().print(f"  {name.replace('_', ' ')} above {target:.0%}: {value:.1%}, {verdict}")


def _print_cold_start(users: Mapping[str, Summary], items: Sequence[NewItemHours]) -> None:
    table = Table(title="New users by their known events", title_justify="left")
    for title in ("events", "lists", "CTR", "CTR expected"):
        table.add_column(title, justify="right")
    for name, summary in users.items():
        rates = (_percent(summary.click_rate), _percent(summary.true_click_rate))
        table.add_row(name, f"{summary.lists:,}", *rates)
    console().print(table)
    table = Table(title="New items by their age", title_justify="left")
    for title in ("hours", "shown", "share of all", "P(click)", "of all items"):
        table.add_column(title, justify="right")
    for row in items:
        figures = (f"{row.shown:,}", f"{row.share:.2%}", f"{row.likely:.2%}", f"{row.beside:.2%}")
        table.add_row(f"{row.first:g} to {row.last:g}", *figures)
    console().print(table)


def _percent(rate: Rate) -> str:
    return f"{rate.value:.2%} [{rate.low:.2%}, {rate.high:.2%}]"
