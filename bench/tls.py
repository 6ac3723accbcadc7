#!/usr/bin/env python3
"""What TLS costs, beside nginx and HAProxy with the same certificate, versions and ciphers, interleaved in one run.

    bench/tls.py [--binary build/release/load-balancer] [--seconds 3] [--rounds 5] [--json FILE]

One worker each on one processor, an nginx behind them and the load on another: requests on kept connections, 1 MiB,
full handshakes, resumed ones, and the memory of idle connections. CPU is user and system time of the proxy. The last
column is the ratio to the better peer. Needs nginx, haproxy, wrk and openssl; everything listens on loopback.
"""

import argparse
import json
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import backends
import process
from proxies import PEERS, find

OURS = """
[server]
threads = 1
[[listeners]]
address = "127.0.0.1"
port = {port}
tls = true
[[certificates]]
certificate = "{folder}/site.pem"
key = "{folder}/site.key"
[pool]
idle_connections = 1024
idle_timeout = "1m"
[[backends]]
url = "http://127.0.0.1:{backend}"
"""
NGINX = """
daemon off; worker_processes 1; {user} pid {folder}/tls-nginx.pid; error_log {folder}/nginx.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off; keepalive_requests 1000000000; proxy_temp_path {folder}/p; client_body_temp_path {folder}/b;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream b {{ server 127.0.0.1:{backend}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_ecdh_curve X25519:P-256;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
    location / {{
      proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
    }}
  }}
}}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 8000
  ssl-default-bind-curves X25519:P-256
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port} ssl crt {folder}/both.pem ssl-min-ver TLSv1.2 ciphersuites TLS_AES_128_GCM_SHA256 ciphers ECDHE-ECDSA-AES128-GCM-SHA256 alpn http/1.1
  http-request set-header X-Forwarded-Proto https
  default_backend b
backend b
  server s 127.0.0.1:{backend}
"""
KINDS = {"load-balancer": OURS, "nginx": NGINX, "haproxy": HAPROXY}
IDLE = 2000


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    folder / "site.key", "-out", folder / "site.pem", "-days", "2", "-subj", "/CN=localhost"], check=True,
                   capture_output=True)
    (folder / "both.pem").write_text((folder / "site.pem").read_text() + (folder / "site.key").read_text())


class Proxy:
    def __init__(self, kind, binary, folder, backend, cores):
        self.ports = process.Ports(1)
        self.port = self.ports.numbers[0]
        config = folder / f"tls-{kind}.conf"
        config.write_text(KINDS[kind].format(folder=folder, port=self.port, backend=backend,
                                             user=backends.nginx_user()))
        command = {"nginx": [binary, "-e", folder / "nginx.log", "-c", config], "haproxy": [binary, "-db", "-f", config]}
        self.process = process.start(command.get(kind, [binary, "-config", config]), cores, folder / f"tls-{kind}.log")
        process.until(lambda: process.answers(self.port), process.START_SECONDS, f"{kind} answers")
        time.sleep(0.2)  # nginx's master listens a moment before it has workers
        self.pids = process.family(self.process.pid)

    def stop(self):
        process.stop(self.process)
        self.ports.close()


def wrk(proxy, path, connections, seconds, cores, close=False):
    """Requests that were answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-H", "Connection: close"] if close else []
    run = process.start(command + [f"https://127.0.0.1:{proxy.port}{path}"], cores, subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True)
    output, _ = run.communicate(timeout=seconds + 30)
    wrong = re.findall(r"Non-2xx.*|Socket errors: .*", output)
    if wrong:
        raise process.Failure(f"{wrong}")
    return int(re.search(r"(\d+) requests in", output)[1])


def resumed(proxy, seconds, cores):
    """Handshakes of TLS 1.3 from a session, each with a connection of its own, by several threads of a process."""
    run = process.start([sys.executable, "-B", __file__, "--resume", proxy.port, "--seconds", seconds], cores,
                        subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = run.communicate(timeout=seconds + 30)
    if not output.strip().isdigit():
        raise process.Failure(output)
    return int(output)


def resume(port, seconds):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = b"GET /1k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    end = time.monotonic() + seconds
    counts = []

    def work():
        session, count, again = None, 0, 0
        while time.monotonic() < end:
            with socket.create_connection(("127.0.0.1", port)) as plain:
                with context.wrap_socket(plain, session=session) as one:
                    again += one.session_reused
                    one.sendall(request)
                    while one.recv(65536):
                        pass
                    session = one.session
            count += 1
        counts.append((count, again))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = sum(one for one, _ in counts)
    if sum(one for _, one in counts) < count - 2 * len(threads):
        sys.exit("sessions were not resumed")
    print(count)


def idle_kib(proxy):
    """For each of many idle connections that have asked once: what the proxy's memory grew by."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def ask(one):
        one.sendall(b"GET /1k HTTP/1.1\r\nHost: x\r\n\r\n")
        while b"\r\n\r\n" not in one.recv(65536):
            pass

    def connect():
        one = context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port)))
        ask(one)
        return one

    warm = [connect() for _ in range(50)]
    time.sleep(2.5)  # what is kept for busy times is given back after a second or two
    before = process.memory_kib(proxy.pids)
    held = [connect() for _ in range(IDLE)]
    time.sleep(2.5)
    after = process.memory_kib(proxy.pids)
    for one in held + warm:
        one.close()
    return (after - before) / IDLE


WORK = {
    "1 KiB, 64 connections": lambda proxy, seconds, cores: wrk(proxy, "/1k", 64, seconds, cores),
    "1 MiB, 16 connections": lambda proxy, seconds, cores: wrk(proxy, "/1m", 16, seconds, cores),
    "full handshake and 1 KiB": lambda proxy, seconds, cores: wrk(proxy, "/1k", 16, seconds, cores, close=True),
    "resumed handshake and 1 KiB": resumed,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="build/release/load-balancer")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--resume", type=int, help=argparse.SUPPRESS)  # of the load's own process
    given = parser.parse_args()
    if given.resume:
        return resume(given.resume, given.seconds)
    process.raise_descriptor_limit()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_certificate(folder)
        backends.write_content(folder)
        backend = backends.Backend(find("nginx", ""), folder, "backend", 1, {1})
        proxies = {}
        try:
            for kind in KINDS:
                proxies[kind] = Proxy(kind, find(kind, given.binary), folder, backend.numbers[0], {0})
            for work, run in WORK.items():
                costs = {kind: [] for kind in KINDS}
                for _ in range(given.rounds):
                    for kind, proxy in proxies.items():
                        before = process.cpu_seconds(proxy.pids)
                        count = run(proxy, given.seconds, {1})
                        costs[kind].append((process.cpu_seconds(proxy.pids) - before) / count * 1e6)
                # Round by round: neighbours in time are compared.
                ratios = [own / min(costs[peer][i] for peer in PEERS) for i, own in enumerate(costs["load-balancer"])]
                found[work] = {"cpu_us": {kind: round(statistics.median(all_), 1) for kind, all_ in costs.items()},
                               "ratio": round(statistics.median(ratios), 3), "from": round(min(ratios), 3),
                               "to": round(max(ratios), 3)}
                print(work, found[work], flush=True)
            idle = {kind: round(idle_kib(proxy), 1) for kind, proxy in proxies.items()}
            found["idle connection, KiB"] = {"kib": idle, "ratio": round(idle["load-balancer"] /
                                                                         min(idle[peer] for peer in PEERS), 3)}
            print("idle connection, KiB", found["idle connection, KiB"], flush=True)
        finally:
            for proxy in proxies.values():
                proxy.stop()
            backend.stop()
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
