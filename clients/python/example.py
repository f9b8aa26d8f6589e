"""Asks a running server for recommendations, sends a click and asks again.

python clients/python/example.py --address 127.0.0.1:50051 --user 12347
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import shortlist
from shortlist.v1 import event_service_pb2 as events
from shortlist.v1 import event_types_pb2 as types
from shortlist.v1 import recommendation_service_pb2 as api


def visit(client: shortlist.Client, user_id: str) -> None:
    """Plays one visit of a user."""
    asked = api.RecommendRequest(user_id=user_id, page_type=types.PAGE_TYPE_HOME, num_items=5)
    answer = client.recommend(asked)
    show(f"For {user_id}", answer.items)

    clicked = answer.items[0].item_id
    with shortlist.EventWriter(client) as writer:
        writer.write(
            events.UserEvent(
                user_id=user_id,
                item_id=clicked,
                event_type=types.EVENT_TYPE_CLICK,
                recommendation_id=answer.recommendation_id,
            )
        )
    show(f"After a click on {clicked}", client.recommend(asked).items)

    similar = client.recommend_similar(api.RecommendSimilarRequest(item_id=clicked, num_items=5))
    show(f"Like {clicked}", similar.items)

    try:
        client.recommend(api.RecommendRequest(num_items=-1))
    except shortlist.InvalidRequest as error:
        for violation in error.violations:
            print(f"Refused: {violation.field} {violation.description} ({violation.reason})")


def show(title: str, items: Iterable[api.RecommendedItem]) -> None:
    """Prints a list with what found each item, and why it is there."""
    print(title)
    for item in items:
        sources = ", ".join(api.SourceKind.Name(source) for source in item.sources)
        reason = f"{api.ReasonKind.Name(item.reason.kind)} {item.reason.related_item_id}"
        print(f"  {item.item_id:14} {item.score:.3f}  found by {sources}, because {reason}")


def main() -> None:
    """Reads the arguments and plays the visit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:50051", help="the server, as host:port")
    parser.add_argument("--user", default="12347", help="a user of the shop")
    arguments = parser.parse_args()
    options = shortlist.ClientOptions(
        timeout_s=1.0,  # generous, for a laptop; in production leave the 100 ms
        fallback=lambda request: ["our", "best", "sellers"],
    )
    with shortlist.Client(arguments.address, options) as client:
        visit(client, arguments.user)


if __name__ == "__main__":
    main()
