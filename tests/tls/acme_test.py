#!/usr/bin/env python3
"""[acme] against Pebble, a real ACME server, with a name server that sends every name here.

    tests/tls/acme_test.py BINARY [TEST...]
"""

import json
import os
import pathlib
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import Authority, Connection, backends, client_context, listener

CA = Authority("The directory's own")
DIRECTORY = CA.issue("directory", "localhost", "IP:127.0.0.1")
PATIENCE = 60


class NameServer:
    """Every name is 127.0.0.1; of IPv6 there is none."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5
            kind = struct.unpack("!H", query[end - 4:end - 2])[0]
            answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x7f\0\0\x01" if kind == 1 else b""
            self._socket.sendto(query[:2] + b"\x81\x80\0\x01" + struct.pack("!H", bool(answer)) + b"\0\0\0\0" +
                                query[12:end] + answer, peer)

    def close(self):
        self._socket.close()


class Pebble:
    def __init__(self, http_port, tls_port, name_server, bad_nonces=5):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        self.port, self.management = harness.free_port(), harness.free_port()
        (folder / "config.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": DIRECTORY[0], "privateKey": DIRECTORY[1], "httpPort": http_port, "tlsPort": tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        self.log_file = folder / "log"
        with self.log_file.open("wb") as out:
            self.process = subprocess.Popen(
                ["pebble", "-config", str(folder / "config.json"), "-dnsserver", name_server], stdout=out, stderr=out,
                env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(bad_nonces)})
        end = time.monotonic() + harness.TIME
        while "listening on" not in self.log().lower():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(self.log())
            time.sleep(0.02)
        self.directory = f"https://localhost:{self.port}/dir"

    def log(self):
        return self.log_file.read_text(errors="replace")

    def root(self):
        """The authority's certificate, PEM."""
        with Connection(self.management, client_context(CA.pem)) as one:
            return one.ask("/roots/0", "Connection: close\r\n")[2]

    def close(self):
        self.process.kill()
        self.process.wait(harness.TIME)
        self._folder.cleanup()


