#!/usr/bin/env python3
"""What a proxied request costs: this program beside nginx, HAProxy and Caddy, in turn on the same processors.

scripts/bench installs and builds what this needs, and passes its arguments on. bench/README.md says what is measured.
"""

import argparse
import datetime
import os
import pathlib
import platform
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import backends
import measuring
import plot
import process
import proxies
import report
import workloads

ROOT = pathlib.Path(__file__).resolve().parent.parent
TURN_SECONDS = 0.5  # before another proxy has its turn, about
TURN_WARM_UP = 0.1  # of a proxy that had a turn already
RATE_SHARE = 0.5  # of what the slower of nginx and HAProxy does flat out
CAN_KEEP_UP = 0.8  # a proxy whose limit is not well above the fixed rate has no latency to speak of
IDLE_SETTLE = 3.0
TRACED_SECONDS = 1.5
WAITED = 0.05  # of the time for a processor: more than a proxy alone on it would
LATE_US = 100
BUSY = 0.9  # of its processors: below that, a proxy was not what limited the throughput


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or two: 1 KiB, closing clients, 64 KiB, 1 MiB")
    parser.add_argument("--full", action="store_true", help="everything; the default")
    parser.add_argument("--workloads", metavar="NAME,...", help=f"of {', '.join(workloads.NAMES)}")
    parser.add_argument("--proxies", metavar="NAME,...", help=f"of {', '.join(proxies.KINDS)}")
    parser.add_argument("--rounds", type=int, help="of each measurement (5; quick: 2)")
    parser.add_argument("--seconds", type=float, help="of each measurement (3; quick: 1)")
    parser.add_argument("--workers", type=int, help="worker threads or processes of every proxy (1)")
    parser.add_argument("--plain-peers", action="store_true",
                        help="leave nginx its default buffers, and HAProxy without splicing")
    parser.add_argument("--access-logs", action="store_true", help="every proxy writes a line for each request")
    parser.add_argument("--binary", default=str(ROOT / "build/release/load-balancer"), help="of load-balancer")
    parser.add_argument("--before", metavar="PATH", help="another build of load-balancer, to which the ratios refer; "
                        "without --proxies the two are measured alone")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the proxies and the arrival of requests")
    parser.add_argument("--output", type=pathlib.Path, help="folder of the results (bench/results; with --before "
                        "build/bench)")
    options = parser.parse_args(arguments)
    if options.quick and options.full:
        parser.error("--quick or --full, not both")

    def names(text: str | None, known: list[str], default: list[str], what: str) -> list[str]:
        chosen = default if text is None else text.split(",")
        for name in chosen:
            if name not in known:
                parser.error(f"{what}: there is no {name!r}, only {', '.join(known)}")
        return [name for name in known if name in chosen]

    options.workloads = names(options.workloads, workloads.NAMES,
                              workloads.QUICK if options.quick else workloads.NAMES, "--workloads")
    peers = [kind for kind in proxies.KINDS if kind != proxies.BEFORE and (kind != "caddy" or not options.quick)]
    options.proxies = names(options.proxies, [kind for kind in proxies.KINDS if kind != proxies.BEFORE],
                            [proxies.OURSELVES] if options.before else peers, "--proxies")
    if options.before:
        options.proxies.append(proxies.BEFORE)
    options.output = options.output or ROOT / ("build/bench" if options.before else "bench/results")
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    if options.rounds < 1 or options.seconds < 0.2 or (options.workers or 1) < 1:
        parser.error("at least 1 round of 0.2 seconds and 1 worker")
    return options


