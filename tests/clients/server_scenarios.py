"""Real servers as backends: what they answer arrives, connections are kept, a sudden end is not noticed."""

import hashlib
import http.client
import os
import signal
import threading
from dataclasses import dataclass
from typing import Callable

from harness import (PATIENCE, Answer, Scene, ask, ask_on, count_connections, count_waiting_bytes, expect,
                     expect_equal, expect_turns, until)
from servers import LARGE_BYTES, Backend, start_apache, start_gunicorn, start_nginx, start_node, start_python


def post_checksum(client: "Client", _backends: list[Backend]) -> None:
    body = os.urandom(300_000)
    for _ in range(2):
        answer = client.ask("POST", "/checksum", body, {"Content-Type": "application/octet-stream"})
        expect_equal("status of POST", answer.status, 200)
        expect_equal("checksum of what was posted", answer.text.split()[0], hashlib.sha256(body).hexdigest())


def put_file(client: "Client", backends: list[Backend]) -> None:
    """nginx by itself takes no POST, but PUT; the file is in the folder of the backend whose turn it was."""
    for number in range(2):
        body = os.urandom(300_000)
        answer = client.ask("PUT", f"/stored/{number}", body)
        expect_equal("status of PUT", answer.status, 201)
        stored = [path for backend in backends if (path := backend.files / "stored" / str(number)).exists()]
        expect_equal("backends that stored the file", len(stored), 1)
        expect(stored[0].read_bytes() == body, "the stored file differs from what was sent")


def post_refused(client: "Client", _backends: list[Backend]) -> None:
    answer = client.ask("POST", "/small.txt", b"")
    expect_equal("status of POST", answer.status, 501)
    expect(b"Unsupported method ('POST')" in answer.body, "the refusal is not the backend's own")


@dataclass
class Kind:
    start: Callable[[Scene, str], Backend]
    server: str  # what its field Server starts with; empty if it sends none
    upload: Callable
    keeps_connections: bool = True


KINDS = {
    "nginx": Kind(start_nginx, "nginx/", put_file),
    "apache": Kind(start_apache, "Apache", post_checksum),
    "gunicorn": Kind(start_gunicorn, "gunicorn", post_checksum),
    "node": Kind(start_node, "", post_checksum),
    "python_http_server": Kind(start_python, "SimpleHTTP/", post_refused, keeps_connections=False),
}


