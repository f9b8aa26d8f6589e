"""A client that sends at planned times, whatever the answers do, with the service config that clients are given.

`run_load` starts it as a process of its own, so that what is done to the server does not disturb it. Latency counts
from the planned time. Outcomes carry time.monotonic() values, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb

REPOSITORY = Path(__file__).resolve().parents[2]
METHOD = "/shortlist.v1.RecommendationService/Recommend"
OUTSTANDING_MAX = 4_000
USERS = 1_000
START_DELAY_S = 0.5


@dataclass(frozen=True)
class Load:
    """What to send. rate: calls a second. connections: channels.

    authority: file of the server's authority; plain text without. retries: whether to follow the published config.
    """

    address: str
    rate: float
    seconds: float
    connections: int = 8
    timeout_s: float = 1.0
    num_items: int = 20
    authority: str = ""
    token: str = ""
    retries: bool = True
    reconnect_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """One call. planned_s: when it was to be sent. code: name of the status, or UNSENT where too many were waiting."""

    planned_s: float
    latency_ms: float
    code: str
    items: int = 0
    degraded: bool = False


@dataclass
class Running:
    """A load under way. finish() returns its outcomes by planned time; started_s: when its first call is planned."""

    process: subprocess.Popen[str]
    started_s: float
    outcomes: list[Outcome] = field(default_factory=list)

    def finish(self) -> list[Outcome]:
        """Waits for the last answer."""
        output, _ = self.process.communicate(timeout=600)
        if self.process.returncode:
            raise RuntimeError(f"the load ended with {self.process.returncode}")
        self.outcomes = [Outcome(*line) for line in json.loads(output)]
        return self.outcomes


def start_load(load: Load) -> Running:
    """Starts a client; its first call is planned START_DELAY_S after it says that it is connected."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perf.faults.front_load", json.dumps(asdict(load))],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return Running(process, float(process.stdout.readline()))


def run_load(load: Load, during: Callable[[Running], None] | None = None) -> list[Outcome]:
    """Runs a load to its end, with something done meanwhile, and returns its outcomes."""
    running = start_load(load)
    if during is not None:
        during(running)
    return running.finish()


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value that a share of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def codes(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Returns how many calls ended with each code."""
    names = [outcome.code for outcome in outcomes]
    return {name: names.count(name) for name in sorted(set(names))}


def latencies(outcomes: Sequence[Outcome], code: str = "OK") -> list[float]:
    """Returns the latencies in ms of the calls that ended with the code."""
    return [outcome.latency_ms for outcome in outcomes if outcome.code == code]


class _Client:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._config = (REPOSITORY / "clients" / "service_config.json").read_text()
        self._channels: list[grpc.aio.Channel] = []
        self._requests = [
            pb.RecommendRequest(user_id=f"user-{number}", num_items=load.num_items).SerializeToString()
            for number in range(USERS)
        ]
        self.outcomes: list[Outcome] = []
        self._outstanding = 0

    def connect(self, slot: int | None = None) -> None:
        """Opens all channels, or one of them anew."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            *(
                [("grpc.service_config", self._config)]
                if self._load.retries
                else [("grpc.enable_retries", 0)]
            ),
        ]
        for at in range(self._load.connections) if slot is None else [slot]:
            if self._load.authority:
                credentials = grpc.ssl_channel_credentials(Path(self._load.authority).read_bytes())
                channel = grpc.aio.secure_channel(self._load.address, credentials, options=options)
            else:
                channel = grpc.aio.insecure_channel(self._load.address, options=options)
            if slot is None:
                self._channels.append(channel)
            else:
                self._channels[at] = channel

    async def run(self) -> None:
        """Sends all calls and waits for their answers."""
        load = self._load
        self.connect()
        await asyncio.gather(*(self._call(channel, 0.0, warm=True) for channel in self._channels))
        start_s = time.monotonic() + START_DELAY_S
        print(start_s, flush=True)
        tasks, reconnects = set(), 1
        for number in range(int(load.rate * load.seconds)):
            planned_s = start_s + number / load.rate
            if (pause_s := planned_s - time.monotonic()) > 0:
                await asyncio.sleep(pause_s)
            if load.reconnect_s and planned_s > start_s + reconnects * load.reconnect_s:
                self.connect(reconnects % load.connections)
                reconnects += 1
            if self._outstanding >= OUTSTANDING_MAX:
                self.outcomes.append(Outcome(planned_s, 0.0, "UNSENT"))
                continue
            self._outstanding += 1
            task = asyncio.create_task(self._call(self._channels[number % load.connections], planned_s))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(set(tasks))

    async def _call(self, channel: grpc.aio.Channel, planned_s: float, *, warm: bool = False) -> None:
        load = self._load
        metadata = [("authorization", f"Bearer {load.token}")] if load.token else []
        code, items, degraded = "OK", 0, False
        try:
            call: Any = channel.unary_unary(METHOD)
            request = self._requests[len(self.outcomes) % USERS]
            raw = await call(request, timeout=load.timeout_s, metadata=metadata)
            reply = pb.RecommendResponse.FromString(raw)
            items, degraded = len(reply.items), reply.degraded
        except grpc.aio.AioRpcError as error:
            code = error.code().name
        if not warm:
            latency_ms = (time.monotonic() - planned_s) * 1e3
            self.outcomes.append(Outcome(planned_s, latency_ms, code, items, degraded))
            self._outstanding -= 1


def main() -> None:
    """Sends the load of the first argument; prints the start and then the outcomes."""
    client = _Client(Load(**json.loads(sys.argv[1])))
    asyncio.run(client.run())
    rows = [[o.planned_s, o.latency_ms, o.code, o.items, o.degraded] for o in client.outcomes]
    print(json.dumps(sorted(rows)))


if __name__ == "__main__":
    main()
