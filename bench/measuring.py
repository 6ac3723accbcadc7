"""One figure at a time: what a proxy does with a workload, and every error that would make the figure a lie."""

import dataclasses
import hashlib
import http.client
import json
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import time

import process
from backends import LARGE, SIZES, Backend
from proxies import Proxy
from workloads import Workload

GRACE_SECONDS = 15.0  # beyond its own length, what a load generator may take before it is ended
CONNECTIONS_KEPT_MAX = 20.0  # new connections to the backends per 1,000 requests; more means they are not kept
WRK_POST = 'wrk.method = "POST"\nwrk.body = string.rep("x", {bytes})\n'
WRK_REPORT = """
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n{"requests": %d, "bytes": %.0f, "seconds": %f, "not 2xx": %d, "refused": %d, ' ..
                         '"broken off": %d, "not sent": %d, "timed out": %d}\\n', summary.requests, summary.bytes,
                         summary.duration / 1e6, errors.status, errors.connect, errors.read, errors.write,
                         errors.timeout))
end
"""


@dataclasses.dataclass
class Bench:
    """What every measurement needs to know of this machine and this run."""
    folder: pathlib.Path
    load_cores: set[int]  # backends and load generators
    open_loop: pathlib.Path
    wrk: str
    strace: str
    digests: dict[str, str]


def check(proxy: Proxy, workload: Workload, bench: Bench) -> list[str]:
    """Is the right thing measured? The body arrives whole, the forwarded fields are there. Returns what is wrong."""
    wrong = []
    link = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        link.request("GET", "/fields")
        answer = link.getresponse()
        said = answer.read().decode().strip()
        if answer.status != 200:
            return [f"a first request is answered with {answer.status}"]
        addresses, scheme, host, connection = said.split("|")
        if (addresses, scheme) != ("127.0.0.1", "http") or not host.startswith("127.0.0.1"):
            wrong.append(f"forwarded fields are {addresses!r}, {scheme!r}, {host!r}")
        if connection.lower() == "close":
            wrong.append("asks the backend to close")
        body = b"x" * workload.post_bytes
        link.request("POST" if body else "GET", workload.path, body=body or None)
        answer = link.getresponse()
        content = answer.read()
        if answer.status != 200:
            wrong.append(f"{workload.path} is answered with {answer.status}")
        elif body and not len(body) < int(content) < len(body) + 2000:
            wrong.append(f"the backend saw {int(content)} bytes of a request with {len(body)} bytes of body")
        elif not body and hashlib.sha256(content).hexdigest() != bench.digests[workload.path]:
            wrong.append(f"{workload.path} arrives changed")
        if (workload.path == "/chunked") != (answer.getheader("Transfer-Encoding") == "chunked"):
            wrong.append(f"{workload.path} is sent with the other framing")
    except (OSError, http.client.HTTPException, ValueError) as error:
        wrong.append(f"no proper answer: {error!r}")
    finally:
        link.close()
    return wrong


def parse_wrk(output: str, answer_bytes: int = 0) -> tuple[float, float, list[str]]:
    """(requests, requests per second, errors). With `answer_bytes`, parts of answers count as parts of requests: of
    large answers few are complete when time is up, but the proxy has worked on all that are under way."""
    try:
        report = json.loads(output.strip().splitlines()[-1])
        requests, seconds = report["requests"], report["seconds"]
    except (IndexError, KeyError, TypeError, ValueError):
        return 0, 0.0, [f"wrk says: {output.strip()[-200:]!r}"]
    errors = [f"{count} requests were {what}" for what, count in report.items()
              if what not in ("requests", "bytes", "seconds") and count]
    if answer_bytes:
        requests = report["bytes"] / answer_bytes
    if requests == 0:
        errors.append("not one request was answered")
    return requests, requests / seconds, errors