class Client:
    """Asks on one connection, and sees to it that it stays one."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.connect()
        self.socket = self.connection.sock
        self.count = 0

    def ask(self, method: str, target: str, body: bytes | None = None, fields: dict | None = None) -> Answer:
        answer = ask_on(self.connection, method, target, body, fields)
        self.count += 1
        expect(self.connection.sock is self.socket, f"the client's connection ended after {method} {target}")
        return answer


def start_two(scene: Scene, kind: Kind) -> list[Backend]:
    backends = [kind.start(scene, name) for name in ("one", "two")]
    for backend in backends:
        expect_equal("a direct answer", ask(backend.port, "GET", "/small.txt?direct").text, f"{backend.name}\n")
    return backends


def serves(scene: Scene, kind: Kind) -> None:
    backends = start_two(scene, kind)
    # One worker, thus one pool: how many connections a backend sees is then certain.
    balancer = scene.start_balancer(*(backend.url for backend in backends), flags=("-threads", "1"))
    client = Client(balancer.port)

    answers = [client.ask("GET", "/small.txt") for _ in range(20)]
    expect_turns("GET", [answer.text.strip() for answer in answers])
    for answer in answers:
        expect_equal("status and version", (answer.status, answer.version), (200, 11))
        expect((answer.fields["Server"] or "").startswith(kind.server), f"Server: {answer.fields['Server']}")
        expect_equal("length of small.txt", answer.fields["Content-Length"], "4")

    checksum = hashlib.sha256((scene.folder / "large.bin").read_bytes()).hexdigest()
    for _ in range(2):
        answer = client.ask("GET", "/large.bin")
        expect_equal("checksum of large.bin", hashlib.sha256(answer.body).hexdigest(), checksum)
        answer = client.ask("HEAD", "/large.bin")
        expect_equal("HEAD", (answer.status, answer.fields["Content-Length"], answer.body),
                     (200, str(LARGE_BYTES), b""))
        client.ask("GET", "/small.txt")  # so that the other one's turn comes

    direct = ask(backends[0].port, "GET", "/nothing?direct")
    answer = client.ask("GET", "/nothing")
    expect_equal("404", (answer.status, answer.body), (404, direct.body))
    expect_equal("Proxy-Status of a backend's own 404", answer.fields["Proxy-Status"], None)

    for validator, condition in (("Last-Modified", "If-Modified-Since"), ("ETag", "If-None-Match")):
        if value := answers[0].fields[validator]:
            answer = client.ask("GET", "/small.txt", fields={condition: value})
            expect_equal(f"answer to {condition}", (answer.status, answer.body), (304, b""))
    expect(bool(answers[0].fields["Last-Modified"]), "there was nothing to ask a condition about")

    kind.upload(client, backends)
    if kind.keeps_connections:
        until(lambda: sum(len(backend.requests()) for backend in backends) >= client.count, "the logs are complete")
        for backend in backends:
            ports = {fields[0] for fields in backend.requests()}
            # One until the HEAD, behind which it is watched for a while: some backends send the body that their answer
            # speaks of. And one meanwhile; by then the first is back.
            expect(len(ports) <= 3, f"{len(ports)} connections for {len(backend.requests())} requests to {backend.name}")
        expect_equal("requests in both logs", sum(len(backend.requests()) for backend in backends), client.count)


def dies(scene: Scene, kind: Kind) -> None:
    """A backend is killed while it holds a request that it has not answered; before and after, others run."""
    one, two = start_two(scene, kind)
    balancer = scene.start_balancer(one.url, two.url, flags=("-threads", "1"))
    client = Client(balancer.port)
    names: list[str] = []

    def get(count: int) -> None:
        for _ in range(count):
            answer = client.ask("GET", "/small.txt")
            expect_equal("status", answer.status, 200)
            names.append(answer.text.strip())

    get(20)
    expect_turns("before the end of one backend", names)
    two.process.send(signal.SIGSTOP)
    problems: list[Exception] = []

    def get_two() -> None:
        try:
            get(2)  # one of them is the stopped backend's
        except Exception as problem:  # pylint: disable=broad-exception-caught
            problems.append(problem)

    asking = threading.Thread(target=get_two)
    asking.start()
    try:
        until(lambda: count_waiting_bytes(two.port) > 0 or bool(problems), "a request waits at the stopped backend")
    finally:
        two.process.kill()
        asking.join()
    if problems:
        raise problems[0]
    get(40)
    expect_equal("who answered since", names[20:], ["one"] * 42)
    until(lambda: balancer.has_logged(f"{two.url} [down] (3 retries failed)\n"), "the killed backend is marked down")


def closes_idle_connections(scene: Scene) -> None:
    """gunicorn closes after 1 s what the balancer would keep for 4. No POST may fail of it, nor be sent twice."""
    backends = [start_gunicorn(scene, name, "--keep-alive", "1") for name in ("one", "two")]
    balancer = scene.start_balancer(*(backend.url for backend in backends), flags=("-threads", "1"))
    client = Client(balancer.port)
    for _ in range(2):
        post_checksum(client, backends)
        until(lambda: not any(count_connections(backend.port) for backend in backends), "gunicorn closes them")
    post_checksum(client, backends)
    until(lambda: sum(len(backend.requests()) for backend in backends) >= client.count, "the logs are complete")
    for backend in backends:
        expect_equal(f"POST at {backend.name}", [fields[1:] for fields in backend.requests()],
                     [["POST", "/checksum", "200"]] * 3)
        expect_equal("connections", len({fields[0] for fields in backend.requests()}), 3)


SCENARIOS = {"gunicorn_closes_idle_connections": closes_idle_connections}
for _name, _kind in KINDS.items():
    SCENARIOS[f"{_name}_serves"] = lambda scene, kind=_kind: serves(scene, kind)
    SCENARIOS[f"{_name}_dies"] = lambda scene, kind=_kind: dies(scene, kind)
