"""What is asked of each proxy."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    path: str = "/1k"
    connections: int = 64
    post_bytes: int = 0
    close: bool = False
    backends: int = 1
    workers: int = 1
    cpu_target: float = 1.0  # CPU per request, as a ratio to the better peer


POST_BYTES = 10 * 1024
MANY_BACKENDS = 1000
IDLE = "idle"  # not a load: measured in its own way
FLAT = "flat"  # many backends to few
IDLE_CONNECTIONS = 10000

ALL = [
    Workload("1k-8", "1 KiB, 8 connections", connections=8, cpu_target=0.90),
    Workload("1k-64", "1 KiB, 64 connections", cpu_target=0.90),
    Workload("1k-512", "1 KiB, 512 connections", connections=512, cpu_target=0.90),
    Workload("close", "1 KiB, client closes", connections=16, close=True, cpu_target=0.95),
    Workload("post", "10 KiB POST", path="/upload", post_bytes=POST_BYTES),
    Workload("chunked", "16 KiB chunked", path="/chunked"),
    Workload("64k", "64 KiB", path="/64k", cpu_target=0.80),
    Workload("1m", "1 MiB", path="/1m", connections=16, cpu_target=0.70),
    Workload("16m", "16 MiB", path="/16m", connections=8, cpu_target=0.70),
    Workload("backends-2", "1 KiB, 2 backends", backends=2, cpu_target=0.90),
    Workload("backends-100", "1 KiB, 100 backends", backends=100, cpu_target=0.90),
    Workload("backends-1000", "1 KiB, 1000 backends", backends=MANY_BACKENDS, cpu_target=0.90),
    Workload("2-workers", "1 KiB, 2 workers", workers=2, cpu_target=0.90),
]
NAMES = [workload.name for workload in ALL] + [IDLE, FLAT]
QUICK = ["1k-64", "close", "64k", "1m"]


def chosen(names: list[str], workers: int | None) -> list[Workload]:
    """In the order of the table; with another number of workers if one was asked for."""
    loads = [workload for workload in ALL if workload.name in names]
    return loads if workers is None else [replace(workload, workers=workers) for workload in loads]
