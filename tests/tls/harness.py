"""A running balancer between TLS clients and servers of Python's own ssl, with certificates made for the occasion."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY = os.environ.get("LB_TEST_BINARY", "")
TIME = 20  # seconds that anything may take


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Authority:
    """Signs certificates into a folder of its own."""

    def __init__(self, name="Test CA"):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        self.pem = str(self.folder / "ca.pem")
        self._openssl("req", "-x509", *self._key("ec"), "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj",
                      f"/CN={name}", "-addext", "basicConstraints=critical,CA:true")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)

    @staticmethod
    def _key(kind):
        how = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        return ["-nodes", "-newkey", *how]

    def issue(self, name, *names, kind="ec", days=365, subject=None):
        """(certificate, key): paths. The names are DNS names, or addresses as IP:127.0.0.1. days < 0: it has ended."""
        self._openssl("req", "-new", *self._key(kind), "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                      subject or f"/CN={name}")
        alternatives = ",".join(one if ":" in one else f"DNS:{one}" for one in names or (name,))
        (self.folder / "ext").write_text(f"subjectAltName={alternatives}\n")
        # `openssl x509` takes no negative days; `openssl ca` takes dates, with a folder of files around it.
        if days < 0:
            for file, text in (("index.txt", ""), ("serial", os.urandom(8).hex())):
                (self.folder / file).write_text(text)
            (self.folder / "ca.conf").write_text(
                "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
            self._openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in",
                          f"{name}.csr", "-out", f"{name}.pem", "-extfile", "ext", "-notext", "-startdate",
                          "20200101000000Z", "-enddate", "20200201000000Z")
        else:
            self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                          "-out", f"{name}.pem", "-days", str(days), "-extfile", "ext")
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")


def read_message(stream):
    """(first line, fields by lower-case name, body) of a message with Content-Length; None: the stream has ended."""
    line = stream.readline()
    if not line:
        return None
    fields = {}
    while (field := stream.readline()) not in (b"\r\n", b""):
        name, _, value = field.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    body = stream.read(int(fields.get("content-length", 0)))
    return line.decode("latin-1").strip(), fields, body


def ok(body, more=""):
    data = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode() + data


class Backend:
    """Calls answer(line, fields, body) for each request; what it returns is sent, bytes as they are. `context`: speaks TLS.
    `header`: how many bytes of PROXY header stand in front, or a function that reads it from the socket."""

    def __init__(self, answer=None, context=None, read_header=None, after=None):
        self.answer = answer or (lambda line, fields, body: ok(line))
        self.context = context
        self.read_header = read_header
        self.after = after  # called with the socket once an answer was sent; True: the connection goes on
        self.connections = []  # what read_header gave, or None, of each that carried a request or more
        self.resumed = []      # of each TLS handshake
        self.requests = []     # (line, fields, body)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host="127.0.0.1"):
        return f"{'https' if self.context else 'http'}://{host}:{self.port}"

    def _accept(self):
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, plain):
        one = plain
        with contextlib.suppress(OSError, ValueError):
            header = self.read_header(plain) if self.read_header else None
            if self.context:
                one = self.context.wrap_socket(plain, server_side=True)
                self.resumed.append(one.session_reused)
            with one.makefile("rb") as stream:
                first = True
                while message := read_message(stream):
                    if first:
                        self.connections.append(header)
                    first = False
                    self.requests.append(message)
                    one.sendall(self.answer(*message))
                    if self.after and not self.after(one):
                        break
        with contextlib.suppress(OSError):
            one.close()

    def close(self):
        self._listener.close()


def server_context(certificate, key, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca)
    return context


def client_context(ca, certificate=None, version=None, alpn=None):
    context = ssl.create_default_context(cafile=ca)
    if certificate:
        context.load_cert_chain(*certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Connection:
    """A client's, plain or (with a context) under TLS. `preface`: bytes in front of everything."""

    def __init__(self, port, context=None, name="localhost", preface=b"", session=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIME)
        if preface:
            self.socket.sendall(preface)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session)
        self.stream = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def get(self, target="/", fields=""):
        return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"

    def ask(self, target="/", fields=""):
        """(status, fields, body)."""
        self.send(self.get(target, fields))
        return self.read()

    def read(self):
        message = read_message(self.stream)
        if message is None:
            return None
        line, fields, body = message
        return int(line.split()[1]), fields, body.decode("latin-1")

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Balancer:
    """The binary with this configuration, in a folder of its own; `ports`: of its listeners, in their order."""

    def __init__(self, toml, flags=(), wait=True):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        self.file = self.folder / "lb.toml"
        self.write(toml)
        self.log_file = self.folder / "log"
        with self.log_file.open("wb") as out:
            self.process = subprocess.Popen([BINARY, "-config", str(self.file), *flags], stdout=out, stderr=out)
        self.ports = []
        if wait:
            listeners = max(toml.count("[[listeners]]"), 1)
            self.wait_for(lambda log: len(re.findall(" listening on ", log)) >= listeners, "the listeners")
            self.ports = self.listening()

    def listening(self, since=0):
        return [int(port) for port in re.findall(r" listening on \S*:(\d+),", self.log()[since:])]

    def write(self, toml):
        # As an editor does it: a file that is read at any moment is whole.
        temporary = self.folder / "lb.toml.new"
        temporary.write_text(toml)
        temporary.replace(self.file)

    def reload(self, toml=None):
        if toml is not None:
            self.write(toml)
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda log: "is in force" in log[before:] or "was refused" in log[before:], "the reload")
        return self.log()[before:]

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for(self, condition, what):
        end = time.monotonic() + TIME
        while not condition(self.log()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{what} did not come\n{self.log()}")
            time.sleep(0.01)

    def wait_logged(self, text):
        self.wait_for(lambda log: text in log, repr(text))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(TIME)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(TIME)
        return self.process.returncode

    def close(self):
        self.stop()
        self._folder.cleanup()


class TestCase(unittest.TestCase):
    def balancer(self, toml, flags=()):
        one = Balancer(toml, flags)
        self.addCleanup(one.close)
        return one

    def backend(self, *arguments, **named):
        one = Backend(*arguments, **named)
        self.addCleanup(one.close)
        return one

    def connect(self, *arguments, **named):
        one = Connection(*arguments, **named)
        self.addCleanup(one.close)
        return one


def listener(**keys):
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"address": "127.0.0.1", "port": 0, **keys}.items()]
    return "[[listeners]]\n" + "\n".join(lines) + "\n"


def certificates(*pairs):
    return "".join(f'[[certificates]]\ncertificate = "{certificate}"\nkey = "{key}"\n' for certificate, key in pairs)


def backends(*urls, more=""):
    return "".join(f'[[backends]]\nurl = "{url}"\n{more}' for url in urls)


def main():
    """The binary is the first argument, unless the environment names another one."""
    global BINARY
    if len(sys.argv) < 2:
        sys.exit(sys.modules["__main__"].__doc__)
    given = sys.argv.pop(1)
    BINARY = BINARY or given
    unittest.main(verbosity=2)
