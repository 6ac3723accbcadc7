"""What the load scenarios are made of: the balancer's process and its figures, clients and backends over sockets.

Every operation has a deadline, every wait is a poll with one. Messages are read by a deliberately simple reader.
"""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from itertools import cycle
from pathlib import Path
from random import Random

PATIENCE = 20.0  # seconds; only a scenario that fails waits so long
# Its length divides no size of a buffer: a piece that is lost, doubled or swapped changes the checksum.
PATTERN = memoryview(Random(1).randbytes(1_000_003))


class Failure(Exception):
    """What a scenario says when it was disappointed."""


class Cut(Exception):
    """The connection ended, in order or by a reset, before the message did."""


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def wait_until(condition, otherwise, patience=PATIENCE):
    """Polls; returns how many seconds it took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > patience:
            raise Failure(f"{otherwise() if callable(otherwise) else otherwise}, after {patience:g} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def wait_steady(figure, rest=0.5):
    """Waits until `figure()` has not changed for `rest` seconds, and returns it."""
    last, since = figure(), time.monotonic()

    def is_steady():
        nonlocal last, since
        value = figure()
        if value != last:
            last, since = value, time.monotonic()
        return time.monotonic() - since >= rest

    wait_until(is_steady, "no rest")
    return last


def pattern(size, piece_sizes=(len(PATTERN),)):
    """`size` bytes of the repeated pattern, in pieces of these sizes in turn."""
    at = 0
    for piece_size in cycle(piece_sizes):
        if at == size:
            return
        start = at % len(PATTERN)
        piece = PATTERN[start:start + min(piece_size, size - at)]
        at += len(piece)
        yield piece


def checksum(pieces, before=(0, 0)):
    """(how many bytes, their CRC), those `before` included. zlib lets other threads run meanwhile."""
    count, crc = before
    for piece in pieces:
        count += len(piece)
        crc = zlib.crc32(piece, crc)
    return count, crc


class Wire:
    """A connection and what was read ahead of it. `room` is the size of one read."""

    def __init__(self, connected, room=64 * 1024):
        self.socket = connected
        connected.settimeout(PATIENCE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(room)
        self.view = memoryview(self.buffer)
        self.start = self.end = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_chunk(self, data):
        """An empty chunk is the last one."""
        self.send(b"%x\r\n" % len(data))
        self.send(data)
        self.send(b"\r\n")

    def take(self, most):
        """The next bytes, at least one; a view that is good until the next call."""
        if self.start == self.end:
            self.start, self.end = 0, self.receive_into(self.view)
            if self.end == 0:
                raise Cut("closed in mid-message")
        piece = self.view[self.start:min(self.end, self.start + most)]
        self.start += len(piece)
        return piece

    def receive_into(self, view):
        try:
            return self.socket.recv_into(view)
        except ConnectionError as error:
            raise Cut("reset in mid-message") from error

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            data += self.take(count - len(data))
        return bytes(data)

    def line(self):
        """Without its end. None: the connection ended in order, before the line's first byte."""
        while (found := self.buffer.find(b"\r\n", self.start, self.end)) < 0:
            rest = bytes(self.view[self.start:self.end])
            expect(len(rest) < len(self.buffer), "a line that never ends")
            self.view[:len(rest)] = rest
            got = self.receive_into(self.view[len(rest):])
            self.start, self.end = 0, len(rest) + got
            if got == 0:
                if rest:
                    raise Cut("closed in mid-line")
                return None
        text = bytes(self.view[self.start:found])
        self.start = found + 2
        return text

    def head(self):
        """{"": first line, lower-case name: value}, or None when the connection has ended."""
        first = self.line()
        if first is None:
            return None
        head = {"": first.decode()}
        while text := self.line():
            name, _, value = text.decode().partition(":")
            head[name.lower()] = value.strip()
        if text is None:
            raise Cut("closed in mid-head")
        return head

    def chunk(self):
        """The data of the next chunk; empty: it was the last one, and the trailers were read as well."""
        data = self.exactly(self.chunk_size())
        while self.line() and not data:
            pass
        return data

    def body(self, head):
        """The pieces of the body, as they come."""
        if head.get("transfer-encoding") == "chunked":
            while left := self.chunk_size():
                while left:
                    piece = self.take(left)
                    left -= len(piece)
                    yield piece
                expect(self.line() == b"", "no line end behind a chunk")
            while self.line():
                pass
        else:
            left = int(head.get("content-length", 0))
            while left:
                piece = self.take(left)
                left -= len(piece)
                yield piece

    def chunk_size(self):
        text = self.line()
        if text is None:
            raise Cut("closed between chunks")
        return int(text, 16)


