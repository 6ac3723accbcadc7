"""How each balancer is started: the same workers, timeouts, attempts and passive marking for all, as far as they go."""

import getpass
import os
import pathlib
import shutil
import subprocess

from process import Failure, Port, START_TIME, until

WORKERS = 2
CONNECT_MS = 500
ANSWER_MS = 1000  # to the first byte of an answer, and between its bytes
CHECK_MS = 200
FAILURES = 3
IDLE_MS = 1000  # how long an idle connection to a backend is kept
MIB = 1024  # in KiB

OURS = """
[server]
address = "127.0.0.1"
port = {port}
threads = {workers}
[server.timeouts]
connect = "{connect}ms"
first_response_byte = "{answer}ms"
response_idle = "{answer}ms"
[health]
interval = "{check}ms"
timeout = "{connect}ms"
failures = {failures}
[pool]
idle_timeout = "{idle}ms"
[log]
level = "debug"
"""

NGINX = """
daemon off;
worker_processes {workers};
{user}
pid {folder}/nginx.pid;
error_log {folder}/balancer.log info;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_body_buffer_size 512k;
  upstream backends {{
    zone backends 256k;  # the workers share what they know of the backends
{servers}
    keepalive 64;
    keepalive_timeout {idle}ms;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    client_max_body_size 0;
    location / {{
      proxy_pass http://backends;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout {connect}ms;
      proxy_read_timeout {answer}ms;
      proxy_next_upstream error timeout invalid_header;
      proxy_next_upstream_tries 3;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""
# The smallest fail_timeout there is.
NGINX_SERVER = "    server 127.0.0.1:{port} max_fails={failures} fail_timeout=1s;"

HAPROXY = """
global
  nbthread {workers}
  maxconn 4096
  log stderr format raw local0 notice
defaults
  mode http
  log global
  option dontlog-normal
  option http-keep-alive
  timeout connect {connect}ms
  timeout client 60s
  timeout server {answer}ms
  timeout http-request 10s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  balance roundrobin
  http-request disable-l7-retry if METH_POST
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout junk-response 0rtt-rejected
  default-server check inter {check}ms rise 1 fall 1 observe layer7 error-limit {failures} on-error mark-down
  default-server pool-purge-delay {idle}ms
{servers}
"""
HAPROXY_SERVER = "  server {name} 127.0.0.1:{port}"


class Balancer:
    """A balancer of the given kind as a process in front of `backends`."""

    def __init__(self, kind: str, binary: str, check_ms: int = CHECK_MS):
        self.kind, self.binary, self.check_ms = kind, binary, check_ms
        self.process: subprocess.Popen | None = None
        self.port = Port()
        self.log: pathlib.Path | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    async def start(self, folder: pathlib.Path, backends: list) -> None:
        self.log = folder / "balancer.log"
        values = dict(folder=folder, port=self.port.number, workers=WORKERS, connect=CONNECT_MS, answer=ANSWER_MS,
                      check=self.check_ms, failures=FAILURES, idle=IDLE_MS)
        if self.kind == "nginx":
            servers = (NGINX_SERVER.format(port=backend.port.number, failures=FAILURES) for backend in backends)
            user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
            text = NGINX.format(servers="\n".join(servers), user=user, **values)
            command = [self.binary, "-e", str(self.log), "-c"]
        elif self.kind == "haproxy":
            servers = (HAPROXY_SERVER.format(name=backend.name, port=backend.port.number) for backend in backends)
            text = HAPROXY.format(servers="\n".join(servers), **values)
            command = [self.binary, "-db", "-f"]
        else:
            urls = (f'[[backends]]\nurl = "http://127.0.0.1:{backend.port.number}"\n' for backend in backends)
            text = OURS.format(**values) + "".join(urls)
            command = [self.binary, "-config"]
        configuration = folder / "balancer.conf"
        configuration.write_text(text, encoding="utf-8")
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([*command, str(configuration)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        await until(lambda: self.process.poll() is not None or self.port.answers(), START_TIME, f"{self.kind} answers")
        if self.process.poll() is not None:
            raise Failure(f"{self.kind} ended at once; see {self.log}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_TIME)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.port.close()


def version(kind: str, binary: str) -> str:
    flag = {"nginx": "-v", "haproxy": "-v"}.get(kind, "-version")
    run = subprocess.run([binary, flag], capture_output=True, text=True, check=True)
    return (run.stdout + run.stderr).splitlines()[0].strip()


def find(kind: str) -> str:
    """The program of a peer. Debian has it in a folder that is not on everybody's PATH."""
    path = shutil.which(kind, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Failure(f"{kind} is not installed; scripts/install-dependencies test installs it")
    return path
