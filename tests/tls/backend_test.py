#!/usr/bin/env python3
"""TLS towards backends: whom they are believed to be, what is shown to them, sessions, checks, cut answers.

    tests/tls/backend_test.py BINARY [TEST...]
"""

import ssl
import socket
import threading
import time

import harness
from harness import Authority, backends, listener, ok, server_context

CA = Authority()
SITE = CA.issue("site", "localhost", "IP:127.0.0.1")
NAMED = CA.issue("named", "backend.internal")
EXPIRED = CA.issue("expired", "localhost", "IP:127.0.0.1", days=-1)
OWN = CA.issue("own", subject="/CN=balancer")
STRANGERS = Authority("Others")
FOREIGN = STRANGERS.issue("foreign", "localhost", "IP:127.0.0.1")
TRUST = f'[backend_tls]\nca = "{CA.pem}"\n'
ONE_ATTEMPT = "[retry]\nattempts = 1\n[health]\nfailures = 100\n"


class BackendTls(harness.TestCase):
    def serve(self, *origins, more=TRUST, hosts=None, flags=()):
        urls = [origin.url((hosts or ["127.0.0.1"] * len(origins))[i]) for i, origin in enumerate(origins)]
        return self.balancer("server.threads = 1\n" + listener() + more + backends(*urls), flags)

    def test_verified_by_address_and_by_name_and_requests_are_served(self):
        for host in ("127.0.0.1", "localhost"):
            origin = self.backend(context=server_context(*SITE))
            one = self.connect(self.serve(origin, hosts=[host]).ports[0])
            for i in range(5):
                self.assertEqual((200, f"GET /{i} HTTP/1.1"), one.ask(f"/{i}")[::2])
            self.assertEqual(1, len(origin.connections), "a connection is kept, tickets or not")

    def test_what_fails_says_why(self):
        for pair, more, why in ((EXPIRED, TRUST, "certificate has expired"),
                                (NAMED, TRUST, "certificate: name does not match"),
                                (FOREIGN, TRUST, "certificate: the authority that signed it is not trusted"),
                                (SITE, "", "certificate: the authority that signed it is not trusted"),
                                (SITE, TRUST + 'server_name = "elsewhere.internal"\n', "certificate: name does not match")):
            origin = self.backend(context=server_context(*pair))
            admin = harness.free_port()
            balancer = self.serve(origin, more=more + ONE_ATTEMPT + f"[admin]\nport = {admin}\n")
            balancer.wait_logged(f"{origin.url()} [down]")  # by its check, which goes the same way
            self.assertIn(why, balancer.log())
            status, fields, _ = self.connect(balancer.ports[0]).ask(fields="X-Request-Id: it\r\n")
            self.assertEqual(502, status)
            self.assertEqual(f'load-balancer; error=tls_certificate_error; details="{why}"', fields["proxy-status"])
            self.assertEqual([], origin.requests)
            for _ in range(100):
                told = self.connect(admin).ask("/why/it")
                if told[0] == 200:
                    break
            self.assertIn(why, told[2])

    def test_who_does_not_speak_tls(self):
        origin = self.backend(read_header=lambda one: one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        balancer = self.balancer(listener() + TRUST + ONE_ATTEMPT + backends(f"https://127.0.0.1:{origin.port}"))
        status, fields, _ = self.connect(balancer.ports[0]).ask()
        self.assertEqual(502, status)
        self.assertIn("error=tls_protocol_error", fields["proxy-status"])

    def test_without_verification(self):
        origin = self.backend(context=server_context(*FOREIGN))
        balancer = self.serve(origin, more="[backend_tls]\nverify = false\n")
        self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])
        self.assertIn("backend_tls.verify is false", balancer.log())

    def test_server_name(self):
        asked = []
        context = server_context(*NAMED)
        context.sni_callback = lambda _, name, __: asked.append(name)
        origin = self.backend(context=context)
        balancer = self.serve(origin, more=TRUST + 'server_name = "backend.internal"\n')
        self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])
        self.assertEqual({"backend.internal"}, set(asked))

    def test_client_certificate(self):
        origin = self.backend(context=server_context(*SITE, ca=CA.pem))
        with_it = self.serve(origin, more=TRUST + f'certificate = "{OWN[0]}"\nkey = "{OWN[1]}"\n')
        self.assertEqual(200, self.connect(with_it.ports[0]).ask()[0])
        without = self.serve(origin, more=TRUST + ONE_ATTEMPT)
        self.assertEqual(502, self.connect(without.ports[0]).ask()[0])

    def test_a_post_to_one_that_refuses_our_certificate_goes_elsewhere(self):
        strict = self.backend(context=server_context(*SITE, ca=CA.pem))
        good = self.backend()
        balancer = self.serve(strict, good, more=TRUST + "[health]\nfailures = 100\n")
        told = []
        for _ in range(6):
            one = self.connect(balancer.ports[0])
            one.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx")
            told.append(one.read()[0])
        # Now and then the connection's reset hides the alert, and then nobody knows what the backend has seen.
        self.assertIn(200, told)
        self.assertEqual([], strict.requests)
        self.assertLessEqual(len(good.requests), 6, "and none is sent twice")

    def test_sessions_are_used_again(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = server_context(*SITE)
            context.minimum_version = context.maximum_version = version
            origin = self.backend(lambda *_: ok("x", "Connection: close\r\n"), context=context, after=lambda _: False)
            one = self.connect(self.serve(origin).ports[0])
            for _ in range(6):
                self.assertEqual(200, one.ask()[0])
            requests = origin.resumed[-6:]
            self.assertGreaterEqual(requests.count(True), 4, (version, origin.resumed))

    def test_an_answer_that_ends_without_close_notify_is_cut(self):
        def cut(one):
            # The connection's end, and none of the session's.
            socket.socket(fileno=one.detach()).close()
            return False

        origin = self.backend(lambda *_: b"HTTP/1.1 200 OK\r\n\r\nthe beginning of it", context=server_context(*SITE),
                              after=cut)
        one = self.connect(self.serve(origin).ports[0])
        one.send(one.get())
        got = b""
        try:
            while part := one.socket.recv(4096):
                got += part
            whole = got.endswith(b"0\r\n\r\n")
        except ConnectionError:
            whole = False
        self.assertIn(b"the beginning", got)
        self.assertFalse(whole, got)

    def test_an_orderly_end_is_a_whole_answer(self):
        def end(one):
            try:
                one.unwrap()
            except OSError:
                pass
            return False

        origin = self.backend(lambda *_: b"HTTP/1.1 200 OK\r\n\r\nall of it", context=server_context(*SITE), after=end)
        one = self.connect(self.serve(origin).ports[0])
        one.send(one.get())
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            part = one.socket.recv(4096)
            self.assertTrue(part, got)
            got += part
        self.assertIn(b"all of it", got)

    def test_large_bodies(self):
        body = bytes(range(256)) * 20_000
        origin = self.backend(lambda line, fields, got: ok(got), context=server_context(*SITE))
        one = self.connect(self.serve(origin).ports[0])
        one.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        self.assertEqual(body, harness.read_message(one.stream)[2])

    def test_mixed_with_plain_ones_and_changed_by_reload(self):
        secure = self.backend(context=server_context(*SITE))
        plain = self.backend()
        balancer = self.serve(secure, plain)
        one = self.connect(balancer.ports[0])
        for _ in range(6):
            self.assertEqual(200, one.ask()[0])
        self.assertEqual([3, 3], [len(secure.requests), len(plain.requests)])
        # Another authority: what was trusted is not any more, and connections made before are not used.
        balancer.reload(balancer.file.read_text().replace(CA.pem, STRANGERS.pem))
        for _ in range(6):
            self.assertEqual(200, one.ask()[0])
        self.assertEqual(3, len(secure.requests))

    def test_what_cannot_be_verified_is_not_asked_in_the_clear(self):
        plain = self.backend()
        balancer = self.serve(plain, more="")
        seen = []
        secure = self.backend(read_header=lambda one: seen.append(one.recv(4096)))
        balancer.reload(listener() + '[backend_tls]\nca = "/nowhere.pem"\n' + ONE_ATTEMPT +
                        backends(f"https://127.0.0.1:{secure.port}", plain.url()))
        one = self.connect(balancer.ports[0])
        for _ in range(4):
            one.ask()
        self.assertFalse([data for data in seen if b"GET" in data], seen)

    def test_tickets_do_not_undo_a_deadline(self):
        # The backend takes half of a body, answers nothing, and sends a ticket late.
        origin = self.backend(lambda *_: time.sleep(8) or b"", context=server_context(*SITE))
        balancer = self.serve(origin, more=TRUST + ONE_ATTEMPT +
                              '[server.timeouts]\nfirst_response_byte = "500ms"\n[balance]\nstall = "0s"\n')
        one = self.connect(balancer.ports[0])
        one.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nxx")
        time.sleep(0.2)
        began = time.monotonic()
        one.send("xx")
        self.assertEqual(504, one.read()[0])
        self.assertLess(time.monotonic() - began, 5)

    def test_a_bad_authority_at_reload_keeps_the_old_one(self):
        origin = self.backend(context=server_context(*SITE))
        balancer = self.serve(origin)
        log = balancer.reload(balancer.file.read_text().replace(CA.pem, "/nowhere.pem"))
        self.assertIn("/nowhere.pem", log)
        self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])

    def test_a_connection_in_use_does_not_survive_another_authority(self):
        go = threading.Event()

        def answer(line, *_):
            if "slow" in line:
                go.wait(harness.TIME)
            return ok(line)

        origin = self.backend(answer, context=server_context(*SITE))
        balancer = self.serve(origin, more=TRUST + ONE_ATTEMPT)
        one = self.connect(balancer.ports[0])
        one.send(one.get("/slow"))
        while not origin.requests:
            time.sleep(0.01)
        balancer.reload(balancer.file.read_text().replace(CA.pem, STRANGERS.pem))
        go.set()
        self.assertEqual(200, one.read()[0])
        self.assertEqual(502, one.ask()[0])

    def test_a_reload_that_changes_nothing_keeps_connections(self):
        origin = self.backend(context=server_context(*SITE))
        balancer = self.serve(origin)
        one = self.connect(balancer.ports[0])
        for _ in range(3):
            self.assertEqual(200, one.ask()[0])
            balancer.reload()
        self.assertEqual(1, len(origin.connections))

    def test_http_checks_go_the_same_way(self):
        origin = self.backend(context=server_context(*SITE))
        balancer = self.serve(origin, more=TRUST + '[health]\ncheck = "http"\npath = "/health"\n')
        self.assertIn(f"{origin.url()} [up]", balancer.log())
        self.assertEqual("GET /health HTTP/1.1", origin.requests[0][0])

    def test_a_handshake_that_hangs_is_a_failed_connect(self):
        hanging = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(hanging.close)
        good = self.backend(context=server_context(*SITE))
        balancer = self.balancer(
            "server.threads = 1\n" + listener() + TRUST + '[server.timeouts]\nconnect = "300ms"\n[health]\ntimeout = "500ms"\n' +
            backends(f"https://127.0.0.1:{hanging.getsockname()[1]}", good.url()))
        for _ in range(3):
            self.assertEqual(200, self.connect(balancer.ports[0]).ask()[0])


if __name__ == "__main__":
    harness.main()
