#!/usr/bin/env python3
"""TLS towards clients: certificates by name, versions, sessions, client certificates, reload.

    tests/tls/server_test.py BINARY [TEST...]
"""

import hashlib
import pathlib
import shutil
import ssl
import subprocess
import threading
import time

import harness
from harness import (Authority, Connection, backends, certificates, client_context, listener)

CA = Authority()
SITE = CA.issue("site", "localhost", "example.org", "IP:127.0.0.1")
SITE_RSA = CA.issue("site-rsa", "localhost", "example.org", "IP:127.0.0.1", kind="rsa")
OTHER = CA.issue("other", "other.org", "*.wild.org")
CLIENT = CA.issue("client", subject="/O=Org, Inc./CN=client")
STRANGERS = Authority("Others")
STRANGER = STRANGERS.issue("stranger")


class Server(harness.TestCase):
    def serve(self, *pairs, more="", keys=None, flags=()):
        self.origin = self.backend()
        return self.balancer(listener(tls=True, **(keys or {})) + certificates(*(pairs or (SITE,))) + more +
                             backends(self.origin.url()), flags)

    def subject(self, port, name, **named):
        """Of the certificate that is shown for the name."""
        context = client_context(CA.pem, **named)
        context.check_hostname = False
        with Connection(port, context, name) as one:
            return dict(pair[0] for pair in one.socket.getpeercert()["subject"])["commonName"]

    def test_requests_are_served_and_backends_told(self):
        balancer = self.serve()
        one = self.connect(balancer.ports[0], client_context(CA.pem, alpn=["h2", "http/1.1"]))
        self.assertEqual("http/1.1", one.socket.selected_alpn_protocol())
        for i in range(3):
            self.assertEqual((200, f"GET /{i} HTTP/1.1"), one.ask(f"/{i}")[::2])
        _, fields, _ = self.origin.requests[0]
        self.assertEqual("https", fields["x-forwarded-proto"])
        self.assertEqual("127.0.0.1", fields["x-forwarded-for"])
        self.assertEqual(1, len(self.origin.connections), "a connection to the backend is kept")

    def test_the_name_chooses_the_certificate(self):
        balancer = self.serve(SITE, OTHER)
        for name, wanted in (("example.org", "site"), ("EXAMPLE.org", "site"), ("other.org", "other"),
                             ("a.wild.org", "other"), ("wild.org", "site"), ("b.a.wild.org", "site"), ("nobody", "site"),
                             (None, "site")):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                self.assertEqual(wanted, self.subject(balancer.ports[0], name, version=version), name)

    def test_exact_goes_before_wildcard(self):
        wild = CA.issue("wild", "*.example.net")
        exact = CA.issue("exact", "a.example.net")
        balancer = self.serve(wild, exact)
        self.assertEqual("exact", self.subject(balancer.ports[0], "a.example.net"))
        self.assertEqual("wild", self.subject(balancer.ports[0], "b.example.net"))

    def test_rsa_and_ecdsa_for_one_name(self):
        balancer = self.serve(SITE, SITE_RSA)
        for ciphers, wanted in (("ECDHE-ECDSA-AES128-GCM-SHA256", "site"), ("ECDHE-RSA-AES128-GCM-SHA256", "site-rsa")):
            context = client_context(CA.pem, version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(ciphers)
            with Connection(balancer.ports[0], context) as one:
                self.assertIn((("commonName", wanted),), one.socket.getpeercert()["subject"])

    def test_old_versions_and_ciphers_are_refused(self):
        balancer = self.serve(SITE, SITE_RSA)
        for version, ciphers in ((ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "AES128-SHA"),
                                 (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA256")):
            context = client_context(CA.pem)
            context.minimum_version = context.maximum_version = version
            context.set_ciphers(ciphers)
            with self.assertRaises(ssl.SSLError):
                Connection(balancer.ports[0], context)

    def test_min_version(self):
        balancer = self.serve(more='[tls]\nmin_version = "1.3"\n')
        with self.assertRaises(ssl.SSLError):
            Connection(balancer.ports[0], client_context(CA.pem, version=ssl.TLSVersion.TLSv1_2))
        self.assertEqual(200, self.connect(balancer.ports[0], client_context(CA.pem)).ask()[0])

    def test_no_common_protocol_is_an_alert(self):
        balancer = self.serve()
        with self.assertRaises(ssl.SSLError):
            Connection(balancer.ports[0], client_context(CA.pem, alpn=["h2"]))

    def session_of(self, port, version):
        context = client_context(CA.pem, version=version)
        with Connection(port, context) as one:
            one.ask()
            return context, one.socket.session

    def test_sessions_are_resumed_also_after_a_reload(self):
        balancer = self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, session = self.session_of(balancer.ports[0], version)
            balancer.reload()
            with Connection(balancer.ports[0], context, session=session) as one:
                self.assertTrue(one.socket.session_reused, version)
                self.assertEqual(200, one.ask()[0])

    def test_tickets_do_not_get_round_a_demand_for_certificates(self):
        balancer = self.serve()
        toml = balancer.file.read_text()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            balancer.reload(toml)
            context, session = self.session_of(balancer.ports[0], version)
            balancer.reload(toml.replace("[[backends]]",
                                         f'[tls]\nclient_certificates = "require"\nclient_ca = "{CA.pem}"\n[[backends]]'))
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with Connection(balancer.ports[0], context, session=session) as one:
                    self.assertIsNone(one.ask())
                    raise ConnectionError

    def test_client_certificates(self):
        for mode in ("optional", "require"):
            balancer = self.serve(more=f'[tls]\nclient_certificates = "{mode}"\nclient_ca = "{CA.pem}"\n')
            forged = "X-Client-Cert-Subject: evil\r\nX_Client_Cert_SHA256: evil\r\n"
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with Connection(balancer.ports[0], client_context(CA.pem, CLIENT, version)) as one:
                    self.assertEqual(200, one.ask(fields=forged)[0])
                fields = self.origin.requests[-1][1]
                self.assertEqual(r"CN=client,O=Org\, Inc.", fields["x-client-cert-subject"])
                digest = subprocess.run(["openssl", "x509", "-in", CLIENT[0], "-outform", "DER"], check=True,
                                        capture_output=True).stdout
                self.assertEqual(hashlib.sha256(digest).hexdigest(), fields["x-client-cert-sha256"])
                self.assertNotIn("x_client_cert_sha256", fields)
                # One that is not to be trusted is refused, whether or not one is needed.
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    with Connection(balancer.ports[0], client_context(CA.pem, STRANGER, version)) as one:
                        if one.ask() is None:
                            raise ConnectionError
                try:
                    with Connection(balancer.ports[0], client_context(CA.pem, version=version)) as one:
                        answer = one.ask(fields=forged)
                except (ssl.SSLError, ConnectionError):
                    answer = None
                self.assertEqual(mode == "optional", answer is not None and answer[0] == 200)
                if mode == "optional":
                    self.assertNotIn("x-client-cert-subject", self.origin.requests[-1][1])

    def test_forged_fields_are_removed_on_plain_ports_too(self):
        origin = self.backend()
        balancer = self.balancer(listener() + backends(origin.url()))
        self.connect(balancer.ports[0]).ask(fields="X-Client-Cert-SHA256: evil\r\nx-client-cert-subject: evil\r\n")
        self.assertFalse([name for name in origin.requests[0][1] if "client-cert" in name])

    def test_misdirected_requests(self):
        demand = f'[tls]\nclient_certificates = "optional"\nclient_ca = "{CA.pem}"\n'
        for more, wanted in ((demand, 421), ("", 200)):
            balancer = self.serve(SITE, OTHER, more=more)
            for host, status in (("other.org", wanted), ("A.wild.org:443", wanted), ("example.org", 200),
                                 ("unknown.org", 200)):
                with Connection(balancer.ports[0], client_context(CA.pem)) as one:
                    one.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
                    self.assertEqual(status, one.read()[0], host)

    def test_plain_http_is_told_so(self):
        balancer = self.serve()
        with Connection(balancer.ports[0]) as one:
            status, fields, body = one.ask()
            self.assertEqual(400, status)
            self.assertIn("HTTPS", body)
            self.assertEqual("close", fields["connection"])
            self.assertIsNone(one.read())
        self.assertEqual([], self.origin.requests)

    def test_a_handshake_has_header_in_all(self):
        balancer = self.serve(more='[server.timeouts]\nheader = "500ms"\n')
        begin = time.monotonic()
        slow = [self.connect(balancer.ports[0]) for _ in range(50)]
        for one in slow[:25]:
            one.send(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello, and no more
        # They harm nobody meanwhile.
        self.assertEqual(200, self.connect(balancer.ports[0], client_context(CA.pem)).ask()[0])
        for one in slow:
            self.assertIsNone(one.read())
        self.assertLess(time.monotonic() - begin, 10)

    def test_garbage_harms_nobody(self):
        balancer = self.serve()
        for garbage in (b"\x16\x03\x01\xff\xff" + b"x" * 40000, b"\x80\x2e\x01\x00\x02", b"\x00" * 300, b"\x16" * 2000,
                        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"\x15\x03\x01\x00\x02\x02\x28"):
            one = Connection(balancer.ports[0])
            try:
                one.send(garbage)
                one.socket.shutdown(1)
                while one.socket.recv(4096):
                    pass
            except OSError:
                pass
            one.close()
        self.assertEqual(200, self.connect(balancer.ports[0], client_context(CA.pem)).ask()[0])

    def test_an_orderly_end_has_close_notify(self):
        balancer = self.serve()
        context = client_context(CA.pem)
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        one = self.connect(balancer.ports[0], context)
        one.socket.suppress_ragged_eofs = False
        self.assertEqual(200, one.ask(fields="Connection: close\r\n")[0])
        self.assertEqual(b"", one.socket.recv(1))  # an end without it would throw

    def test_large_bodies(self):
        # One way after the other: two threads must not share one of Python's TLS sockets. tests/unit/tls has both at once.
        size = 3_000_000
        origin = self.backend(lambda line, fields, body: harness.ok(body[::-1]))
        balancer = self.balancer(listener(tls=True) + certificates(SITE) + backends(origin.url()))
        body = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000)
        one = self.connect(balancer.ports[0], client_context(CA.pem))
        one.send(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        line, _, got = harness.read_message(one.stream)
        self.assertEqual("HTTP/1.1 200 OK", line)
        self.assertEqual(body[::-1], got)

    def test_a_renewed_certificate_is_taken_and_a_bad_one_is_not(self):
        certificate, key = CA.issue("renewed", "localhost", subject="/CN=first")
        other = CA.issue("second", "localhost", subject="/CN=second")
        expired = CA.issue("expired", "localhost", days=-1)
        balancer = self.serve((certificate, key))
        old = self.connect(balancer.ports[0], client_context(CA.pem))
        self.assertEqual(200, old.ask()[0])

        def put(pair):
            for source, target in zip(pair, (certificate, key)):
                shutil.copyfile(source, target)

        put(other)
        balancer.reload()
        self.assertEqual("second", self.subject(balancer.ports[0], "localhost"))
        for bad, words in ((lambda: put((SITE[0], other[1])), "does not fit"),
                           (lambda: put(expired), "has expired"),
                           (lambda: pathlib.Path(certificate).write_text("rubbish"), "holds no certificate"),
                           (lambda: pathlib.Path(key).write_text("rubbish"), "holds no private"),
                           (lambda: pathlib.Path(certificate).unlink(), "No such file")):
            put(other)
            bad()
            log = balancer.reload()
            self.assertIn(words, log)
            self.assertIn(key if "private" in words else certificate, log)
            self.assertEqual("second", self.subject(balancer.ports[0], "localhost"), words)
        self.assertEqual(200, old.ask()[0], "a connection outlives all of this")

    def test_a_reload_without_any_good_certificate_never_serves_plainly(self):
        balancer = self.serve(more=f'[tls]\nclient_certificates = "require"\nclient_ca = "{CA.pem}"\n')
        toml = balancer.file.read_text()
        for change in ((SITE[0], "/nowhere.pem"), (SITE[1], "/nowhere.key"), (SITE[1], OTHER[1])):
            balancer.reload(toml.replace(*change))
            with Connection(balancer.ports[0]) as one:
                self.assertEqual(400, one.ask()[0])
            self.assertEqual(200, self.connect(balancer.ports[0], client_context(CA.pem, CLIENT)).ask()[0])
        # One that begins with nothing to show closes.
        plain = self.balancer(listener() + backends(self.origin.url()))
        port = harness.free_port()
        plain.reload(plain.file.read_text() + listener(port=port, tls=True) + certificates(("/nowhere.pem", SITE[1])))
        with Connection(port) as one:
            one.send(one.get())
            try:
                self.assertEqual(b"", one.socket.recv(1))
            except ConnectionError:
                pass
        self.assertEqual(0, len([line for line, _, _ in self.origin.requests if "nowhere" in line]))

    def test_small_records_lose_nothing(self):
        body = bytes(range(256)) * 400
        origin = self.backend(lambda *_: harness.ok(body))
        balancer = self.balancer(listener(tls=True) + certificates(SITE) + backends(origin.url()))
        for size in ("512", "1024", "4096"):
            for version in ("-tls1_2", "-tls1_3"):
                told = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{balancer.ports[0]}", "-quiet",
                                       "-maxfraglen", size, version, "-ign_eof"],
                                      input=b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                      capture_output=True, timeout=harness.TIME, check=False).stdout
                self.assertTrue(told.endswith(body), (size, version, len(told)))

    def test_a_session_is_for_the_name_that_it_was_made_for(self):
        balancer = self.serve(SITE, OTHER, more=f'[tls]\nclient_certificates = "optional"\nclient_ca = "{CA.pem}"\n')
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, session = self.session_of(balancer.ports[0], version)
            context.check_hostname = False
            with Connection(balancer.ports[0], context, "other.org", session=session) as one:
                self.assertFalse(one.socket.session_reused)
                one.send("GET / HTTP/1.1\r\nHost: other.org\r\n\r\n")
                self.assertEqual(200, one.read()[0])
                one.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
                self.assertEqual(421, one.read()[0])

    def test_watch_sees_certificates(self):
        certificate, key = CA.issue("watched", "localhost", subject="/CN=before")
        balancer = self.serve((certificate, key), flags=["-watch"])
        after = CA.issue("after", "localhost")
        for source, target in zip(after, (certificate, key)):
            shutil.copyfile(source, target)
        balancer.wait_logged("is in force")
        self.assertEqual("after", self.subject(balancer.ports[0], "localhost"))

    def test_what_cannot_be_used_is_named_at_the_start_and_by_check(self):
        encrypted = str(CA.folder / "encrypted.key")
        subprocess.run(["openssl", "pkey", "-in", SITE[1], "-aes256", "-passout", "pass:secret", "-out", encrypted],
                       check=True, capture_output=True)
        origin = self.backend()
        for pair, at_fault, words in (((SITE[0], "/nowhere.key"), "/nowhere.key", "No such file"),
                                      ((SITE[0], encrypted), encrypted, "encrypted"),
                                      ((SITE[0], OTHER[1]), OTHER[1], "does not fit"),
                                      ((SITE[1], SITE[1]), SITE[1], "no certificate in PEM"),
                                      ((str(CA.folder), SITE[1]), str(CA.folder), "folder")):
            toml = listener(tls=True) + certificates(pair) + backends(origin.url())
            for flags in ((), ("-check",)):
                one = harness.Balancer(toml, flags, wait=False)
                self.addCleanup(one.close)
                self.assertNotEqual(0, one.process.wait(harness.TIME), words)
                self.assertIn(at_fault, one.log())
                self.assertIn(words, one.log())
                self.assertNotIn("PRIVATE", one.log().replace("-----BEGIN PRIVATE KEY-----", ""))

    def test_expired_at_the_start_is_served_with_a_warning(self):
        expired = CA.issue("old", "localhost", days=-1)
        balancer = self.serve(expired)
        self.assertIn(f"the certificate in {expired[0]} has expired", balancer.log())
        context = client_context(CA.pem)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.assertEqual(200, self.connect(balancer.ports[0], context).ask()[0])

    def test_a_certificate_that_ends_soon_is_told(self):
        soon = CA.issue("soon", "localhost", days=10)
        admin = harness.free_port()
        balancer = self.serve(soon, more=f"[admin]\nport = {admin}\n")
        self.assertIn(f"the certificate in {soon[0]} expires in ", balancer.log())
        with Connection(admin) as one:
            _, _, metrics = one.ask("/metrics")
        found = [line for line in metrics.splitlines() if line.startswith("load_balancer_certificate_expiry_seconds{")]
        self.assertEqual(1, len(found))
        self.assertIn(f'certificate="{soon[0]}",name="localhost"', found[0])
        self.assertAlmostEqual(time.time() + 10 * 86400, float(found[0].split()[-1]), delta=86400)

    def test_curl_and_openssl(self):
        balancer = self.serve(SITE, SITE_RSA)
        for version in ("--tls-max 1.2", "--tlsv1.3"):
            told = subprocess.run(["curl", "-sS", *version.split(), "--cacert", CA.pem,
                                   f"https://localhost:{balancer.ports[0]}/curl"], capture_output=True, text=True,
                                  timeout=harness.TIME, check=True)
            self.assertEqual("GET /curl HTTP/1.1", told.stdout)
        told = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{balancer.ports[0]}", "-CAfile", CA.pem,
                               "-servername", "localhost", "-verify_return_error"], input="Q\n", capture_output=True,
                              text=True, timeout=harness.TIME, check=True)
        self.assertIn("Verification: OK", told.stdout)


