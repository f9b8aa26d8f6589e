"""A reply is believed only where everything about it is as it should be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from server.circuit_breaker import BreakerState, BreakerValues, CircuitBreaker
from server.errors import ModelServerUnavailable
from server.inference.micro_batcher import BatchLimits
from server.inference.triton_channel import TritonChannel
from server.inference.triton_scorer import TritonLimits, TritonScorer
from server.releases.mapped_release import MappedRelease
from tests.support.fake_triton import fake_triton, reply_of, right_answer
from tests.support.scoring_cases import scoring_case
from tests.support.small_release import build_small_release

Request = service_pb2.ModelInferRequest
Reply = service_pb2.ModelInferResponse
MESSAGE_BYTES_MAX = 4 << 20


class Server:
    """A fake server whose answer a test sets."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], bytes] = lambda request: right_answer(request).SerializeToString()
        self.asked = 0

    def __call__(self, request: Request) -> bytes:
        self.asked += 1
        return self.answer(request)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> MappedRelease:
    return MappedRelease.open(build_small_release(tmp_path_factory.mktemp("releases")).path)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, Server]]:
    server = Server()
    with fake_triton(server) as found:
        yield found, server


@pytest.fixture
def server(address: tuple[str, Server]) -> Server:
    address[1].__init__()  # type: ignore[misc]
    return address[1]


@pytest.fixture
def scorer(address: tuple[str, Server], release: MappedRelease) -> Iterator[TritonScorer]:
    limits = TritonLimits(
        timeout_s=20, message_bytes_max=MESSAGE_BYTES_MAX, batch=BatchLimits(wait_s=0.2, users_max=2)
    )
    channel = TritonChannel(address[0], limits.message_bytes_max)
    made = TritonScorer(channel, limits, CircuitBreaker(BreakerValues(failures_max=3, open_ms=60_000)))
    made.ready = frozenset([release.repository_version])
    yield made
    channel.close()


def ask(scorer: TritonScorer, release: MappedRelease, candidates: int = 70, seed: int = 0) -> np.ndarray:
    case = scoring_case(release, candidates, seed)
    return scorer.score(release, case.tower_input, case.rows, case.cross, 20.0)


def changed(change: Callable[[Reply], object]) -> Callable[[Request], bytes]:
    def answer(request: Request) -> bytes:
        reply = right_answer(request)
        change(reply)
        content: bytes = reply.SerializeToString()
        return content

    return answer


def tensor(reply: Reply) -> np.ndarray:
    return np.frombuffer(reply.raw_output_contents[0], np.float32).reshape(reply.outputs[0].shape).copy()


def with_tensor(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Request], bytes]:
    def apply(reply: Reply) -> None:
        reply.raw_output_contents[0] = change(tensor(reply)).tobytes()

    return changed(apply)


def put(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(scored: np.ndarray) -> np.ndarray:
        scored[0, 3, 0] = value
        return scored

    return change


def swap_two(scored: np.ndarray) -> np.ndarray:
    scored[0, [3, 5]] = scored[0, [5, 3]]
    return scored


def extra_output(reply: Reply) -> None:
    reply.outputs.add(name="more", datatype="FP32", shape=[1])
    reply.raw_output_contents.append(b"\0\0\0\0")


def output_without_content(reply: Reply) -> None:
    reply.outputs.add(name="more", datatype="FP32", shape=[1])


HOSTILE = {
    "a short tensor": changed(lambda r: r.raw_output_contents.__setitem__(0, r.raw_output_contents[0][:-4])),
    "a long tensor": changed(
        lambda r: r.raw_output_contents.__setitem__(0, r.raw_output_contents[0] + b"\0" * 4)
    ),
    "no tensor": changed(lambda r: r.ClearField("raw_output_contents")),
    "nothing": lambda request: b"",
    "another shape": changed(lambda r: r.outputs[0].shape.__setitem__(1, 64)),
    "shape with a free axis": changed(lambda r: r.outputs[0].shape.__setitem__(1, -1)),
    "an extra output": changed(extra_output),
    "an extra output without content": changed(output_without_content),
    "another name": changed(lambda r: setattr(r.outputs[0], "name", "score")),
    "another type": changed(lambda r: setattr(r.outputs[0], "datatype", "INT32")),
    "another model": changed(lambda r: setattr(r, "model_name", "user_tower")),
    "another version": changed(lambda r: setattr(r, "model_version", "1")),
    "trailing garbage": lambda request: right_answer(request).SerializeToString() + b"\xff" * 16,
    "not a message": lambda request: b"\xff\xff\xff\xff",
    "entries moved": with_tensor(swap_two),
    "entries reversed": with_tensor(lambda scored: scored[:, ::-1].copy()),
    "NaN": with_tensor(put(np.nan)),
    "infinite": with_tensor(put(np.inf)),
    "above one": with_tensor(put(1.01)),
    "below zero": with_tensor(put(-0.01)),
    "larger than a message may be": lambda request: b"\0" * (MESSAGE_BYTES_MAX + 1),
}


def test_a_right_reply_is_believed(server: Server, scorer: TritonScorer, release: MappedRelease) -> None:
    np.testing.assert_array_equal(ask(scorer, release), np.full(70, 0.5, np.float32))


@pytest.mark.parametrize("what", HOSTILE)
def test_any_other_is_refused(
    server: Server, scorer: TritonScorer, release: MappedRelease, what: str
) -> None:
    server.answer = HOSTILE[what]
    with pytest.raises(ModelServerUnavailable):
        ask(scorer, release)
    server.answer = lambda request: right_answer(request).SerializeToString()
    assert ask(scorer, release)[0] == 0.5, "the connection is of use afterwards"


def test_one_users_bad_scores_do_not_cost_the_other_theirs(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    """Three requests: one alone, then two in one inference, of which the second's scores are not numbers."""
    under_way, go_on = threading.Event(), threading.Event()

    def answer(request: Request) -> bytes:
        reply = right_answer(request)
        if request.inputs[0].shape[0] == 1:
            under_way.set()
            go_on.wait(20)
        else:
            scored = tensor(reply)
            scored[1, 0, 0] = np.nan
            reply = reply_of(request, scored)
        content: bytes = reply.SerializeToString()
        return content

    server.answer = answer
    outcomes: list[object] = []

    def run(seed: int) -> None:
        try:
            outcomes.append(ask(scorer, release, seed=seed))
        except ModelServerUnavailable as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(seed,), daemon=True) for seed in range(3)]
    threads[0].start()
    assert under_way.wait(20)
    threads[1].start()
    threads[2].start()
    threads[1].join(20)
    threads[2].join(20)
    go_on.set()
    threads[0].join(20)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "ModelServerUnavailable",
        "ndarray",
        "ndarray",
    ]


