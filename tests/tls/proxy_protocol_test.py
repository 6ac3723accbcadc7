#!/usr/bin/env python3
"""The PROXY protocol from proxies in front and towards backends, and X-Forwarded-For of those that are trusted.

    tests/tls/proxy_protocol_test.py BINARY [TEST...]
"""

import json
import socket
import ssl
import struct
import subprocess
import time

import harness
from harness import Authority, Connection, backends, certificates, client_context, listener, server_context

CA = Authority()
SITE = CA.issue("site", "localhost", "IP:127.0.0.1")
TRUST = '[server]\nthreads = 1\ntrusted_proxies = ["127.0.0.0/8", "192.0.2.0/24"]\n'
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 4000 443\r\n"
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = (V2_SIGNATURE + b"\x21\x11" + struct.pack("!H", 12) + socket.inet_aton("203.0.113.8") +
      socket.inet_aton("198.51.100.1") + struct.pack("!HH", 4001, 443))
V2_LOCAL = V2_SIGNATURE + b"\x20\x00\0\0"


def read_header(one):
    """Reads a PROXY header from the socket: (version, source, source port, destination, its port), or (version, None)."""
    one.settimeout(harness.TIME)
    begin = one.recv(12, socket.MSG_WAITALL)
    if begin == V2_SIGNATURE:
        command, family, size = struct.unpack("!BBH", one.recv(4, socket.MSG_WAITALL))
        rest = one.recv(size, socket.MSG_WAITALL) if size else b""
        if command == 0x20:
            return 2, None
        kind, length = (socket.AF_INET, 4) if family == 0x11 else (socket.AF_INET6, 16)
        ports = struct.unpack("!HH", rest[2 * length:2 * length + 4])
        return (2, socket.inet_ntop(kind, rest[:length]), ports[0], socket.inet_ntop(kind, rest[length:2 * length]),
                ports[1])
    line = begin
    while not line.endswith(b"\r\n"):
        line += one.recv(1)
    words = line.decode().split()
    if words[1] == "UNKNOWN":
        return 1, None
    return 1, words[2], int(words[4]), words[3], int(words[5])


