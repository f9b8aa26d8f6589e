"""What a cluster answers while it moves a slot from one master to another, and how a command gets through.

A key that has left is answered with ASK and the node that has it now: the command goes there once, behind ASKING. Keys
of one command that are on both sides are answered with TRYAGAIN: a read asks for each of them, a write waits for the move,
since nothing but both nodes together could do it whole. All of it within the command's own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import hiredis

from server.stores.redis_connection import Command, Reply, pack
from server.stores.redis_errors import error_kind
from server.stores.redis_node import RedisNode

_PAUSE_S = 0.01

Place = tuple[str, int]
"""Host and port."""

FindNode = Callable[[hiredis.ReplyError], RedisNode | None]
"""From an ASK to the node that it names; None where there is no connection to it yet."""


def ask_place(asked: hiredis.ReplyError, told_by: str) -> Place:
    """Returns the place in "ASK slot host:port". Without a host it is the teller's, as in CLUSTER SLOTS."""
    host, _, port = str(asked).split(" ")[2].rpartition(":")
    return host or told_by, int(port)


def follow(master: RedisNode, find: FindNode, command: Command, reply: Reply, ends_s: float) -> Reply:
    """Returns the reply to a command that the master answered with an error; that or another error where time ends.

    Raises StoreUnavailable where a node does not answer; it is then unknown whether the command was run.
    """
    while True:
        reply = _at_the_place_named(find, command, reply, ends_s)
        if not isinstance(reply, hiredis.ReplyError) or error_kind(reply) != "TRYAGAIN":
            return reply
        if command[0] == "MGET":
            return _one_by_one(master, find, command, ends_s)
        if time.monotonic() + 2 * _PAUSE_S > ends_s:
            return reply
        time.sleep(_PAUSE_S)
        reply = master.ask(pack([command]), 1, ends_s)[0]


def _at_the_place_named(find: FindNode, command: Command, reply: Reply, ends_s: float) -> Reply:
    """Returns the reply of the node that an ASK names; any other reply as it is."""
    if not isinstance(reply, hiredis.ReplyError) or error_kind(reply) != "ASK":
        return reply
    node = find(reply)
    return reply if node is None else node.ask(pack([("ASKING",), command]), 2, ends_s)[1]


def _one_by_one(master: RedisNode, find: FindNode, command: Command, ends_s: float) -> Reply:
    """Returns the values of an MGET, each from where its key is; in its order, so a later key is never read earlier."""
    values: list[Reply] = []
    for key in command[1:]:
        single: Command = ("GET", key)
        value = _at_the_place_named(find, single, master.ask(pack([single]), 1, ends_s)[0], ends_s)
        if isinstance(value, hiredis.ReplyError):
            return value
        values.append(value)
    return values
