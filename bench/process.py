"""Processes of a run: started on chosen processors and free ports, read through /proc, ended by their number."""

import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

START_SECONDS = 20.0
END_SECONDS = 5.0
DESCRIPTORS_WANTED = 65536
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something went wrong that no figure may hide."""


class Ports:
    """Free ports, as the kernel chose them. Each stays bound here without listening, so that nobody else gets it; its
    server binds it as well, since both say SO_REUSEADDR."""

    def __init__(self, count: int):
        self.holders: list[socket.socket] = []
        for _ in range(count):
            holder = socket.socket()
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            self.holders.append(holder)
        self.numbers: list[int] = [holder.getsockname()[1] for holder in self.holders]

    def close(self) -> None:
        for holder in self.holders:
            holder.close()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition, seconds: float, what: str) -> None:
    """Polls until `condition` holds; a Failure that names `what` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)


def raise_descriptor_limit() -> int:
    """As many open files as wanted if we may, else as many as there are. Processes started later inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, DESCRIPTORS_WANTED), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def start(command: list, cores: set[int], log: pathlib.Path | int, environment: dict | None = None,
          **more) -> subprocess.Popen:
    """In a session of its own, so that Ctrl-C reaches this program alone, which then ends the rest in order. Should it
    be killed outright, the kernel ends them."""
    def place() -> None:
        os.sched_setaffinity(0, cores)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    output = open(log, "a", encoding="utf-8") if isinstance(log, pathlib.Path) else log
    try:
        return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                **({"stdout": output, "stderr": output} | more), preexec_fn=place,
                                start_new_session=True, env=environment)
    finally:
        if isinstance(log, pathlib.Path):
            output.close()


def stop(process: subprocess.Popen) -> bool:
    """Asks, waits, forces: never leaves a process behind. False where it had to be forced."""
    if process.poll() is not None:
        return True
    process.terminate()
    try:
        process.wait(END_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        for pid in reversed(family(process.pid)):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        return False


def family(pid: int) -> list[int]:
    """The process and its children: nginx is several."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid] + [int(child) for child in children]


def place(pids: list[int], cores: set[int]) -> None:
    for pid in pids:
        os.sched_setaffinity(pid, cores)


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of all threads, also of those that ended. The clock of a process has nanoseconds, where
    /proc/PID/stat has ticks of 10 ms."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def waited_seconds(pids: list[int]) -> float:
    """How long their threads were ready to run while something else had the processor."""
    return sum(int(path.read_text(encoding="ascii").split()[1]) for pid in pids
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def memory_kib(pids: list[int], field: str = "VmRSS") -> int:
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total
