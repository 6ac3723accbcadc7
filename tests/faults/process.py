"""The processes of a run: reserved ports, backends, the load, and what /proc tells of a balancer."""

import asyncio
import json
import os
import pathlib
import socket
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
START_TIME = 20.0  # seconds a process may take to start, or to do as told, on a busy machine


class Failure(Exception):
    """Something that is no count: a process that did not start, or did not come back."""


async def until(condition, seconds: float, what: str) -> None:
    """Polls `condition` until it holds; a Failure that names `what` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.02)


class Port:
    """A port that the kernel chose and that nobody else gets until the end, while its server is down least of all: it
    stays bound here without listening. A server binds it beside us, since both say SO_REUSEADDR."""

    def __init__(self) -> None:
        self.holder = socket.socket()
        self.holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.holder.bind(("127.0.0.1", 0))
        self.number: int = self.holder.getsockname()[1]

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self.number)) == 0

    def close(self) -> None:
        self.holder.close()


class Helper:
    """A process of ours that takes orders on its standard input and acknowledges each. It ends when that is closed,
    and so with us, however we end."""

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None

    async def launch(self, script: str, errors: pathlib.Path, **options) -> None:
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with open(errors, "a", encoding="utf-8") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-S", str(FOLDER / script), *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log)

    async def expect(self, word: str) -> None:
        line = await asyncio.wait_for(self.process.stdout.readline(), START_TIME)
        if line.decode().strip() != word:
            raise Failure(f"process {self.process.pid} said {line!r} instead of {word!r}")

    async def order(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        await self.expect("ok")

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Backend(Helper):
    def __init__(self, name: str, folder: pathlib.Path, seed: str):
        super().__init__()
        self.name, self.folder, self.seed = name, folder, seed
        self.port = Port()
        self.record = folder / f"{name}.record"
        self.starts = 0

    async def start(self, **faults: float) -> None:
        """On the same port as before, every time."""
        self.starts += 1
        await self.launch("backend.py", self.folder / "helpers.log", name=self.name, port=self.port.number,
                          seed=f"{self.seed}-{self.name}-{self.starts}", record=self.record, faults=json.dumps(faults))
        await self.expect("ready")

    async def terminate(self) -> None:
        self.process.terminate()
        await asyncio.wait_for(self.process.wait(), START_TIME)

    async def faults(self, **faults: float) -> None:
        await self.order(json.dumps({"faults": faults}))

    async def listens(self, listens: bool) -> None:
        await self.order(json.dumps({"listen": listens}))

    async def black_hole(self, on: bool) -> None:
        await self.order(json.dumps({"black_hole": on}))


def processes_of(pid: int) -> list[int]:
    """The process and its children, as nginx has them."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid] + [int(child) for child in children]


def memory_kib(pid: int) -> int:
    """Resident memory of its own, without the pages of files: those are shared, and say nothing about a leak."""
    total = 0
    for process in processes_of(pid):
        for line in pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total


def descriptors(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes_of(pid))
