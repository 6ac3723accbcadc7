#!/usr/bin/env python3
"""Runs the scenarios. scripts/test-faults is the way in, and says what the arguments are."""

import argparse
import asyncio
import collections
import contextlib
import fcntl
import pathlib
import random
import shutil
import signal
import sys
import time

from balancers import IDLE_MS, Balancer, find, version
from process import Backend, Failure, Helper, descriptors, memory_kib, until
from report import Report, collect, markdown, print_header, print_row
from scenarios import SCENARIOS, Scenario, Scene

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECOVERY_TIME = 10.0
CLIENTS = 24
PEERS_REST = 1.2
OURS = "load-balancer"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Load(Helper):
    async def start(self, port: int, folder: pathlib.Path, prefix: str, seed: str, think: float, **more) -> None:
        options = {"clients": CLIENTS, "aborts": 0, "large_bodies": 0, **more}
        await self.launch("load.py", folder / "helpers.log", port=port, prefix=prefix, seed=seed, think=think,
                          results=folder / f"{prefix}.results", **options)


async def answering_backend(port: int) -> str:
    """The name of the backend that answers the next request; empty when none does."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /probe?size=0&form=length HTTP/1.1\r\nHost: faults\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), RECOVERY_TIME)
        writer.close()
    except (OSError, asyncio.TimeoutError):
        return ""
    _, _, rest = answer.decode("latin-1").lower().partition("x-run: ")
    return rest.partition(".")[0]


async def recovered(port: int, backends: list[Backend]) -> None:
    """Polls until every backend has its share of the traffic again."""
    deadline = time.monotonic() + RECOVERY_TIME
    missing = {backend.name for backend in backends}
    while missing:
        if time.monotonic() > deadline:
            raise Failure(f"{', '.join(sorted(missing))} got no traffic again within {RECOVERY_TIME:.0f} s")
        missing.discard(await answering_backend(port))


async def fewest_descriptors(balancer: Balancer) -> int:
    """Over a while, since connections of health checks come and go."""
    fewest = descriptors(balancer.pid)
    deadline = time.monotonic() + 0.4
    while time.monotonic() < deadline:
        await asyncio.sleep(0.005)
        fewest = min(fewest, descriptors(balancer.pid))
    return fewest


async def settled_descriptors(balancer: Balancer) -> int:
    """When all threads and processes have started."""
    deadline = time.monotonic() + RECOVERY_TIME
    before, now = -1, await fewest_descriptors(balancer)
    while before != now:
        if time.monotonic() > deadline:
            raise Failure("the number of descriptors does not settle")
        before, now = now, await fewest_descriptors(balancer)
    return now


async def idle_descriptors(balancer: Balancer, expected: int) -> int:
    """When pooled connections have ended. What does not come back is for the verdict to tell."""
    with contextlib.suppress(Failure):
        await until(lambda: descriptors(balancer.pid) <= expected, IDLE_MS / 1000 * 5 + 5, "idle")
    return await fewest_descriptors(balancer)


async def play(kind: str, binary: str, scenario: Scenario, options: argparse.Namespace) -> Report:
    report = Report(kind, scenario, options.seed)
    seed = f"{options.seed}-{scenario.name}"
    folder = ROOT / "build" / "faults" / kind / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    backends = [Backend(f"b{number}", folder, seed) for number in range(1, scenario.backends + 1)]
    balancer = Balancer(kind, binary, scenario.check_ms)
    loads = Load(), Load()
    try:
        await asyncio.gather(*(backend.start() for backend in backends))
        await balancer.start(folder, backends)
        descriptors_before = await settled_descriptors(balancer)
        # The same load without faults fills what the balancer keeps for good.
        await loads[0].start(balancer.port.number, folder, "warm", seed, options.think, **scenario.load)
        await asyncio.sleep(max(0.5, options.seconds / 4))
        await loads[0].order("stop")
        await idle_descriptors(balancer, descriptors_before)
        memory_before = memory_kib(balancer.pid)

        await loads[1].start(balancer.port.number, folder, "load", seed, options.think, **scenario.load)
        scene = Scene(backends, loads[1], seed, options.seconds, options.rest)
        await scenario.run(scene)
        for backend in backends:
            await backend.faults()
        await loads[1].order("stop")
        await recovered(balancer.port.number, backends)
        report.descriptors = descriptors_before, await idle_descriptors(balancer, descriptors_before)
        report.memory = memory_before, memory_kib(balancer.pid)
        if balancer.process.poll() is not None:
            raise Failure(f"the balancer ended with status {balancer.process.returncode}")
        if errors := (folder / "helpers.log").read_text(encoding="utf-8"):
            raise Failure(f"a backend or the load has a bug of its own, see helpers.log: {errors.splitlines()[-1]}")
        collect(report, folder, scene.outages)
        report.judge()
    except (Failure, OSError, asyncio.TimeoutError) as error:
        report.remarks.append(f"{type(error).__name__}: {error}")
    finally:
        for process in (*loads, *backends):
            await process.kill()
        balancer.stop()
        for backend in backends:
            backend.port.close()
    return report


async def play_all(kind: str, binary: str, names: list[str], options: argparse.Namespace) -> list[Report]:
    """All scenarios, options.parallel at a time; the table grows as they end."""
    print(f"\n{version(kind, binary)}, seed {options.seed}, {options.seconds:g} s each", flush=True)
    print_header()
    free = asyncio.Semaphore(options.parallel)

    async def one(name: str) -> Report:
        async with free:
            report = await play(kind, binary, SCENARIOS[name], options)
        print_row(report)
        for example in report.examples[:10]:
            print(f"    {example}", flush=True)
        if not report.passed:
            print(f"    records and log: build/faults/{kind}/{name}", flush=True)
        return report

    return await asyncio.gather(*(one(name) for name in names))


def lock_results():
    """Two runs at once would mix their records. The lock ends with the file that is returned."""
    folder = ROOT / "build" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure("another run is writing to build/faults") from None
    return lock


def write_document(text: str) -> None:
    path = ROOT / "docs" / "faults.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(ROOT)}")


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test-faults", description="Faults on real sockets.")
    parser.add_argument("scenarios", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--short", action="store_true", help="for the normal tests: shorter, several at once")
    parser.add_argument("--peer", choices=("nginx", "haproxy"), help="the same load on a peer")
    parser.add_argument("--compare", action="store_true", help="all three in turn, and the table of docs/faults.md")
    parser.add_argument("--binary", default=str(ROOT / "build/release/load-balancer"))
    parser.add_argument("--seconds", type=float, help="of faults in each scenario (8; 1.2 with --short)")
    parser.add_argument("--parallel", type=int, help="scenarios at a time (1; 4 with --short)")
    parser.add_argument("--think", type=float, default=0.01, help="seconds a client waits between requests, on average")
    parser.add_argument("--rest", type=float, help="least seconds between the return of a backend and the next fault "
                        f"(0; {PEERS_REST} with --peer and --compare, since nginx keeps a backend out for at least a second)")
    parser.add_argument("--seed", default=str(random.randrange(10**9)), help="of everything that is random")
    options = parser.parse_args()
    options.seconds = options.seconds or (1.2 if options.short else 8.0)
    options.parallel = options.parallel or (4 if options.short else 1)
    if options.rest is None:
        options.rest = PEERS_REST if options.peer or options.compare else 0.0
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario is called {unknown[0]}; there are {', '.join(SCENARIOS)}")
    names = options.scenarios or list(SCENARIOS)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)

    lock = lock_results()
    kinds = [OURS, "nginx", "haproxy"] if options.compare else [options.peer or OURS]
    binaries = {kind: options.binary if kind == OURS else find(kind) for kind in kinds}
    columns = {kind: await play_all(kind, binaries[kind], names, options) for kind in kinds}
    if options.compare:
        command = f"scripts/test-faults --compare --seconds {options.seconds:g} --parallel {options.parallel}"
        write_document(markdown(columns, {kind: version(kind, binaries[kind]) for kind in kinds}, command))
    # Of the peers everything is counted, but only our own verdicts are this test's.
    verdicts = collections.Counter(report.passed for report in columns[kinds[0]])
    lock.close()
    for report in columns[kinds[0]]:
        if not report.passed:
            print("\n    ".join([f"FAILED {report.scenario.name}: {'; '.join(report.remarks)}, seed {options.seed}",
                                *report.examples[:10]]))
    print(f"{verdicts[True]} passed, {verdicts[False]} failed")
    return 1 if verdicts[False] else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except Failure as failure:
        sys.exit(f"test-faults: {failure}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("test-faults: interrupted")