class Listeners(harness.TestCase):
    def test_any_number_and_changes_by_reload(self):
        origin = self.backend()
        ports = [harness.free_port() for _ in range(3)]
        rest = certificates(SITE) + backends(origin.url())
        balancer = self.balancer(listener(port=ports[0]) + listener(port=ports[1], tls=True) + rest)
        self.assertIn(f"listening on https://127.0.0.1:{ports[1]}, ", balancer.log())
        plain = self.connect(ports[0])
        secure = self.connect(ports[1], client_context(CA.pem))
        self.assertEqual(200, plain.ask()[0])
        self.assertEqual(200, secure.ask()[0])
        # One leaves, one comes, one changes what it speaks.
        log = balancer.reload(listener(port=ports[1]) + listener(port=ports[2], tls=True) + rest)
        self.assertIn(f"no longer listening on 127.0.0.1:{ports[0]}", log)
        self.assertEqual(200, plain.ask()[0], "connections outlive their listener")
        self.assertEqual(200, secure.ask()[0])
        self.assertEqual(200, self.connect(ports[1]).ask()[0])
        self.assertEqual(200, self.connect(ports[2], client_context(CA.pem)).ask()[0])
        end = time.monotonic() + harness.TIME
        while time.monotonic() < end:
            try:
                Connection(ports[0]).close()
            except ConnectionRefusedError:
                break
        else:
            self.fail("the port of the listener that left still takes connections")

    def test_a_port_that_is_taken_does_not_stop_the_rest_of_a_reload(self):
        origin = self.backend()
        port = harness.free_port()
        balancer = self.balancer(listener(port=port) + backends(origin.url()))
        log = balancer.reload(listener(port=port) + listener(port=origin.port) + backends(origin.url()))
        self.assertIn(str(origin.port), log)
        self.assertIn("is in force", log)
        self.assertEqual(200, self.connect(port).ask()[0])

    def test_mistakes_have_their_place(self):
        origin = backends("http://127.0.0.1:9")
        for toml, words in ((listener(tls=True) + origin, "needs a certificate"),
                            (listener(proxy_protocol="accept") + origin, "trusted_proxies"),
                            (listener(port=81) + listener(port=81) + origin, "twice"),
                            ("[[listeners]]\ntls = false\n" + origin, "is missing"),
                            ('[tls]\nclient_certificates = "require"\n' + origin, "client_ca"),
                            ('[backend_tls]\nkey = "a"\n' + origin, "certificate")):
            one = harness.Balancer(toml, ["-check"], wait=False)
            self.addCleanup(one.close)
            self.assertEqual(2, one.process.wait(harness.TIME), toml)
            self.assertIn(words, one.log())
            self.assertRegex(one.log(), r"lb\.toml:\d+:\d+: ")

    def test_port_means_the_plain_listener(self):
        origin = self.backend()
        balancer = self.balancer(listener(port=1, tls=True).replace("port = 1\n", "port = 0\n") + listener(port=1) +
                                 certificates(SITE) + backends(origin.url()), ["-port", "0"])
        self.assertEqual(200, self.connect(balancer.ports[1]).ask()[0])
        self.assertEqual(200, self.connect(balancer.ports[0], client_context(CA.pem)).ask()[0])

    def test_take_over_after_the_first_listener_has_changed(self):
        origin = self.backend()
        ports = [harness.free_port() for _ in range(2)]
        first = self.balancer(listener(port=ports[0]) + backends(origin.url()))
        toml = listener(port=ports[1]) + listener(port=ports[0]) + backends(origin.url())
        first.reload(toml)
        second = self.balancer(toml, ["-takeover"])
        self.assertIn("taking over", second.log())
        self.assertEqual(0, first.process.wait(harness.TIME))
        for port in ports:
            self.assertEqual(200, self.connect(port).ask()[0])

    def test_an_address_that_changes_leaves_nobody_outside(self):
        origin = self.backend()
        port = harness.free_port()
        balancer = self.balancer(listener(address="0.0.0.0", port=port) + backends(origin.url()))
        balancer.reload(listener(address="127.0.0.1", port=port) + backends(origin.url()))
        self.assertEqual(200, self.connect(port).ask()[0])

    def test_take_over_of_all_listeners(self):
        origin = self.backend()
        ports = [harness.free_port() for _ in range(2)]
        toml = listener(port=ports[0]) + listener(port=ports[1], tls=True) + certificates(SITE) + backends(origin.url())
        first = self.balancer(toml)
        stop = threading.Event()
        failures, served = [], []

        def load(port, context):
            while not stop.is_set():
                try:
                    with Connection(port, client_context(CA.pem) if context else None) as one:
                        served.append(one.ask()[0])
                except (OSError, TypeError) as reason:
                    failures.append(repr(reason))

        threads = [threading.Thread(target=load, args=(port, port == ports[1])) for port in ports]
        for thread in threads:
            thread.start()
        second = self.balancer(toml, ["-takeover"])
        self.assertEqual(0, first.process.wait(harness.TIME))
        since = len(served)
        end = time.monotonic() + harness.TIME
        while len(served) < since + 20 and time.monotonic() < end:
            time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
        self.assertGreaterEqual(len(served), since + 20)
        self.assertIn("taking over", second.log())


if __name__ == "__main__":
    harness.main()