@unittest.skipUnless(shutil.which("pebble"), "Pebble is not installed")
class Acme(harness.TestCase):
    def setUp(self):
        self.names = NameServer()
        self.addCleanup(self.names.close)
        self.origin = self.backend()
        self.storage = tempfile.TemporaryDirectory()
        self.addCleanup(self.storage.cleanup)

    def pebble(self, http_port, tls_port, **named):
        one = Pebble(http_port, tls_port, self.names.address, **named)
        self.addCleanup(one.close)
        return one

    def toml(self, pebble, listeners, domains=("www.example.org",), more="", storage=None):
        return (listeners + f'[acme]\ndomains = {json.dumps(list(domains))}\nemail = "admin@example.org"\n'
                f'directory = "{pebble.directory}"\nca = "{CA.pem}"\n'
                f'storage = "{storage or self.storage.name + "/acme"}"\n' + more + backends(self.origin.url()))

    def shown(self, port, name):
        """(issuer, names) of the certificate that is shown."""
        context = client_context(CA.pem)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with Connection(port, context, name) as one:
            text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-issuer", "-ext", "subjectAltName"],
                                  input=one.socket.getpeercert(True), capture_output=True, check=True).stdout.decode()
        return text

    def wait_until_shown(self, balancer, port, name):
        end = time.monotonic() + PATIENCE
        while "Pebble" not in self.shown(port, name):
            if time.monotonic() > end:
                self.fail(balancer.log())
            time.sleep(0.1)

    def test_a_certificate_gets_itself_and_is_there_after_a_restart(self):
        plain, secure = harness.free_port(), harness.free_port()
        pebble = self.pebble(plain, secure)
        admin = harness.free_port()
        toml = self.toml(pebble, listener(port=plain) + listener(port=secure, tls=True),
                         more=f"[admin]\nport = {admin}\n")
        balancer = self.balancer(toml)
        stand_in = self.shown(secure, "www.example.org")
        self.assertIn("www.example.org", stand_in, "until it is there")
        self.wait_until_shown(balancer, secure, "www.example.org")
        # A client that believes the authority is served.
        root = pathlib.Path(self.storage.name) / "root.pem"
        root.write_text(pebble.root())
        with Connection(secure, client_context(str(root)), "www.example.org") as one:
            self.assertEqual(200, one.ask()[0])
        with Connection(admin) as one:
            status = json.loads(one.ask("/status")[2])
            metrics = one.ask("/metrics")[2]
        self.assertEqual(["www.example.org", "valid", ""], [status["acme"][0][key] for key in
                                                            ("domain", "state", "problem")])
        self.assertIn('load_balancer_acme_certificate{domain="www.example.org",state="valid"} 1', metrics)
        self.assertIn('name="www.example.org"} ', metrics)
        told = subprocess.run([harness.BINARY, "-status", "-config", str(balancer.file)], capture_output=True, text=True,
                              check=True, timeout=harness.TIME)
        self.assertIn("certificate of www.example.org: valid, until ", told.stdout)
        # The folder is for its owner alone.
        folder = pathlib.Path(self.storage.name) / "acme"
        self.assertEqual(0o700, stat.S_IMODE(folder.stat().st_mode))
        for file in folder.rglob("*.pem"):
            self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode), file)
        self.assertNotIn("PRIVATE", balancer.log())
        # What is stored is used, and nobody is asked.
        self.assertEqual(0, balancer.stop())
        orders = pebble.log().count("POST /order-plz")
        balancer = self.balancer(toml)
        self.assertIn("Pebble", self.shown(secure, "www.example.org"))
        self.assertEqual(orders, pebble.log().count("POST /order-plz"))

    def test_each_kind_alone(self):
        for kind in ("http-01", "tls-alpn-01"):
            with self.subTest(kind):
                plain, secure = harness.free_port(), harness.free_port()
                # Where the other kind is looked for, nobody is.
                pebble = self.pebble(plain if kind == "http-01" else harness.free_port(),
                                     secure if kind != "http-01" else harness.free_port())
                balancer = self.balancer(self.toml(pebble, listener(port=plain) + listener(port=secure, tls=True),
                                                   storage=f"{self.storage.name}/{kind}"))
                self.wait_until_shown(balancer, secure, "www.example.org")

    def test_several_domains_and_one_more_by_reload(self):
        plain, secure = harness.free_port(), harness.free_port()
        pebble = self.pebble(plain, secure)
        listeners = listener(port=plain) + listener(port=secure, tls=True)
        balancer = self.balancer(self.toml(pebble, listeners, ["a.example.org", "b.example.org"]))
        for name in ("a.example.org", "b.example.org"):
            self.wait_until_shown(balancer, secure, name)
            self.assertIn(name, self.shown(secure, name))
        balancer.reload(self.toml(pebble, listeners, ["a.example.org", "b.example.org", "c.example.org"]))
        self.wait_until_shown(balancer, secure, "c.example.org")
        self.assertIn("c.example.org", self.shown(secure, "c.example.org"))

    def test_what_fails_is_told_and_tried_later(self):
        secure, nobody = harness.free_port(), harness.free_port()
        pebble = self.pebble(nobody, nobody)
        admin = harness.free_port()
        balancer = self.balancer(self.toml(pebble, listener(port=secure, tls=True), more=f"[admin]\nport = {admin}\n"))
        end = time.monotonic() + PATIENCE
        status = {}
        while status.get("state") != "failed" and time.monotonic() < end:
            with Connection(admin) as one:
                status = json.loads(one.ask("/status")[2])["acme"][0]
            time.sleep(0.1)
        self.assertEqual("failed", status["state"], balancer.log())
        self.assertTrue(status["problem"])
        self.assertTrue(status["next_try"])
        self.assertIn("www.example.org", balancer.log())
        # The stand-in serves meanwhile.
        self.assertIn("www.example.org", self.shown(secure, "www.example.org"))

    def test_challenges_that_are_not_ours_go_to_the_backends(self):
        plain = harness.free_port()
        pebble = self.pebble(plain, harness.free_port())
        balancer = self.balancer(self.toml(pebble, listener(port=plain)))
        path = "/.well-known/acme-challenge/not-ours"
        with Connection(plain) as one:
            self.assertEqual((200, f"GET {path} HTTP/1.1"), one.ask(path)[::2])
        self.assertEqual(0, balancer.stop())

    def test_an_authority_that_is_not_believed(self):
        plain = harness.free_port()
        pebble = self.pebble(plain, plain)
        other = Authority("Others")
        balancer = self.balancer(self.toml(pebble, listener(port=plain)).replace(CA.pem, other.pem))
        balancer.wait_logged("certificate")

    def test_mistakes(self):
        for words, change in (("wildcard", ('"www.example.org"', '"*.example.org"')),
                              ("https URL", ("directory = \"https", "directory = \"http"))):
            pebble = type("P", (), {"directory": "https://localhost:1/dir"})
            one = harness.Balancer(self.toml(pebble, listener()).replace(*change), ["-check"], wait=False)
            self.addCleanup(one.close)
            self.assertEqual(2, one.process.wait(harness.TIME))
            self.assertIn(words, one.log())


if __name__ == "__main__":
    harness.main()