def run_wrk(proxy: Proxy, workload: Workload, bench: Bench, seconds: float, watch=lambda: None) -> tuple:
    """Calls `watch` now and then while wrk runs. Returns what parse_wrk() does."""
    # wrk takes whole seconds only; an interrupt ends it earlier, with its report.
    command = [bench.wrk, f"-t{2 if len(bench.load_cores) > 1 else 1}", f"-c{workload.connections}", "-d1h",
               "--timeout", "10s"]
    if workload.close:
        command += ["-H", "Connection: close"]
    script = bench.folder / "wrk.lua"
    script.write_text((WRK_POST.format(bytes=workload.post_bytes) if workload.post_bytes else "") + WRK_REPORT,
                      encoding="ascii")
    command += ["-s", script]
    command.append(f"http://127.0.0.1:{proxy.port}{workload.path}")
    load = process.start(command, bench.load_cores, subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + seconds
        while load.poll() is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
            watch()
        load.send_signal(signal.SIGINT)
        output, _ = load.communicate(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return 0, 0.0, ["wrk did not end"]
    finally:
        process.stop(load)
    size = SIZES.get(workload.path, 0)
    return parse_wrk(output, size if size >= LARGE else 0)


def closed_loop(proxy: Proxy, workload: Workload, bench: Bench, backend: Backend, warm_up: float,
                seconds: float) -> dict:
    """As many requests as each connection gets answered one after the other: throughput, CPU time, memory."""
    errors = run_wrk(proxy, workload, bench, warm_up)[2] if warm_up > 0 else []
    memory = [0]
    connections_before, _ = backend.counters()
    started, spent_before = time.monotonic(), process.cpu_seconds(proxy.pids)
    waited_before = process.waited_seconds(proxy.pids)
    requests, rate, more = run_wrk(proxy, workload, bench, seconds,
                                   lambda: memory.append(process.memory_kib(proxy.pids)))
    if trouble := proxy.trouble():
        return {"errors": errors + more + [trouble]}
    spent, took = process.cpu_seconds(proxy.pids) - spent_before, time.monotonic() - started
    waited = process.waited_seconds(proxy.pids) - waited_before
    connections = backend.counters()[0] - connections_before - 1
    per_thousand = max(0, connections - workload.connections) / max(1, requests) * 1000
    if per_thousand > CONNECTIONS_KEPT_MAX and workload.backends == 1:
        more.append(f"{per_thousand:.0f} new connections to the backend per 1,000 requests: they are not kept")
    return {"errors": errors + more, "requests": requests, "seconds": requests / rate if rate else seconds,
            "cpu_seconds": spent, "processor_seconds": took * workload.workers, "waited_seconds": waited,
            "rss_kib": max(memory), "backend_connections": connections}


def all_turns_of_closed_loop(turns: list[dict]) -> dict:
    total = {name: sum(turn[name] for turn in turns) for name in
             ("requests", "seconds", "cpu_seconds", "processor_seconds", "waited_seconds", "backend_connections")}
    return {"errors": [], "requests": total["requests"], "requests_per_second": total["requests"] / total["seconds"],
            "cpu_us": total["cpu_seconds"] / max(1, total["requests"]) * 1e6,
            "busy": total["cpu_seconds"] / total["processor_seconds"],
            "waited": total["waited_seconds"] / total["processor_seconds"],
            "rss_kib": max(turn["rss_kib"] for turn in turns), "backend_connections": total["backend_connections"]}


def fixed_rate(proxy: Proxy, workload: Workload, bench: Bench, backend: Backend, rate: float, warm_up: float,
               seconds: float, seed: int) -> dict:
    """Requests that arrive at their own times: latency. The generator polls, so it gets a processor to itself."""
    alone = {max(bench.load_cores)}
    others = bench.load_cores - alone or alone
    backend.place(others)
    try:
        load = process.start([bench.open_loop, proxy.port, workload.path, rate, warm_up + seconds, warm_up,
                              workload.connections, seed, workload.post_bytes, int(workload.close)],
                             alone, subprocess.PIPE, text=True)
        try:
            output, _ = load.communicate(timeout=warm_up + seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return {"errors": ["the load generator did not end"]}
        finally:
            process.stop(load)
    finally:
        backend.place(bench.load_cores)
    if trouble := proxy.trouble():
        return {"errors": [trouble]}
    if load.returncode != 0:
        return {"errors": [f"the load generator failed: {output.strip()}"]}
    result = json.loads(output)
    errors = [f"{result[name]} answers {what}" for name, what in
              (("bad_status", "were not 200"), ("broken", "broke off"), ("unfinished", "did not come")) if result[name]]
    if result["samples"] == 0:
        errors.append("not one request was answered")
    return {"errors": errors, "rate": rate} | result


def all_turns_of_fixed_rate(turns: list[dict]) -> dict:
    """The median of each figure: what held up a single turn is not what the proxy is like."""
    if any("skipped" in turn for turn in turns):
        return turns[0]
    figures = [name for name in turns[0] if name != "errors"]
    return {"errors": []} | {name: statistics.median(turn[name] for turn in turns) for name in figures}


def parse_strace(summary: str) -> dict[str, int]:
    """Calls by name, from the table of strace -c."""
    calls = {}
    for line in summary.splitlines():
        fields = line.split()
        # % time, seconds, usecs/call, calls, errors or nothing, syscall
        if len(fields) in (5, 6) and re.fullmatch(r"[\d.]+", fields[0]) and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls


def system_calls(proxy: Proxy, workload: Workload, bench: Bench, seconds: float) -> dict:
    """Counted by strace while wrk keeps every connection busy. It slows the proxy much, so nothing is timed here."""
    _, _, errors = run_wrk(proxy, workload, bench, 0.3)
    summary = bench.folder / "strace"
    command = [bench.strace, "-c", "-f", "-q", "-o", summary]
    for pid in proxy.pids:
        command += ["-p", str(pid)]
    tracer = process.start(command, bench.load_cores, subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        traced = [pathlib.Path(f"/proc/{pid}/status") for pid in proxy.pids]
        process.until(lambda: tracer.poll() is not None or
                      all("\nTracerPid:\t0\n" not in status.read_text(encoding="utf-8") for status in traced),
                      process.START_SECONDS, "strace attaches")
        requests, _, more = run_wrk(proxy, workload, bench, seconds)
        tracer.send_signal(signal.SIGINT)
        said, _ = tracer.communicate(timeout=GRACE_SECONDS)
    except (subprocess.TimeoutExpired, process.Failure) as failure:
        return {"errors": [f"strace: {failure}"]}
    finally:
        process.stop(tracer)
    if trouble := proxy.trouble():
        return {"errors": [trouble]}
    calls = parse_strace(summary.read_text(encoding="utf-8"))
    if not calls:
        more.append(f"strace counted nothing: {said.strip()[-200:]!r}")
    return {"errors": errors + more, "requests": requests, "calls": sum(calls.values()) / max(1, requests),
            "by_name": {name: round(count / max(1, requests), 3) for name, count in
                        sorted(calls.items(), key=lambda item: -item[1])}}


IDLE_REQUEST = b"GET /1k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
IDLE_AT_ONCE = 64


def exchange_once(links: list[socket.socket]) -> None:
    """One request on each, at once. Raises where the answer is not whole."""
    for link in links:
        link.sendall(IDLE_REQUEST)
    for link in links:
        answer = b""
        while len(answer.partition(b"\r\n\r\n")[2]) < 1024:
            if not (piece := link.recv(65536)):
                raise process.Failure("a connection that shall idle was closed before it got its answer")
            answer += piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise process.Failure(f"a connection that shall idle got {answer[:12]!r}")


def idle(proxy: Proxy, count: int, settle: float) -> dict:
    """Memory per client connection that has had its answer and waits: right away, and after `settle` seconds."""
    links: list[socket.socket] = []
    try:
        first = [socket.create_connection(("127.0.0.1", proxy.port), timeout=10)]
        links += first
        exchange_once(first)
        before = process.memory_kib(proxy.pids)
        while len(links) < count + 1:
            batch = [socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
                     for _ in range(min(IDLE_AT_ONCE, count + 1 - len(links)))]
            links += batch
            exchange_once(batch)
        at_once = process.memory_kib(proxy.pids)
        time.sleep(settle)  # the time that idling takes is what is measured
        settled = process.memory_kib(proxy.pids)
        closed = [link for link in links if not still_open(link)]
        errors = [f"{len(closed)} of {count} idle connections were closed"] if closed else []
    except (OSError, process.Failure) as error:
        return {"errors": [f"after {len(links)} connections: {error}"] + ([proxy.trouble()] if proxy.trouble() else [])}
    finally:
        for link in links:
            link.close()
    if trouble := proxy.trouble():
        errors.append(trouble)
    return {"errors": errors, "connections": count, "before_kib": before, "at_once_kib": at_once,
            "settled_kib": settled, "per_connection_at_once_kib": (at_once - before) / count,
            "per_connection_kib": (settled - before) / count}


def still_open(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        return len(link.recv(1, socket.MSG_PEEK)) > 0
    except BlockingIOError:
        return True
    except OSError:
        return False