class Backend:
    """Listens on a free port; `answer(wire, head)` runs for each request, in a thread for each connection."""

    def __init__(self, answer, room=64 * 1024):
        self.answer = answer
        self.room = room
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open = set()
        self.problems = []
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                connected, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(Wire(connected, self.room),), daemon=True).start()

    def serve(self, wire):
        with self.lock:
            self.open.add(wire)
        try:
            wire.socket.settimeout(None)  # a kept connection may idle; closing the backend ends it
            while head := wire.head():
                self.answer(wire, head)
        except (OSError, Cut):
            pass  # the balancer's end has gone, which scenarios see by `connections`
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(error)
        finally:
            with self.lock:
                self.open.discard(wire)
            wire.close()

    def connections(self):
        return len(self.open)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for wire in self.open:
                wire.socket.shutdown(socket.SHUT_RDWR)
        if kind is None and self.problems:
            raise Failure(f"the backend: {self.problems[0]!r}")


class Balancer:
    """The binary in front of one backend, with its figures from /proc."""

    def __init__(self, binary, backend, toml="", files=None):
        self.folder = tempfile.TemporaryDirectory()
        self.log_path = Path(self.folder.name, "log")
        configuration = Path(self.folder.name, "load-balancer.toml")
        # The default of four seconds would only make the wait longer until no descriptor is in use.
        toml += '\n[pool]\nidle_timeout = "300ms"\n'
        configuration.write_text(f'{toml}\n[[backends]]\nurl = "http://127.0.0.1:{backend.port}"\n', encoding="utf-8")
        command = [binary, "-config", str(configuration), "-address", "127.0.0.1", "-port", "0", "-threads", "2"]
        if files is not None:
            command = ["sh", "-c", f'ulimit -n {files}; exec "$0" "$@"', *command]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            wait_until(lambda: " listening on " in self.log() or self.process.poll() is not None, "it does not listen")
            expect(self.process.poll() is None, f"it ended at once: {self.log()}")
        except Failure:
            self.process.kill()
            raise
        where = self.log().split(" listening on ")[1].split(",")[0]
        self.port = int(where.rpartition(":")[2])
        # Its workers open theirs when they begin to run, which on a busy machine is after the port is open.
        self.descriptors_at_rest = wait_steady(self.descriptors)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def client(self, room=64 * 1024, receive_buffer=None):
        connected = socket.socket()
        if receive_buffer is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.settimeout(PATIENCE)
        connected.connect(("127.0.0.1", self.port))
        return Wire(connected, room)

    def ask(self, target="/", room=64 * 1024):
        """A client that has sent a GET."""
        client = self.client(room)
        client.send(request("GET", target))
        return client

    def ask_once(self, target="/"):
        """The status of a request on a connection of its own, whose answer is read to its end."""
        with self.ask(target) as client:
            head = client.head()
            if head is None:
                raise Cut("no answer")
            checksum(client.body(head))
            return status(head)

    def memory(self, name="VmRSS"):
        """In bytes; VmHWM is the most since forget_peak()."""
        for text in Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines():
            if text.startswith(name + ":"):
                return int(text.split()[1]) * 1024
        raise Failure(f"no {name} of the process; did it end?")

    def forget_peak(self):
        """Makes the peak begin again; returns the memory in use now, or the peak so far where the kernel cannot."""
        try:
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="utf-8")
        except OSError:
            return self.memory("VmHWM")
        return self.memory()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_for_rest(self):
        """Until no more descriptors are open than in the beginning."""
        return wait_until(lambda: self.descriptors() <= self.descriptors_at_rest,
                          lambda: f"{self.descriptors()} descriptors are open, {self.descriptors_at_rest} at rest")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            ended_by_itself = self.process.poll() is not None
            if kind is None and not ended_by_itself:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(PATIENCE)
            if kind is None or ended_by_itself:
                expect(self.process.returncode == 0 and not ended_by_itself,
                       f"the balancer ended with {self.process.returncode}: {self.log()[-400:]}")
        finally:
            self.process.kill()
            self.process.wait()
            self.folder.cleanup()


def request(method, target="/", fields=""):
    """A request's head; `fields` are whole lines, each with its CRLF."""
    return f"{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode()


def status(head):
    return int(head[""].split()[1])


def mebibytes(count):
    return f"{count / 2**20:.1f} MiB"
