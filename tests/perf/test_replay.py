"""The compiled generator against real gRPC servers: what it counts, how it times, what it keeps."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from perf.replay.client import GeneratorMissingError, Load, generator, replay

SERVICE, METHOD = "test.Echo", "/test.Echo/Answer"
STALL_S = 1.0


class _Server:
    """Answers with the request twice; b"refuse" with INVALID_ARGUMENT; b"said" with the caller's header x-said.

    received: all requests, in no certain order.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.stall_at = -1
        self._lock = threading.Lock()

    def answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"refuse":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        if request == b"said":
            return str(dict(context.invocation_metadata()).get("x-said", "")).encode()
        with self._lock:
            self.received.append(request)
            if len(self.received) == self.stall_at:
                time.sleep(STALL_S)
        return request * 2


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[_Server, int]]:
    try:
        generator()
    except GeneratorMissingError as missing:
        pytest.skip(str(missing))
    served = _Server()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    handlers = {"Answer": grpc.unary_unary_rpc_method_handler(served.answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield served, port
    server.stop(0).wait()


@pytest.fixture
def echo(running) -> tuple[_Server, int]:
    served, port = running
    served.received.clear()
    served.stall_at = -1
    return served, port


def test_an_open_loop_sends_its_whole_plan_and_counts_every_reply(echo):
    served, port = echo
    seen = replay(port, METHOD, [b"a", b"b", b"c"], Load(seconds=0.5, rate=60, patience_s=30))
    assert (seen.calls, seen.ok, seen.errors, seen.statuses) == (30, 30, 0, {"0": 30})
    assert sorted(served.received) == [b"a"] * 10 + [b"b"] * 10 + [b"c"] * 10


def test_calls_by_chance_depend_on_the_seed_alone(echo):
    _, port = echo
    counts = [
        replay(port, METHOD, [b"a"], Load(seconds=1, rate=100, poisson=True, seed=seed, patience_s=30)).calls
        for seed in (1, 1, 2, 3)
    ]
    assert counts[0] == counts[1]
    assert len(set(counts)) > 1
    assert all(50 < count < 150 for count in counts)


def test_a_closed_loop_counts_what_the_server_answered(echo):
    served, port = echo
    seen = replay(port, METHOD, [b"x"], Load(seconds=0.3, in_flight=3, connections=2, patience_s=30))
    assert seen.calls == seen.ok == len(served.received) > 0


def test_the_warm_up_is_sent_and_not_counted(echo):
    served, port = echo
    seen = replay(port, METHOD, [b"x"], Load(seconds=0.5, rate=40, warm_up_s=0.5, patience_s=30))
    assert (seen.calls, len(served.received)) == (20, 40)


def test_a_server_that_answers_errors_is_counted_as_errors(echo):
    _, port = echo
    seen = replay(port, METHOD, [b"a", b"refuse"], Load(seconds=0.5, rate=40, patience_s=30))
    assert (seen.calls, seen.ok, seen.errors, seen.statuses) == (20, 10, 10, {"0": 10, "3": 10})
    # Both kinds are timed, each for itself.
    assert seen.latency_ms["p50"] > 0
    assert seen.refusal_ms["p50"] > 0
    unknown = replay(port, "/test.Echo/Nothing", [b"a"], Load(seconds=0.5, rate=20, patience_s=30))
    assert (unknown.ok, unknown.statuses) == (0, {"12": 10})
    assert unknown.latency_ms["p50"] == 0


def test_headers_go_with_every_call(echo):
    _, port = echo
    load = Load(seconds=0.2, rate=20, keep_every=1, headers=(("x-said", "hello"), ("grpc-timeout", "30S")))
    seen = replay(port, METHOD, [b"said"], load)
    assert seen.replies == (b"hello",) * 4


def test_a_stalled_server_shows_in_the_percentiles_of_an_open_loop(echo):
    served, port = echo
    served.stall_at = 20
    seen = replay(port, METHOD, [b"x"], Load(seconds=2, rate=100, patience_s=30))
    assert seen.ok == seen.calls == 200
    # A hundred calls were planned while the server stalled; a tenth of all waited at least .8 s of it.
    assert seen.latency_ms["max"] >= 990
    assert seen.latency_ms["p90"] >= 500
    assert (
        seen.latency_ms["p50"] <= seen.latency_ms["p90"] <= seen.latency_ms["p99"] <= seen.latency_ms["max"]
    )


def test_replies_are_kept_whole_as_often_as_asked_and_no_more(echo):
    _, port = echo
    big = bytes(range(256)) * 400
    load = Load(seconds=0.5, rate=40, keep_every=4, keep_max=3, first=1, patience_s=30)
    seen = replay(port, METHOD, [b"no", b"yes", b"no", b"no", b"no", big, b"no", b"no"], load)
    assert seen.replies == (b"yes" * 2, big * 2, b"yes" * 2)


def test_a_server_that_hangs_up_costs_every_call_and_ends_the_run():
    generator_or_skip()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hang_up = threading.Thread(target=lambda: listening.accept()[0].close(), daemon=True)
        hang_up.start()
        load = Load(seconds=1, rate=50, connections=1, patience_s=30)
        seen = replay(listening.getsockname()[1], METHOD, [b"x"], load)
        hang_up.join(10)
    assert (seen.calls, seen.ok, seen.errors, seen.connections_lost) == (50, 0, 50, 1)


def test_calls_that_are_never_answered_are_errors():
    generator_or_skip()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        load = Load(seconds=0.5, rate=20, connections=1, patience_s=0.2, open_max=4)
        seen = replay(listening.getsockname()[1], METHOD, [b"x"], load)
    assert (seen.calls, seen.errors, seen.unanswered, seen.unsent) == (10, 10, 4, 6)


def generator_or_skip() -> str:
    try:
        return generator()
    except GeneratorMissingError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds", "0"], "--seconds: 0 is not a number"),
        (["--in-flight", "x"], "--in-flight: x is not a number"),
        (["--bodies", "nowhere.bin"], "cannot read nowhere.bin"),
        (["--keep-every", "2"], "go together"),
        (["--header", "nothing"], "--header: nothing is not NAME:VALUE"),
        (["--header=a:b"] * 5, "--header: more than 4"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, words, said):
    bodies = tmp_path / "bodies.bin"
    bodies.write_bytes(b"\0\0\0\1x")
    command = [generator_or_skip(), "--port", "1", "--bodies", str(bodies), "--method", METHOD, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_file_of_bodies_that_is_cut_short_is_refused(tmp_path):
    bodies = tmp_path / "bodies.bin"
    bodies.write_bytes(b"\0\0\0\1x\0\0\0\5ab")
    command = [generator_or_skip(), "--port", "1", "--bodies", str(bodies), "--method", METHOD]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "record 1 is cut short" in ended.stderr
    assert not ended.stdout
