"""What every scenario needs: programs that end with it, free ports, waits with a deadline, expectations."""

import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 20.0  # seconds; many times what anything here takes, even on a busy machine


class Failed(Exception):
    """An expectation that did not hold."""


class Skipped(Exception):
    """The scenario cannot run on this machine."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Failed(what)


def expect_equal(what: str, seen, expected) -> None:
    if seen != expected:
        raise Failed(f"{what}: {shorten(seen)} instead of {shorten(expected)}")


def shorten(value) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}…"


def until(holds, what: str, seconds: float = PATIENCE) -> None:
    """Polls `holds` until it is true."""
    deadline = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < deadline, f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


def program(name: str) -> str:
    """The path of a program, also one that only root has on its path."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Skipped(f"there is no {name} here; scripts/install-dependencies test installs it")
    return found


def tcp_table(port: int) -> list[list[str]]:
    """The kernel's lines on sockets of this local port."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return [fields for line in lines if (fields := line.split())[1].endswith(f":{port:04X}")]


def count_waiting_bytes(port: int) -> int:
    """What the kernel holds for the program that listens on this port and that the program has not taken yet."""
    return sum(int(fields[4].split(":")[1], 16) for fields in tcp_table(port))


def count_connections(port: int) -> int:
    return sum(fields[3] == "01" for fields in tcp_table(port))  # TCP_ESTABLISHED


class Process:
    """A program in a process group of its own, so that its workers end with it. Its output goes to a file."""

    def __init__(self, argv: list[str], log: Path, unprivileged: bool = False, **options):
        # nginx and Apache refuse to serve as root, or change the user themselves and then cannot write their files.
        if unprivileged and os.geteuid() == 0:
            options.update(user=65534, group=65534, extra_groups=[])
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          start_new_session=True, **options)

    def is_running(self) -> bool:
        return self.child.poll() is None

    def send(self, number: int) -> None:
        os.killpg(self.child.pid, number)

    def kill(self) -> None:
        # The group may outlive its leader, and is gone when nobody is left in it.
        try:
            self.send(signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Balancer(Process):
    def __init__(self, argv: list[str], log: Path):
        super().__init__(argv, log)
        until(lambda: self.has_logged("listening on") or not self.is_running(), "the balancer listens")
        expect(self.is_running(), f"the balancer ended at once: {self.text()}")
        self.port = int(re.search(r"listening on \S+:(\d+)", self.text()).group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def has_logged(self, text: str) -> bool:
        return text in self.text()

    def stop(self) -> None:
        expect(self.is_running(), f"the balancer ended by itself with status {self.child.returncode}")
        self.send(signal.SIGTERM)
        until(lambda: not self.is_running(), "the balancer stops after SIGTERM")
        expect_equal("the balancer's exit status", self.child.returncode, 0)


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.body = response.read()
        self.status, self.version, self.fields = response.status, response.version, response.headers

    @property
    def text(self) -> str:
        return self.body.decode()


class Scene:
    """One scenario's folder and programs. Leaving it ends them all and removes the folder."""

    def __init__(self, binary: Path):
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="load-balancer-clients-"))
        self.folder.chmod(0o755)  # servers that run as nobody read it
        self.processes: list[Process] = []
        self.balancers: list[Balancer] = []

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *_) -> None:
        for process in self.processes:
            process.kill()
        shutil.rmtree(self.folder)

    def logs(self) -> str:
        """The last lines of each log, for the one who looks for what went wrong."""
        tails = []
        for path in sorted(self.folder.rglob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            tails.append("\n".join([f"  {path.relative_to(self.folder)}:", *(f"    {line}" for line in lines)]))
        return "\n".join(tails)

    def start(self, name: str, argv: list[str], **options) -> Process:
        process = Process(argv, self.folder / f"{name}.log", **options)
        self.processes.append(process)
        return process

    def start_balancer(self, *urls: str, flags: tuple[str, ...] = ()) -> Balancer:
        argv = [str(self.binary), "-backends", ",".join(urls), "-address", "127.0.0.1", "-port", "0", *flags]
        balancer = Balancer(argv, self.folder / f"balancer-{len(self.balancers)}.log")
        self.balancers.append(balancer)
        self.processes.append(balancer)
        return balancer

    def start_server(self, name: str, make_argv, **options) -> tuple[Process, int]:
        """Starts what `make_argv(port)` says on a free port. Another program may take that port first: then again."""
        for _ in range(3):
            port = free_port()
            process = self.start(name, make_argv(port), **options)
            until(lambda: accepts(port) or not process.is_running(), f"{name} listens")
            if process.is_running():
                return process, port
        raise Failed(f"{name} does not start; its log ends: {process.log.read_text(encoding='utf-8')[-400:]}")

    def run(self, *argv: str, allowed: tuple[int, ...] = (0,), **options) -> str:
        """Runs a client to its end and returns its standard output."""
        try:
            done = subprocess.run(argv, capture_output=True, check=False, timeout=60, **options)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{Path(argv[0]).name} does not end") from error
        if done.returncode not in allowed:
            command = " ".join([Path(argv[0]).name, *argv[1:]])
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise Failed(f"{command}: status {done.returncode}: {said[-1500:]}")
        return done.stdout.decode(errors="replace")

    def curl(self, *argv: str, **options) -> str:
        return self.run(program("curl"), "--silent", "--show-error", "--max-time", "30", *argv, **options)


def free_port() -> int:
    """A port below those that the kernel hands to outgoing connections: otherwise an attempt to connect to a server
    that was killed could be given that very port, and connect to itself."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(min(10000, lowest - 2000), lowest)))
                return probe.getsockname()[1]
            except OSError:
                pass


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def ask(port: int, method: str, target: str, body: bytes | None = None, fields: dict | None = None) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        return ask_on(connection, method, target, body, fields)
    finally:
        connection.close()


def ask_on(connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None = None,
           fields: dict | None = None) -> Answer:
    connection.request(method, target, body=body, headers=fields or {})
    return Answer(connection.getresponse())


def expect_turns(what: str, names: list[str]) -> None:
    """Two backends named one and two took exactly alternate turns; which was first does not matter."""
    other = {"one": "two", "two": "one"}
    expect(bool(names) and names[0] in other, f"{what}: unknown backend in {shorten(names)}")
    expected = [names[0] if i % 2 == 0 else other[names[0]] for i in range(len(names))]
    expect_equal(what, names, expected)