class Inbound(harness.TestCase):
    def serve(self, rule, trust=TRUST, tls=False, more=""):
        self.origin = self.backend()
        return self.balancer(trust + listener(proxy_protocol=rule, tls=tls) + (certificates(SITE) if tls else "") + more +
                             backends(self.origin.url()))

    def client_seen(self):
        return self.origin.requests[-1][1]["x-forwarded-for"]

    def test_both_versions_plain_and_under_tls(self):
        for rule in ("accept", "require"):
            for tls in (False, True):
                balancer = self.serve(rule, tls=tls)
                context = client_context(CA.pem) if tls else None
                for header, wanted in ((V1, "203.0.113.7"), (V2, "203.0.113.8"), (V2_LOCAL, "127.0.0.1"),
                                       (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
                    with Connection(balancer.ports[0], context, preface=header) as one:
                        for _ in range(2):
                            self.assertEqual(200, one.ask()[0])
                            self.assertEqual(wanted, self.client_seen())

    def test_any_number_of_reads(self):
        balancer = self.serve("require")
        for header in (V1, V2):
            one = self.connect(balancer.ports[0])
            whole = header + one.get().encode()
            for i in range(len(whole)):
                one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.send(whole[i:i + 1])
                if i < 30:
                    time.sleep(0.002)  # so that they are not read together
            self.assertEqual(200, one.read()[0])
            # And all at once, with two requests behind it.
            two = self.connect(balancer.ports[0])
            two.send(header + 2 * two.get().encode())
            self.assertEqual([200, 200], [two.read()[0], two.read()[0]])

    def ended(self, port, data):
        with Connection(port) as one:
            one.send(data)
            try:
                return one.socket.recv(1) == b""
            except ConnectionError:
                return True

    def test_accept_takes_connections_without_and_require_does_not(self):
        balancer = self.serve("accept")
        self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])
        self.assertEqual("127.0.0.1", self.client_seen())
        balancer = self.serve("require")
        self.assertTrue(self.ended(balancer.ports[0], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertEqual([], self.origin.requests)

    def test_nobody_else_is_believed(self):
        elsewhere = '[server]\nthreads = 1\ntrusted_proxies = ["192.0.2.1"]\n'
        for rule in ("accept", "require"):
            balancer = self.serve(rule, trust=elsewhere)
            for header in (V1, V2):
                self.assertTrue(self.ended(balancer.ports[0], header + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        balancer = self.serve("accept", trust=elsewhere)
        self.assertEqual(200, self.connect(balancer.ports[0]).ask(fields="X-Forwarded-For: 9.9.9.9\r\n")[0])
        self.assertEqual("9.9.9.9, 127.0.0.1", self.client_seen())

    def test_much_at_once_without_a_header(self):
        balancer = self.serve("accept")
        for size in (10_000, 16_384, 20_000, 300_000):
            body = b"x" * size
            for header in (b"", V2):
                with Connection(balancer.ports[0]) as one:
                    one.send(header + f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + body)
                    self.assertEqual(200, one.read()[0])
                self.assertEqual(size, len(self.origin.requests[-1][2]))

    def test_malformed_headers_are_bad_requests(self):
        balancer = self.serve("accept")
        for bad in (b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n", b"PROXY TCP4 1.2.3.4\r\n", b"PROXY " + b"x" * 200,
                    V2_SIGNATURE + b"\x31\x11\0\x0c" + b"x" * 12, V2_SIGNATURE + b"\x21\x11\xff\xff"):
            self.assertTrue(self.ended(balancer.ports[0], bad + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), bad)
        self.assertEqual([], self.origin.requests)
        self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])

    def test_a_header_that_does_not_come_has_a_deadline(self):
        balancer = self.serve("require", more='[server.timeouts]\nheader = "300ms"\n')
        self.assertTrue(self.ended(balancer.ports[0], b"PROXY TCP4"))

    def test_forwarded_for_of_trusted_proxies(self):
        balancer = self.serve("accept", more="[log]\naccess = \"json\"\naccess_file = \"/dev/stderr\"\n")

        def logged():
            balancer.wait_for(lambda log: log.count('"client"') >= len(self.origin.requests), "the access log")
            return json.loads([line for line in balancer.log().splitlines() if line.startswith("{")][-1])["client"]

        for header, given, client, sent in (
                (b"", "9.9.9.9", "9.9.9.9", "9.9.9.9, 127.0.0.1"),
                (b"", "8.8.8.8, 9.9.9.9, 192.0.2.7", "9.9.9.9", "8.8.8.8, 9.9.9.9, 192.0.2.7, 127.0.0.1"),
                (b"", "192.0.2.9, 192.0.2.7", "192.0.2.9", "192.0.2.9, 192.0.2.7, 127.0.0.1"),
                (b"", "garbage", "127.0.0.1", "garbage, 127.0.0.1"),
                (b"", "5.5.5.5,, 192.0.2.7", "5.5.5.5", "5.5.5.5,, 192.0.2.7, 127.0.0.1"),
                # The header names somebody who is not trusted: what he says of others is not believed.
                (V1, "9.9.9.9", "203.0.113.7", "9.9.9.9, 203.0.113.7"),
                (b"PROXY TCP4 192.0.2.3 198.51.100.1 4000 443\r\n", "9.9.9.9", "9.9.9.9", "9.9.9.9, 192.0.2.3")):
            with Connection(balancer.ports[0], preface=header) as one:
                self.assertEqual(200, one.ask(fields=f"X-Forwarded-For: {given}\r\n")[0])
            self.assertEqual(sent, self.client_seen())
            self.assertEqual(client, logged(), (header, given))

    def test_curl_speaks_it(self):
        balancer = self.serve("require", tls=True)
        told = subprocess.run(["curl", "-sS", "--haproxy-protocol", "--cacert", CA.pem,
                               f"https://localhost:{balancer.ports[0]}/"], capture_output=True, text=True,
                              timeout=harness.TIME, check=True)
        self.assertEqual("GET / HTTP/1.1", told.stdout)


class Outbound(harness.TestCase):
    def test_backends_are_told_who_the_client_is(self):
        for version, tls in (("v1", False), ("v2", False), ("v2", True)):
            origin = self.backend(read_header=read_header, context=server_context(*SITE) if tls else None)
            balancer = self.balancer(f'proxy_protocol = "{version}"\n' + TRUST + listener(proxy_protocol="accept") +
                                     f'[backend_tls]\nca = "{CA.pem}"\n' + backends(origin.url()))
            one = self.connect(balancer.ports[0])
            for _ in range(3):
                self.assertEqual(200, one.ask()[0])
            self.assertEqual([(int(version[1]), "127.0.0.1", one.socket.getsockname()[1], "127.0.0.1",
                               balancer.ports[0])], origin.connections, "one connection serves the client's requests")
            with Connection(balancer.ports[0], preface=V1) as other:
                self.assertEqual(200, other.ask()[0])
            self.assertEqual((int(version[1]), "203.0.113.7", 4000, "198.51.100.1", 443), origin.connections[-1])
            # Behind a proxy that is trusted, each client has its own.
            with Connection(balancer.ports[0]) as proxy:
                for client in ("9.9.9.9", "8.8.8.8", "9.9.9.9"):
                    self.assertEqual(200, proxy.ask(fields=f"X-Forwarded-For: {client}\r\n")[0])
            self.assertEqual(["9.9.9.9", "8.8.8.8"], [seen[1] for seen in origin.connections[2:]])

    def test_connections_are_not_shared_between_clients(self):
        origin = self.backend(read_header=read_header)
        balancer = self.balancer('proxy_protocol = "v2"\nserver.threads = 1\n' + listener() + backends(origin.url()))
        ports = []
        for _ in range(4):
            with Connection(balancer.ports[0]) as one:
                ports.append(one.socket.getsockname()[1])
                self.assertEqual(200, one.ask()[0])
        self.assertEqual(ports, [seen[2] for seen in origin.connections])

    def test_requests_of_one_client_still_take_turns(self):
        origins = [self.backend(read_header=read_header) for _ in range(2)]
        balancer = self.balancer('proxy_protocol = "v1"\nserver.threads = 1\n' + listener() +
                                 backends(*(one.url() for one in origins)))
        client = self.connect(balancer.ports[0])
        for _ in range(6):
            self.assertEqual(200, client.ask()[0])
        self.assertEqual([3, 3], [len(one.requests) for one in origins])
        self.assertEqual([1, 1], [len(one.connections) for one in origins])

    def test_checks_carry_it(self):
        for version, wanted in (("v1", (1, None)), ("v2", (2, None))):
            origin = self.backend(read_header=read_header)
            self.balancer(f'proxy_protocol = "{version}"\n' + listener() + '[health]\ncheck = "http"\n' +
                          backends(origin.url()))
            self.assertEqual([wanted], origin.connections)

    def test_version_6(self):
        origin = self.backend(read_header=read_header)
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("there is no IPv6 here")
        balancer = self.balancer('proxy_protocol = "v2"\n' + listener(address="::1") + backends(origin.url()))
        with socket.create_connection(("::1", balancer.ports[0])) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while one.recv(4096):
                pass
            self.assertEqual((2, "::1", one.getsockname()[1], "::1", balancer.ports[0]), origin.connections[0])


if __name__ == "__main__":
    harness.main()
