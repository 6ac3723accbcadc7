#!/usr/bin/env python3
"""Policies before real backends, beside those of nginx and HAProxy: an open-loop load, and what its requests took.

    bench/policies.py --binary build/release/load-balancer [--seconds 12] [--rate 250] [--only SCENARIO,...]
                      [--contenders NAME,...] [--output FOLDER]

Five backends with two places each, of which a request takes 20 ms on average: 500 a second at most. Writes
policies_real.json, and prints a table. Needs g++, nginx and haproxy. Everything listens on loopback, on free ports, and
is ended by its number.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import process

ROOT = pathlib.Path(__file__).resolve().parent.parent
BACKENDS = 5
PLACES = 2
SERVICE_MS = 20
WARM_UP = 2
ALL = os.sched_getaffinity(0)

# What the first backend does while the others are well; "all:" is what each does. And how much of the usual rate.
SCENARIOS = {
    "equal": ("well", 1.0),
    "one ten times slower": ("slow", 0.8),
    "one pauses for a second": ("pauses", 1.0),
    "one pauses in little traffic": ("pauses", 0.2),
    "one fails fast": ("fails", 0.8),
    "rolling restart": ("all:restarts", 0.8),
    "overload": ("well", 2.2),
}
POLICIES = ("round-robin", "least-requests", "random-two", "peak-ewma", "prequal")
PEERS = {"nginx least_conn": "least_conn;", "nginx random two": "random two least_conn;",
         "haproxy leastconn": "leastconn", "haproxy random(2)": "random(2)"}

OURS = """
[server]
address = "127.0.0.1"
port = {port}
threads = 1
[health]
interval = "1s"
[balance]
policy = "{policy}"
{servers}
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream backends {{ {policy} {servers} keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  http-reuse always
  option redispatch 1
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  balance {policy}
{servers}
"""


def start_contender(name, binary, folder, port, ports):
    if name in POLICIES:
        servers = "\n".join(f'[[backends]]\nurl = "http://127.0.0.1:{one}"' for one in ports)
        text, command = OURS.format(port=port, policy=name, servers=servers), [binary, "-config"]
    elif name.startswith("nginx"):
        servers = " ".join(f"server 127.0.0.1:{one};" for one in ports)
        user = "user root;" if os.geteuid() == 0 else ""
        text = NGINX.format(port=port, policy=PEERS[name], servers=servers, folder=folder, user=user)
        command = [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c"]
    else:
        servers = "\n".join(f"  server s{one} 127.0.0.1:{one} check inter 1s" for one in ports)
        text = HAPROXY.format(port=port, policy=PEERS[name], servers=servers)
        command = [shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-f"]
    file = folder / f"{name.split()[0]}.conf"
    file.write_text(text, encoding="ascii")
    return process.start([*command, file], ALL, folder / "log.txt")


def end(running):
    for one in running:
        one.terminate()
    for one in running:
        try:
            one.wait(5)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()


def measure(scenario, contender, options, folder, seed):
    behaviour, share = SCENARIOS[scenario]
    everybody = behaviour.startswith("all:")
    ports = process.Ports(BACKENDS + 1)
    *backend_ports, port = ports.numbers
    began = time.monotonic()
    running = []
    try:
        for index, one in enumerate(backend_ports):
            does = behaviour.removeprefix("all:") if everybody or index == 0 else "well"
            running.append(process.start([sys.executable, ROOT / "bench/odd_backend.py", one, does, index, PLACES, SERVICE_MS,
                                          began + 1], ALL, folder / "log.txt"))
        for one in backend_ports:
            process.until(lambda one=one: process.answers(one), 10, "a backend")
        running.append(start_contender(contender, options.binary, folder, port, backend_ports))
        process.until(lambda: process.answers(port), 10, contender)
        load = subprocess.run([folder / "open_loop", str(port), "/", str(options.rate * share), str(options.seconds + WARM_UP),
                               str(WARM_UP), "2000", str(seed), "0", "0"], capture_output=True, text=True, check=True)
        return json.loads(load.stdout)
    finally:
        end(running)
        ports.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/release/load-balancer")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rate", type=float, default=250)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    parser.add_argument("--contenders", default=",".join((*POLICIES, *PEERS)))
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "bench/results")
    options = parser.parse_args()
    process.raise_descriptor_limit()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["g++", "-std=c++20", "-O2", "-o", folder / "open_loop", ROOT / "bench/open_loop.cpp"], check=True)
        for scenario in options.only.split(","):
            print(f"\n{scenario}\n{'':20}     p50 ms     p99 ms   p99.9 ms   failed of requests")
            contenders = options.contenders.split(",")
            random.Random(scenario).shuffle(contenders)
            for contender in contenders:
                found = measure(scenario, contender, options, folder, 7)
                failed = found["bad_status"] + found["broken"] + found["unfinished"]
                row = {"scenario": scenario, "contender": contender, "p50": found["p50"] / 1000, "p99": found["p99"] / 1000,
                       "p99.9": found["p999"] / 1000, "failed": failed, "requests": found["samples"] + failed}
                rows.append(row)
                print(f"{contender:20} {row['p50']:10.1f} {row['p99']:10.1f} {row['p99.9']:10.1f} {failed:8} of {row['requests']}",
                      flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "policies_real.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
