#!/usr/bin/env python3
"""The clients: a mixed load whose every answer is verified in full. Started by process.py, never by hand.

Control:  lines of standard input, each acknowledged when it holds: "pause" (no request is in flight), "resume",
          "stop" (the results are written). Its end ends the process.
Results:  one JSON array for each request: [id, method, outcome, started, ended, run, status, detail].

Outcomes: answered  complete, and what one run of this request answered, byte for byte
          refused   the balancer's own 502 or 504 to a POST, which may have run and must not be repeated
          silent    no answer to a POST, not even that one
          blamed    the balancer's own 502 or 504 that says that the request failed alike at two good backends
          failed    any other answer of the balancer's own, or none
          cut       broke off, visibly
          wrong     looks complete, and is not the answer
          aborted   the client itself went away
"""

import argparse
import asyncio
import json
import os
import random
import socket
import struct
import sys
import time

from content import answer_body, checksum, request_body

PATIENCE = 15.0  # seconds; more than any sum of the balancer's timeouts
# Reasons of Proxy-Status (RFC 9209) that say that no backend was reached: then nothing can have run.
BLAMED = 'details="failed in the same way at two backends'
NOT_SENT = ("connection_refused", "connection_timeout", "destination_unavailable")


class Cut(Exception):
    """The answer ended before it was complete, and that can be seen."""


class Silence(Exception):
    """The connection ended without a byte of an answer."""


class Wrong(Exception):
    """The answer is not what it should be, and looks complete."""


class Request:
    def __init__(self, request_id: str, rng: random.Random, large_bodies: float):
        self.id = request_id
        self.method = rng.choices(("GET", "PUT", "POST"), (60, 20, 20))[0]
        self.size = 200 * 1024 if rng.random() < 0.1 else rng.randrange(2048)
        self.form = rng.choices(("length", "chunked", "close"), (75, 20, 5))[0]
        length = 0 if self.method == "GET" else rng.randrange(1, 2048)
        if length and rng.random() < large_bodies:
            length = rng.randrange(64 * 1024, 512 * 1024)
        self.body = request_body(request_id, length)

    def bytes(self, close: bool) -> bytes:
        head = f"{self.method} /{self.id}?size={self.size}&form={self.form} HTTP/1.1\r\nHost: faults\r\n"
        if self.method != "GET":
            head += f"Content-Length: {len(self.body)}\r\n"
        if close:
            head += "Connection: close\r\n"
        return (head + "\r\n").encode() + self.body


