#!/usr/bin/env python3
"""A backend that misbehaves as told. Started by process.py, never by hand.

Requests:  METHOD /ID?size=BYTES&form=length|chunked|close, with a body that content.py knows. A request that runs leaves a
line "ID METHOD RUN ok|bad" in the record file before its answer begins; `bad` means a body that is not the client's.
Control:   one JSON object for each line of standard input, acknowledged by a line "ok":
           {"faults": {NAME: PROBABILITY}}, {"listen": bool}, {"black_hole": bool}. Its end ends the process.
SIGTERM:   stops as a good server does: no new connections, idle ones close, requests in flight end.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import struct
import sys
import termios
import time
from urllib.parse import parse_qs, urlsplit

from content import answer_body, checksum, request_body

# Small, so that a body that is left unread is left in the kernel, where closing over it makes a reset.
READ_AHEAD = 16 * 1024
RUBBISH = (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"<html>hello</html>\n",
           b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", b"\x00" * 64)


class Connection:
    """`state` tells what the end of the backend means to it: new (nothing asked yet), busy, or idle."""

    def __init__(self, writer: asyncio.StreamWriter):
        self.writer = writer
        self.state = "new"

    def close(self) -> None:
        self.writer.close()

    def delivered(self) -> bool:
        """All that was written is with the other side's kernel, where a reset no longer destroys it."""
        if self.writer.is_closing() or self.writer.transport.get_write_buffer_size():
            return self.writer.is_closing()
        queued = bytearray(4)
        fcntl.ioctl(self.writer.get_extra_info("socket"), termios.TIOCOUTQ, queued)
        return not any(queued)

    def reset(self) -> None:
        if self.writer.is_closing():
            return
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Backend:
    def __init__(self, options: argparse.Namespace):
        self.name = options.name
        self.port = options.port
        self.rng = random.Random(options.seed)
        self.record = os.open(options.record, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)
        self.faults: dict[str, float] = json.loads(options.faults)
        self.started = time.monotonic()
        self.runs = 0
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task] = set()  # keeps them from being collected
        self.serving = 0
        self.fillers: list[socket.socket] = []
        self.stopping = False
        self.listener: socket.socket | None = None
        self.acceptor: asyncio.Task | None = None

    def draw(self, fault: str) -> bool:
        return self.rng.random() < self.faults.get(fault, 0)

    def spawn(self, coroutine) -> asyncio.Task:
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # Listening

    def listen(self) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.acceptor = self.spawn(self.accept())

    async def accept(self) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(self.listener)
            self.begin(client)

    def begin(self, client: socket.socket) -> None:
        self.serving += 1
        self.spawn(self.serve(client))

    def refuse(self) -> None:
        """Serves whom the kernel has let in already, then closes the port and what idles."""
        if self.listener is not None:
            self.acceptor.cancel()
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.begin(self.listener.accept()[0])
            self.listener.close()
            self.listener = None
        for connection in list(self.connections):
            if connection.state == "idle":
                connection.close()

    async def black_hole(self) -> None:
        """Nobody accepts and the backlog is full: the kernel drops every SYN, without an answer."""
        self.acceptor.cancel()
        self.listener.listen(0)
        loop = asyncio.get_running_loop()
        while True:
            filler = socket.socket()
            filler.setblocking(False)
            self.fillers.append(filler)
            try:
                await asyncio.wait_for(loop.sock_connect(filler, ("127.0.0.1", self.port)), 0.1)
            except asyncio.TimeoutError:
                break
        for connection in list(self.connections):
            if connection.state == "idle":
                connection.close()

    def end_black_hole(self) -> None:
        for filler in self.fillers:
            filler.close()
        self.fillers.clear()
        self.listener.listen(1024)
        self.acceptor = self.spawn(self.accept())

    # Serving

    async def serve(self, client: socket.socket) -> None:
        client.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=client, limit=READ_AHEAD)
        connection = Connection(writer)
        self.connections.add(connection)
        try:
            if self.draw("reset_accept"):
                connection.reset()
            elif self.draw("hang_accept"):
                await self.hang(reader)
            else:
                await self.converse(reader, connection)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # what is left of the conversation is for the other side to tell
        finally:
            self.connections.discard(connection)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.serving -= 1

    async def converse(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while await self.exchange(reader, connection):
            if self.stopping or self.fillers:
                return
            connection.state = "idle"
            for fault, action in (("idle_close", connection.close), ("idle_reset", connection.reset)):
                if self.draw(fault):
                    # As soon as a kept connection is used again, which is when closing it hurts.
                    asyncio.get_running_loop().call_later(self.rng.uniform(0, 0.02), self.when_idle, connection, action)

    @staticmethod
    def when_idle(connection: Connection, action) -> None:
        if connection.state == "idle" and connection.delivered():
            action()

    async def exchange(self, reader: asyncio.StreamReader, connection: Connection) -> bool:
        """One request and its answer. True when the connection may carry another."""
        reused = connection.state == "idle"
        head = await reader.readuntil(b"\r\n\r\n")
        if reused and (connection.writer.is_closing() or self.draw("close_on_arrival")):
            self.rng.choice((connection.close, connection.reset))()
            return False
        connection.state = "busy"
        method, target, fields = parse_head(head)
        url = urlsplit(target)
        request_id, query = url.path[1:], parse_qs(url.query)
        size, form = int(query["size"][0]), query["form"][0]
        length = int(fields.get("content-length", "0"))
        if length and self.draw("early_answer"):
            return await self.answer_early(reader, connection, method, request_id, size)
        body = await reader.readexactly(length)
        if self.draw("reset_unrun"):
            connection.reset()
            return False
        run = self.run(request_id, method, body == request_body(request_id, length))
        return await self.answer(reader, connection, Answer(request_id, run, checksum(body), size, form, fields))

    def run(self, request_id: str, method: str, good: bool) -> str:
        self.runs += 1
        run = f"{self.name}.{os.getpid()}.{self.runs}"
        # One write to a file opened for appending: whole, and safe from our own SIGKILL.
        os.write(self.record, f"{request_id} {method} {run} {'ok' if good else 'bad'}\n".encode())
        return run

    async def answer(self, reader: asyncio.StreamReader, connection: Connection, answer: "Answer") -> bool:
        writer = connection.writer
        if self.draw("reset_read"):
            connection.reset()
            return False
        if self.draw("hang_read"):
            await self.hang(reader)
            return False
        if self.draw("rubbish"):
            writer.write(self.rng.choice(RUBBISH))
            await writer.drain()
            return False
        if self.draw("truncate"):
            await self.truncate(connection, answer)
            return False
        if "slow_start" in self.faults and time.monotonic() - self.started < 1:
            await asyncio.sleep(self.rng.uniform(0, self.faults["slow_start"]))
        head, body = answer.bytes(self.rng, close=self.stopping)
        writer.write(head + body)
        await writer.drain()
        return answer.form != "close" and answer.keep_alive and not self.stopping

    async def truncate(self, connection: Connection, answer: "Answer") -> None:
        head, body = answer.bytes(self.rng, close=False)
        inside_head = not body or self.rng.random() < 0.2
        kept = self.rng.randrange(1, len(head)) if inside_head else len(head) + self.rng.randrange(len(body))
        # The orderly end of a connection completes an answer of form `close`: only a reset is a cut there.
        action = connection.reset if answer.form == "close" else self.rng.choice((connection.close, connection.reset))
        connection.writer.write((head + body)[:kept])
        await connection.writer.drain()
        action()

    async def answer_early(self, reader, connection: Connection, method: str, request_id: str, size: int) -> bool:
        """An answer before the body was read; then a patient end, or one that leaves the body unread."""
        writer = connection.writer
        answer = Answer(request_id, self.run(request_id, method, True), "unread", size, "length", {"connection": "close"})
        head, body = answer.bytes(self.rng, close=True)
        writer.write(head + body)
        await writer.drain()
        if self.rng.random() < 0.5:
            writer.write_eof()
            await self.hang(reader)
        while not connection.delivered():
            await asyncio.sleep(0.001)
        return False

    async def hang(self, reader: asyncio.StreamReader) -> None:
        """Until the other side has had enough."""
        while await reader.read(65536):
            pass

    # Control

    async def command(self, order: dict) -> None:
        if "faults" in order:
            self.faults = order["faults"]
        if "listen" in order:
            (self.listen if order["listen"] else self.refuse)()
        if "black_hole" in order:
            if order["black_hole"]:
                await self.black_hole()
            else:
                self.end_black_hole()

    def stop(self) -> None:
        self.stopping = True
        self.refuse()
        # A connection that has just come is about to ask; one that never does is not waited for.
        for connection in list(self.connections):
            if connection.state == "new":
                asyncio.get_running_loop().call_later(1, lambda c=connection: c.state == "new" and c.close())
        self.spawn(self.end_when_done())

    async def end_when_done(self) -> None:
        while self.serving:
            await asyncio.sleep(0.005)
        os._exit(0)


class Answer:
    def __init__(self, request_id: str, run: str, heard: str, size: int, form: str, fields: dict[str, str]):
        self.request_id, self.run, self.heard, self.size, self.form = request_id, run, heard, size, form
        self.keep_alive = fields.get("connection", "").lower() != "close"

    def bytes(self, rng: random.Random, close: bool) -> tuple[bytes, bytes]:
        """Head and body as they go over the wire."""
        body = answer_body(self.request_id, self.run, self.size)
        head = f"HTTP/1.1 200 OK\r\nX-Id: {self.request_id}\r\nX-Run: {self.run}\r\nX-Heard: {self.heard}\r\n"
        if self.form == "length":
            head += f"Content-Length: {len(body)}\r\n"
        elif self.form == "chunked":
            head += "Transfer-Encoding: chunked\r\n"
            body = chunked(body, rng)
        if close or self.form == "close" or not self.keep_alive:
            head += "Connection: close\r\n"
        return (head + "\r\n").encode(), body


def chunked(body: bytes, rng: random.Random) -> bytes:
    pieces, at = [], 0
    while at < len(body):
        piece = body[at:at + rng.randrange(1, 65536)]
        at += len(piece)
        pieces.append(b"%x\r\n%s\r\n" % (len(piece), piece))
    return b"".join(pieces) + b"0\r\n\r\n"


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines if line)}
    return method, target, fields


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in (("name", str), ("port", int), ("seed", str), ("record", str), ("faults", str)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    backend = Backend(parser.parse_args())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, backend.stop)
    backend.listen()
    print("ready", flush=True)
    control = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(control), sys.stdin)
    while line := await control.readline():
        await backend.command(json.loads(line))
        print("ok", flush=True)
    os._exit(0)


asyncio.run(main())