def test_scores_of_two_users_that_were_swapped_are_refused(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    """The same candidates for both users: only the pair ids' random part tells the two apart."""
    under_way, go_on = threading.Event(), threading.Event()

    def answer(request: Request) -> bytes:
        reply = right_answer(request)
        if request.inputs[0].shape[0] == 1:
            under_way.set()
            go_on.wait(20)
        else:
            reply = reply_of(request, tensor(reply)[::-1].copy())
        content: bytes = reply.SerializeToString()
        return content

    server.answer = answer
    refused: list[str] = []

    def run() -> None:
        try:
            ask(scorer, release)
        except ModelServerUnavailable as error:
            refused.append(error.message)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(3)]
    threads[0].start()
    assert under_way.wait(20)
    for thread in threads[1:]:
        thread.start()
    for thread in threads[1:]:
        thread.join(20)
    go_on.set()
    threads[0].join(20)
    assert len(refused) == 2
    assert all("not about the candidates" in message for message in refused)


def test_it_is_left_alone_after_failures_in_a_row(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    server.answer = HOSTILE["nothing"]
    for _ in range(3):
        with pytest.raises(ModelServerUnavailable):
            ask(scorer, release)
    assert scorer.breaker.state is BreakerState.OPEN
    asked = server.asked
    with pytest.raises(ModelServerUnavailable) as raised:
        ask(scorer, release)
    assert raised.value.reason == "MODEL_SERVER_OPEN"
    assert server.asked == asked


def test_a_probe_that_succeeds_closes_the_breaker(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    server.answer = HOSTILE["nothing"]
    for _ in range(3):
        with pytest.raises(ModelServerUnavailable):
            ask(scorer, release)
    server.answer = lambda request: right_answer(request).SerializeToString()
    case = scoring_case(release, 10)
    scorer.probe(release, case.tower_input, case.rows, case.cross, 20.0)
    assert scorer.breaker.state is BreakerState.CLOSED
    assert len(ask(scorer, release)) == 70


def test_a_version_that_is_not_known_to_be_right_is_never_asked(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    scorer.ready = frozenset()
    with pytest.raises(ModelServerUnavailable) as raised:
        ask(scorer, release)
    assert raised.value.reason == "MODEL_NOT_LOADED"
    assert server.asked == 0


def test_without_time_nothing_is_asked(server: Server, scorer: TritonScorer, release: MappedRelease) -> None:
    case = scoring_case(release, 10)
    with pytest.raises(ModelServerUnavailable):
        scorer.score(release, case.tower_input, case.rows, case.cross, 0.001)
    assert server.asked == 0
    assert scorer.breaker.state is BreakerState.CLOSED


def test_a_reply_that_is_late_is_not_waited_for(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    done = threading.Event()

    def answer(_: Request) -> bytes:
        done.wait(20)
        return b""

    server.answer = answer
    case = scoring_case(release, 10)
    started_s = time.monotonic()
    with pytest.raises(ModelServerUnavailable):
        scorer.score(release, case.tower_input, case.rows, case.cross, 0.05)
    waited_s = time.monotonic() - started_s
    done.set()
    assert waited_s < 10, "it answers after 20 s"


def test_callers_in_a_hurry_do_not_close_the_model_server_to_others(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    done = threading.Event()

    def answer(request: Request) -> bytes:
        done.wait(20)
        content: bytes = right_answer(request).SerializeToString()
        return content

    server.answer = answer
    case = scoring_case(release, 10)
    for _ in range(5):
        with pytest.raises(ModelServerUnavailable):
            scorer.score(release, case.tower_input, case.rows, case.cross, 0.02)
    assert scorer.breaker.state is BreakerState.CLOSED
    done.set()
    assert len(ask(scorer, release)) == 70


def test_the_queues_timeout_is_the_requests(
    server: Server, scorer: TritonScorer, release: MappedRelease
) -> None:
    seen: list[int] = []

    def answer(request: Request) -> bytes:
        seen.append(request.parameters["timeout"].int64_param)
        content: bytes = right_answer(request).SerializeToString()
        return content

    server.answer = answer
    case = scoring_case(release, 10)
    scorer.score(release, case.tower_input, case.rows, case.cross, 5.0)
    assert 0 < seen[0] <= 5_000_000
