#!/usr/bin/env python3
"""Real peers: nginx and HAProxy behind the balancer and in front of it, Node and Chromium as clients.

    tests/tls/peers_test.py BINARY [TEST...]
"""

import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import harness
from harness import Authority, backends, certificates, client_context, listener

CA = Authority()
SITE = CA.issue("site", "localhost", "IP:127.0.0.1")
TRUST = f'[backend_tls]\nca = "{CA.pem}"\n'


def find(name):
    return shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/sbin:/usr/local/bin")


class Peers(harness.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def need(self, name):
        path = find(name)
        if not path:
            self.skipTest(f"{name} is not installed")
        return path

    def start(self, command, port):
        log = (self.folder / "peer.log").open("ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        end = time.monotonic() + harness.TIME
        while True:
            try:
                harness.Connection(port).close()
                return
            except ConnectionRefusedError:
                if process.poll() is not None or time.monotonic() > end:
                    self.fail((self.folder / "peer.log").read_text())
                time.sleep(0.02)

    def nginx(self, server):
        binary = self.need("nginx")
        port = harness.free_port()
        config = self.folder / f"nginx-{port}.conf"
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"daemon off; master_process off; pid {self.folder}/{port}.pid; error_log stderr;\n"
                          f"events {{}} http {{ access_log off; {temporary}\n{server.replace('PORT', str(port))} }}\n")
        self.start([binary, "-e", "stderr", "-c", str(config)], port)
        return port

    def haproxy(self, text):
        binary = self.need("haproxy")
        port = harness.free_port()
        config = self.folder / f"haproxy-{port}.cfg"
        config.write_text("defaults\n  mode http\n  timeout connect 3s\n  timeout client 20s\n  timeout server 20s\n" +
                          text.replace("PORT", str(port)))
        self.start([binary, "-db", "-f", str(config)], port)
        return port

    def test_nginx_behind_under_tls_with_its_own_sessions(self):
        port = self.nginx(f"server {{ listen 127.0.0.1:PORT ssl; ssl_certificate {SITE[0]}; ssl_certificate_key {SITE[1]};"
                          " ssl_protocols TLSv1.2 TLSv1.3;"
                          ' location / { return 200 "$ssl_protocol $http_x_forwarded_proto $ssl_server_name\\n"; } }')
        balancer = self.balancer(listener(tls=True) + certificates(SITE) + TRUST + '[health]\ncheck = "http"\n' +
                                 backends(f"https://localhost:{port}"))
        self.assertIn("[up]", balancer.log())
        one = self.connect(balancer.ports[0], client_context(CA.pem))
        for _ in range(5):
            self.assertEqual((200, "TLSv1.3 https localhost\n"), one.ask()[::2])

    def test_nginx_behind_is_told_by_the_proxy_protocol(self):
        port = self.nginx('server { listen 127.0.0.1:PORT proxy_protocol;'
                          ' location / { return 200 "$proxy_protocol_addr $proxy_protocol_port\\n"; } }')
        for version in ("v1", "v2"):
            balancer = self.balancer(f'proxy_protocol = "{version}"\n' + listener() + backends(f"http://127.0.0.1:{port}"))
            one = self.connect(balancer.ports[0])
            self.assertEqual(f"127.0.0.1 {one.socket.getsockname()[1]}\n", one.ask()[2])

    def test_haproxy_in_front_and_behind(self):
        behind = self.haproxy("frontend f\n  bind 127.0.0.1:PORT accept-proxy\n"
                              '  http-request return status 200 content-type text/plain lf-string "%[src]"\n')
        balancer = self.balancer('proxy_protocol = "v2"\n[server]\ntrusted_proxies = ["127.0.0.0/8"]\n' +
                                 listener(proxy_protocol="require", tls=True) + certificates(SITE) +
                                 backends(f"http://127.0.0.1:{behind}"))
        for way in ("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"):
            front = self.haproxy("frontend f\n  bind 127.0.0.1:PORT\n  default_backend b\nbackend b\n"
                                 f"  server s 127.0.0.1:{balancer.ports[0]} {way} ssl verify required ca-file {CA.pem} "
                                 "verifyhost localhost\n")
            self.assertEqual((200, "127.0.0.1"), self.connect(front).ask()[::2], way)

    def test_node(self):
        binary = self.need("node")
        origin = self.backend()
        balancer = self.balancer(listener(tls=True) + certificates(SITE) + backends(origin.url()))
        script = self.folder / "client.js"
        script.write_text("""
const https = require('https'), fs = require('fs');
const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: fs.readFileSync(process.argv[3]) });
const ask = (i) => new Promise((done, fail) => {
  const request = https.request({ agent, host: 'localhost', family: 4, port: process.argv[2], path: '/' + i,
                                  method: 'POST' }, (answer) => {
    let body = '';
    answer.on('data', (part) => { body += part; });
    answer.on('end', () => done(answer.statusCode + ' ' + body));
  });
  request.on('error', fail);
  request.end('x'.repeat(100000));
});
Promise.all([...Array(40).keys()].map(ask)).then((all) => {
  console.log(all.every((one, i) => one === '200 POST /' + i + ' HTTP/1.1') ? 'all' : JSON.stringify(all));
  agent.destroy();
});
""")
        told = subprocess.run([binary, str(script), str(balancer.ports[0]), CA.pem], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual("all\n", told.stdout, told.stderr)

    def test_chromium(self):
        binary = self.need("chromium")
        origin = self.backend(lambda line, fields, body: harness.ok(
            f"<p>{fields.get('x-forwarded-proto')} to {line.split()[1]}</p>", "Content-Type: text/html\r\n"))
        balancer = self.balancer(listener(tls=True) + certificates(SITE) + backends(origin.url()))
        told = subprocess.run(
            [binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--ignore-certificate-errors", f"--user-data-dir={self.folder}/profile", "--dump-dom",
             f"https://localhost:{balancer.ports[0]}/page"], capture_output=True, text=True, timeout=90, check=False)
        self.assertIn("<p>https to /page</p>", told.stdout, told.stderr[-2000:])


if __name__ == "__main__":
    harness.main()