class Client:
    """One client: a connection at a time, kept or closed after each answer, and another when it has ended."""

    def __init__(self, load: "Load", keeps: bool, rng: random.Random):
        self.load, self.keeps, self.rng = load, keeps, rng
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.status = 0
        self.fields: dict[str, str] = {}

    async def run(self) -> None:
        while not self.load.stopping:
            await self.load.running.wait()
            if self.load.stopping:
                break
            self.load.in_flight += 1
            await self.one()
            self.load.in_flight -= 1
            # Time to think, so that connections idle now and then on both sides.
            await asyncio.sleep(self.rng.uniform(0, 2 * self.load.options.think))
        self.disconnect()

    async def one(self) -> None:
        request = Request(self.load.next_id(), self.rng, self.load.options.large_bodies)
        started = time.monotonic()
        self.status, self.fields = 0, {}
        detail = ""
        try:
            aborts = self.rng.random() < self.load.options.aborts
            outcome = await asyncio.wait_for(self.abort(request) if aborts else self.exchange(request), PATIENCE)
        except Cut as error:
            outcome, detail = "cut", str(error)
        except Wrong as error:
            outcome, detail = "wrong", str(error)
        except Silence:
            outcome, detail = "silent" if request.method == "POST" else "failed", "closed without an answer"
        except asyncio.TimeoutError:
            outcome, detail = "failed", f"no answer within {PATIENCE:.0f} s"
        except OSError as error:
            outcome, detail = "failed", f"connecting or sending: {error}"
        if self.status not in (0, 200):
            detail = f"{self.status} {self.fields.get('proxy-status', '')}"
        if outcome != "answered" or not self.keeps or self.fields.get("connection", "").lower() == "close":
            self.disconnect()
        self.load.note(request, outcome, started, self.fields.get("x-run", ""), self.status, detail)

    async def connect(self) -> None:
        # A kept connection that the balancer has closed meanwhile is no longer one.
        if self.writer is not None and (self.reader.at_eof() or self.writer.is_closing()):
            self.disconnect()
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.load.options.port, limit=1 << 20)

    def disconnect(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def exchange(self, request: Request) -> str:
        await self.connect()
        self.writer.write(request.bytes(close=not self.keeps))
        # The answer may come before all of the request is taken: it is not waited for.
        try:
            await self.read_head()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            partial = getattr(error, "partial", b"")
            raise Cut(f"in the head, after {len(partial)} bytes") if partial else Silence from None
        body = await self.read_body(request)
        if "x-run" not in self.fields:
            return self.own_answer(request)
        self.verify(request, body)
        return "answered"

    def own_answer(self, request: Request) -> str:
        if self.status == 200:
            raise Wrong("200 that no backend has sent")
        sent = not any(reason in self.fields.get("proxy-status", "") for reason in NOT_SENT)
        if request.method != "POST" and BLAMED in self.fields.get("proxy-status", ""):
            return "blamed"
        return "refused" if request.method == "POST" and self.status in (502, 504) and sent else "failed"

    async def read_head(self) -> None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Wrong("no head within 1 MiB") from None
        status_line, *lines = head[:-4].decode("latin-1").split("\r\n")
        try:
            self.status = int(status_line.split(" ")[1])
            self.fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        except (ValueError, IndexError):
            raise Wrong(f"not a head: {head[:80]!r}") from None

    async def read_body(self, request: Request) -> bytes:
        body = bytearray()
        try:
            if self.fields.get("transfer-encoding", "").lower() == "chunked":
                await self.read_chunked(body)
            elif "content-length" in self.fields:
                left = int(self.fields["content-length"])
                while left:
                    if not (piece := await self.reader.read(min(left, 65536))):
                        raise Cut(f"{left} bytes missing of {self.fields['content-length']}")
                    body += piece
                    left -= len(piece)
            else:
                while piece := await self.reader.read(65536):
                    body += piece
                self.disconnect()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut(f"in the body, after {len(body)} of {request.size} bytes: {type(error).__name__}") from None
        return bytes(body)

    async def read_chunked(self, body: bytearray) -> None:
        while True:
            line = await self.reader.readuntil(b"\r\n")
            try:
                size = int(line[:-2].split(b";")[0], 16)
            except ValueError:
                raise Wrong(f"not a chunk size: {line[:80]!r}") from None
            body += await self.reader.readexactly(size)
            if await self.reader.readexactly(2) != b"\r\n":
                raise Wrong("a chunk that is longer than it says")
            if size == 0:
                return

    def verify(self, request: Request, body: bytes) -> None:
        if self.status != 200:
            raise Wrong(f"status {self.status}, the backend sent 200")
        if self.fields.get("x-id") != request.id:
            raise Wrong(f"the answer to request {self.fields.get('x-id')}")
        if len(body) != request.size:
            raise Wrong(f"{len(body)} bytes look complete, {request.size} were asked for, form {request.form}")
        if checksum(body) != checksum(answer_body(request.id, self.fields["x-run"], request.size)):
            raise Wrong("other bytes than the backend sent")
        if self.fields.get("x-heard") not in ("unread", checksum(request.body)):
            raise Wrong("the backend heard another body")

    async def abort(self, request: Request) -> str:
        """Goes away: in the head, in the body, while the answer is awaited, or in it; by an orderly end or a reset."""
        try:
            await self.connect()
            whole = request.bytes(close=not self.keeps)
            kind = self.rng.choice(("in the request", "before the answer", "in the answer"))
            self.writer.write(whole[:self.rng.randrange(1, len(whole))] if kind == "in the request" else whole)
            await self.writer.drain()
            if kind == "in the answer":
                await self.reader.read(self.rng.randrange(1, 4096))
        except ConnectionError:
            pass
        if self.writer is not None and self.rng.random() < 0.5:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if self.writer is not None:
            self.writer.transport.abort()
        return "aborted"


class Load:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.stopping = False
        self.running = asyncio.Event()
        self.running.set()
        self.in_flight = 0
        self.count = 0
        self.results: list[list] = []
        rng = random.Random(options.seed)
        # Every third client closes its connection after each answer.
        self.clients = [Client(self, index % 3 != 2, random.Random(rng.random())) for index in range(options.clients)]

    def next_id(self) -> str:
        self.count += 1
        return f"{self.options.prefix}{self.count}"

    def note(self, request: Request, outcome: str, started: float, run: str, status: int, detail: str) -> None:
        self.results.append([request.id, request.method, outcome, started, time.monotonic(), run, status, detail])

    async def obey(self) -> None:
        control = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(control), sys.stdin)
        clients = [asyncio.ensure_future(client.run()) for client in self.clients]
        while order := (await control.readline()).decode().strip():
            if order == "pause":
                self.running.clear()
                while self.in_flight:
                    await asyncio.sleep(0.002)
            elif order == "resume":
                self.running.set()
            else:
                self.stopping = True
                self.running.set()
                await asyncio.gather(*clients)
                with open(self.options.results, "w", encoding="utf-8") as file:
                    file.writelines(json.dumps(result) + "\n" for result in self.results)
            print("ok", flush=True)
        os._exit(0)


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in (("port", int), ("seed", str), ("prefix", str), ("clients", int), ("think", float),
                       ("aborts", float), ("large_bodies", float), ("results", str)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    await Load(parser.parse_args()).obey()


asyncio.run(main())