class Run:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path):
        self.options, self.folder = options, folder
        self.cores = sorted(os.sched_getaffinity(0))
        self.random = random.Random(options.seed)
        self.binaries = {kind: proxies.find(kind, options.before if kind == proxies.BEFORE else options.binary)
                         for kind in options.proxies}
        self.nginx = proxies.find("nginx", "")
        self.descriptors = process.raise_descriptor_limit()
        self.warm_up = min(0.5, options.seconds / 2)
        self.results: dict[str, dict] = {}
        self.rows: list[report.Row] = []
        self.errors: list[str] = []
        self.notes: list[str] = [
            "nginx and HAProxy " + ("as they come" if options.plain_peers else "tuned for large answers, too"),
            "access logs: " + ("all to files, nginx' buffered" if options.access_logs else "none"),
            "io_uring: strace counts each io_uring_enter as one system call, whatever it submits"]
        self.backends: dict[int, backends.Backend] = {}
        self.bench = measuring.Bench(folder, set(), folder / "open_loop", tool("wrk"), tool("strace"),
                                     backends.write_content(folder))
        folder.chmod(0o755)  # nginx may serve as somebody else
        subprocess.run([tool("g++"), "-std=c++20", "-O2", "-o", self.bench.open_loop, ROOT / "bench/open_loop.cpp"],
                       check=True)
        most = max([1] + [load.workers for load in workloads.chosen(options.workloads, options.workers)])
        if len(self.cores) < most + 2:
            self.note(f"{len(self.cores)} processors are too few to give {most} workers, the backend and the load "
                      "generator their own: they disturb each other")

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(f"Note: {text}", file=sys.stderr)

    def error(self, workload: str, kind: str, phase: str, text: str) -> None:
        line = f"{workload}, {kind}, {phase}: {text}"
        if line not in self.errors:
            self.errors.append(line)
            print(f"ERROR: {line}", file=sys.stderr, flush=True)

    def proxy_cores(self, workers: int) -> set[int]:
        return set(self.cores[:workers])

    def load_cores(self, workers: int) -> set[int]:
        return set(self.cores[workers:] or self.cores[-1:])

    def backend(self, count: int, workers: int) -> tuple[backends.Backend, list[int]]:
        """A backend with at least as many ports, on the processors that so many workers of a proxy leave."""
        size = 1 if count == 1 else workloads.MANY_BACKENDS
        self.bench.load_cores = self.load_cores(workers)
        if size not in self.backends:
            self.backends[size] = backends.Backend(self.nginx, self.folder, f"backend-{size}", size,
                                                   self.bench.load_cores)
        self.backends[size].place(self.bench.load_cores)
        return self.backends[size], self.backends[size].numbers[:count]

    def each(self, workload: workloads.Workload, phase: str, rounds: int, measure, turns: int = 1,
             merge=None) -> dict[str, list[dict]]:
        """`rounds` times a fresh process of each proxy, all there at once, and `turns` times `measure` with each, in
        another order each time: the pace of a shared machine changes within seconds, and should do so for all alike.
        `merge` makes one result of the turns of a round."""
        backend, ports = self.backend(workload.backends, workload.workers)
        return self.in_turn({kind: (kind, ports) for kind in self.options.proxies}, backend, workload, phase, rounds,
                            measure, turns, merge)

    def in_turn(self, contestants: dict[str, tuple[str, list[int]]], backend: backends.Backend,
                workload: workloads.Workload, phase: str, rounds: int, measure, turns: int, merge) -> dict:
        """each(), of anybody: by name, the kind of a proxy and the ports of its backends."""
        results: dict[str, list[dict]] = {name: [] for name in contestants}
        for number in range(rounds):
            given: dict[str, list[dict]] = {name: [] for name in contestants}
            running: dict[str, proxies.Proxy] = {}
            try:
                for name in self.random.sample(list(contestants), len(contestants)):
                    kind, ports = contestants[name]
                    try:
                        running[name] = proxies.Proxy(kind, self.binaries[kind], self.folder, ports, workload.workers,
                                                      self.proxy_cores(workload.workers), self.descriptors,
                                                      self.options.plain_peers, self.options.access_logs, name)
                    except process.Failure as failure:
                        given[name].append({"errors": [str(failure)]})
                for turn in range(number * turns, (number + 1) * turns):
                    for name in self.random.sample(list(running), len(running)):
                        if report.errors_of(given[name]):
                            continue
                        try:
                            given[name].append(measure(running[name], backend, turn))
                        except process.Failure as failure:
                            given[name].append({"errors": [str(failure)]})
            finally:
                for name, proxy in running.items():
                    if not proxy.stop():  # no figure is wrong for it, but nobody shall overlook it
                        self.error(workload.name, name, phase, "did not end on SIGTERM")
            for name, parts in given.items():
                errors = report.errors_of(parts)
                for error in errors:
                    self.error(workload.name, name, f"{phase}, round {number + 1}", error)
                results[name].append({"errors": errors} if errors else merge(parts) if merge else parts[0])
        return results

    def flat(self) -> None:
        """The cost of a request before 2 and before 1,000 backends, of each proxy, in turns: those of two workloads
        are measured minutes apart."""
        workload = workloads.Workload(workloads.FLAT, "flat", backends=workloads.MANY_BACKENDS,
                                      workers=self.options.workers or 1)
        backend, ports = self.backend(workload.backends, workload.workers)
        turns = max(1, round(self.options.seconds / TURN_SECONDS))
        few, many = "{}-before-2", "{}-before-1000"
        contestants = {name.format(kind): (kind, ports[:count]) for kind in self.options.proxies
                       for name, count in ((few, 2), (many, len(ports)))}

        def measure(proxy, backend, turn):
            # Each connection to a backend has been opened before the first turn counts.
            return measuring.closed_loop(proxy, workload, self.bench, backend, 2.0 if turn % turns == 0 else 0,
                                         self.options.seconds / turns)

        results = self.in_turn(contestants, backend, workload, "flat", self.options.rounds, measure, turns,
                               measuring.all_turns_of_closed_loop)
        by_kind = {kind: {"few": results[few.format(kind)], "many": results[many.format(kind)]}
                   for kind in self.options.proxies}
        self.results[workloads.FLAT] = by_kind
        self.show(report.row_of_flatness(by_kind))

    def load(self, workload: workloads.Workload) -> None:
        bench, seconds = self.bench, self.options.seconds

        turns = max(1, round(seconds / TURN_SECONDS))

        def closed(proxy, backend, turn):
            wrong = measuring.check(proxy, workload, bench) if turn == 0 else []
            return {"errors": wrong} if wrong else measuring.closed_loop(
                proxy, workload, bench, backend, self.warm_up if turn % turns == 0 else 0, seconds / turns)

        phases = {"closed": self.each(workload, "closed loop", self.options.rounds, closed, turns,
                                      measuring.all_turns_of_closed_loop)}
        limits = {kind: statistics.median(one["requests_per_second"] for one in rounds)
                  for kind, rounds in phases["closed"].items() if not report.errors_of(rounds)}
        slowest = min((limits[kind] for kind in proxies.PEERS if kind in limits),
                      default=min(limits.values(), default=0))

        rate = slowest * RATE_SHARE
        # Each turn is long enough for a p99, as far as that is bearable.
        enough = min(max(TURN_SECONDS, 1.1 * report.P99_SAMPLES / rate), 4 * seconds) if rate > 0 else 0
        fixed_turns = max(1, round(seconds / enough)) if rate > 0 else 0

        def fixed(proxy, backend, turn):
            if proxy.kind not in limits or limits[proxy.kind] * CAN_KEEP_UP < rate:
                return {"errors": [], "skipped": "cannot keep up"}
            return measuring.fixed_rate(proxy, workload, bench, backend, rate,
                                        self.warm_up if turn % fixed_turns == 0 else TURN_WARM_UP, enough,
                                        self.options.seed + turn)

        if rate > 0:
            phases["fixed"] = self.each(workload, "fixed rate", self.options.rounds, fixed, fixed_turns,
                                        measuring.all_turns_of_fixed_rate)
        phases["calls"] = self.each(workload, "system calls", 1, lambda proxy, backend, number:
                                    measuring.system_calls(proxy, workload, bench, min(seconds, TRACED_SECONDS)))
        by_kind = {kind: {phase: results[kind] for phase, results in phases.items()} for kind in self.options.proxies}
        self.results[workload.name] = by_kind
        self.show(report.rows_of_load(workload, by_kind))
        self.doubts(workload.name, phases)

    def doubts(self, name: str, phases: dict[str, dict[str, list[dict]]]) -> None:
        """Notes on what may have spoiled the figures although nothing failed."""
        def medians(phase: str, field: str) -> dict[str, float]:
            return {kind: statistics.median(one[field] for one in rounds) for kind, rounds in phases[phase].items()
                    if rounds and all(field in one for one in rounds)} if phase in phases else {}

        waited, late, busy = (medians("closed", "waited"), medians("fixed", "generator_late_p99"),
                              medians("closed", "busy"))
        if max(waited.values(), default=0) > WAITED:
            self.note(f"{name}: the machine was busy with something else, for which the proxies waited up to "
                      f"{max(waited.values()):.0%} of the time; measure again")
        if max(late.values(), default=0) > LATE_US:
            self.note(f"{name}: the load generator was late itself (p99 {max(late.values()):,.0f} µs), which the "
                      "latencies contain")
        idling = ", ".join(f"{kind} {share:.0%}" for kind, share in busy.items() if share + waited[kind] < BUSY)
        if idling:
            self.note(f"{name}: not the bottleneck, so that requests/s tell of the load and the backend, too: "
                      f"busy were {idling}")

    def idle(self) -> None:
        count = min(workloads.IDLE_CONNECTIONS, proxies.connections_max(self.descriptors) - 100)
        if count < workloads.IDLE_CONNECTIONS:
            self.note(f"the limit of {self.descriptors} open files allows {count} idle connections")
        workload = workloads.Workload(workloads.IDLE, "idle", workers=self.options.workers or 1)
        results = self.each(workload, "idle", min(3, self.options.rounds),
                            lambda proxy, backend, number: measuring.idle(proxy, count, IDLE_SETTLE))
        self.results[workloads.IDLE] = {kind: {"idle": rounds} for kind, rounds in results.items()}
        self.show(report.rows_of_idle(self.results[workloads.IDLE]))

    def show(self, rows: list[report.Row]) -> None:
        self.rows += rows
        if rows:
            print("\n".join(report.lines_for_terminal(rows, self.options.proxies)) + "\n", flush=True)

    def everything(self) -> None:
        try:
            for workload in workloads.chosen(self.options.workloads, self.options.workers):
                self.load(workload)
            if workloads.IDLE in self.options.workloads:
                self.idle()
            if workloads.FLAT in self.options.workloads:
                self.flat()
        finally:
            for backend in self.backends.values():
                backend.stop()

    def machine(self) -> dict:
        model = next((line.split(":", 1)[1].strip() for line in
                      pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                      if line.startswith("model name")), platform.machine())
        versions = [f"{kind} ({proxies.version(kind, binary)})" for kind, binary in self.binaries.items()]
        return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                "commit": commit(), "command": shlex.join(["scripts/bench", *sys.argv[1:]]),
                "machine": f"{model}, {len(self.cores)} processors, Linux {platform.release()}",
                "network": network(),
                "versions": ", ".join(versions)}

    def write(self) -> None:
        self.options.output.mkdir(parents=True, exist_ok=True)
        latest = self.options.output / "latest"
        machine = self.machine()
        latest.with_suffix(".md").write_text(
            report.markdown(self.rows, self.options.proxies, machine, self.notes, self.errors), encoding="utf-8")
        everything = machine | {"rounds": self.options.rounds, "seconds": self.options.seconds,
                                "seed": self.options.seed, "notes": self.notes, "errors": self.errors,
                                "rows": report.plain(self.rows), "results": self.results}
        latest.with_suffix(".json").write_text(report.as_json(everything) + "\n", encoding="utf-8")
        if not self.options.before:  # the picture is of the peers
            latest.with_suffix(".svg").write_text(plot.draw(self.rows, machine), encoding="utf-8")
        print(f"Written: {latest}.md, .json" + ("" if self.options.before else ", .svg"))


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise process.Failure(f"{name} is not installed; scripts/install-dependencies bench installs it")
    return path


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True,
                              check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "src", "cmake") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def network() -> str:
    """What packets pass on loopback: a namespace that scripts/bench has made has no other interface."""
    interfaces = pathlib.Path("/proc/net/dev").read_text(encoding="utf-8").splitlines()[2:]
    alone = [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    control = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="utf-8").strip()
    return ("a namespace of its own" if alone else "the machine's, with its packet filter") + f", {control}"


def main() -> int:
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            run = Run(options, pathlib.Path(folder))
            run.everything()
            run.write()
        except process.Failure as failure:
            print(f"scripts/bench: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("scripts/bench: interrupted; nothing is written", file=sys.stderr)
            return 130
    for error in run.errors:
        print(f"ERROR: {error}", file=sys.stderr)
    return 1 if run.errors else 0


if __name__ == "__main__":
    sys.exit(main())
