"""The plan: what so many requests a second of so many users need, from the cost of one request."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """What one request and one user cost. The measured ones come from summary.json, the others are stated in the plan.

    cpu_us: of a core's time a request, remembered users as measured. utilisation: how full a core is planned.
    user_bytes: of a user's record in Redis, with its overhead. events_a_request, event_bytes: what Kafka takes.
    triton_users_a_second: scored users a second of one GPU. partition_bytes_a_second: of one Kafka partition.
    reply_bytes, request_bytes: on the wire. core_hour_price, redis_gb_hour_price, gpu_hour_price: in dollars.
    """

    cpu_us: float
    utilisation: float = 0.6
    user_bytes: int = 2_500
    events_a_request: float = 2.0
    event_bytes: int = 300
    triton_users_a_second: float = 20_000.0
    partition_bytes_a_second: float = 5e6
    reply_bytes: int = 1_500
    request_bytes: int = 250
    cores_a_machine: int = 16
    core_hour_price: float = 0.045
    redis_gb_hour_price: float = 0.012
    gpu_hour_price: float = 0.80


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. redis_gb: one copy and its replica. dollars_a_month: of cores, Redis memory and GPUs, 730 hours."""

    rps: int
    cores: int
    machines: int
    redis_gb: float
    redis_shards: int
    gpus: int
    kafka_mb_a_second: float
    partitions: int
    network_gbit: float
    dollars_a_month: float
    dollars_a_million_requests: float


HOURS_A_MONTH = 730
SHARD_GB, SHARD_READS_A_SECOND = 25.0, 50_000.0
PARTITIONS_MIN, GPUS_MIN, MACHINES_MIN = 12, 2, 3
"""So that consumers can spread, and so that one of each can be lost."""


def plan(rps: int, users: int, costs: Costs) -> Plan:
    """Returns the plan; one machine more than the load needs, so that one can be lost."""
    cores = math.ceil(rps * costs.cpu_us / 1e6 / costs.utilisation)
    machines = max(MACHINES_MIN, math.ceil(cores / costs.cores_a_machine) + 1)
    copy_gb = users * costs.user_bytes / 1e9
    gpus = max(GPUS_MIN, math.ceil(rps / costs.triton_users_a_second / costs.utilisation))
    kafka = rps * costs.events_a_request * costs.event_bytes
    hourly = (
        machines * costs.cores_a_machine * costs.core_hour_price
        + 2 * copy_gb * costs.redis_gb_hour_price
        + gpus * costs.gpu_hour_price
    )
    return Plan(
        rps=rps,
        cores=cores,
        machines=machines,
        redis_gb=2 * copy_gb,
        redis_shards=max(math.ceil(copy_gb / SHARD_GB), math.ceil(rps / SHARD_READS_A_SECOND)),
        gpus=gpus,
        kafka_mb_a_second=kafka / 1e6,
        partitions=max(PARTITIONS_MIN, math.ceil(kafka / costs.partition_bytes_a_second)),
        network_gbit=rps * (costs.reply_bytes + costs.request_bytes + costs.user_bytes) * 8 / 1e9,
        dollars_a_month=hourly * HOURS_A_MONTH,
        dollars_a_million_requests=hourly / 3600 / rps * 1e6,
    )
