"""`shortlist recommend`: asks a running server, and prints the answer for a person."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import console, fail
from server.features.event_types import PageType


class Page(StrEnum):
    """Where a list is shown, as typed on the command line."""

    HOME = "HOME"
    SEARCH = "SEARCH"
    CATEGORY = "CATEGORY"
    ITEM_DETAIL = "ITEM_DETAIL"
    CART = "CART"
    EMAIL = "EMAIL"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("recommend", rich_help_panel="Serve")(recommend)


def recommend(
    user: Annotated[str, typer.Option(help="Whom the list is for.")] = "",
    clicked: Annotated[
        list[str] | None, typer.Option(help="An item that an anonymous visitor clicked; repeat for more.")
    ] = None,
    page: Annotated[Page, typer.Option(help="Where the list is shown.", case_sensitive=False)] = Page.HOME,
    item: Annotated[list[str] | None, typer.Option(help="An item on the page; repeat for more.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; repeat for more.")] = None,
    num_items: Annotated[int, typer.Option("--num-items", "-n", min=1, max=200)] = 20,
    explain: Annotated[bool, typer.Option(help="Show where the time went.")] = False,
    server: Annotated[str, typer.Option(help="host:port of a running server.")] = "127.0.0.1:50051",
    authority: Annotated[
        Path | None, typer.Option(help="Certificate authority of the server (PEM), where it speaks TLS.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="SHORTLIST_TOKEN", help="Where the server asks for one.", show_default=False)
    ] = "",
) -> None:
    """Asks a running server for a list and prints it with names, scores and reasons."""
    import grpc

    from server.cli.client import ShortlistClient, recommend_request
    from server.cli.rendering import print_answer, print_stages

    request = recommend_request(
        user_id=user,
        session_id="" if user else "command-line",
        session_item_ids=clicked or (),
        page_type=PageType[page.value],
        context_item_ids=item or (),
        category_ids=category or (),
        num_items=num_items,
        explain=explain,
    )
    out = console()
    root = authority.read_bytes() if authority is not None else None
    with ShortlistClient(server, authority=root, token=token) as client:
        try:
            reply = client.recommend(request)
            print_answer(out, reply, client.title, shown=num_items)
        except grpc.RpcError as error:
            fail(f"{server} answered {error.code().name}: {error.details()}", code=1)
    if explain:
        out.print()
        print_stages(out, reply.stages)
