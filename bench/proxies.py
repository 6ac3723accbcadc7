"""How each proxy is started: as somebody who knows it would write its configuration for this traffic.

The same for all: the number of workers, idle connections kept to the backends, X-Forwarded-For, -Proto and -Host, no
access log unless one is asked for, limits that nothing here runs into, timeouts that nothing here reaches.
"""

import os
import pathlib
import shutil
import subprocess

import backends
import process

OURSELVES = "load-balancer"
BEFORE = "before"  # another build of the same program
OWN = (OURSELVES, BEFORE)
PEERS = ("nginx", "haproxy")  # those that the ratios refer to

OURS = """
[server]
address = "127.0.0.1"
port = {port}
threads = {workers}
[pool]
idle_connections = 1024
idle_timeout = "1m"
{access_log}
{servers}
"""
OURS_SERVER = '[[backends]]\nurl = "http://127.0.0.1:{port}"'

# With 32 KiB of buffers, its default, 64 KiB cost nginx twice as much and 1 MiB three times as much; whoever serves
# large answers gives it more. Nor should it write them to a temporary file, ahead of the client.
NGINX_LARGE = """proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"""
NGINX = """
daemon off;
worker_processes {workers};
{user}
pid {log}.pid;
error_log {log};
worker_rlimit_nofile {descriptors};
events {{ worker_connections {nginx_connections}; }}
http {{
  {access_log}
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream backends {{
{servers}
    keepalive {kept};
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    client_max_body_size 0;
    location / {{
      proxy_pass http://backends;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_max_temp_file_size 0;
      {large}
    }}
  }}
}}
"""
NGINX_SERVER = "    server 127.0.0.1:{port};"

# Splicing at least halves the cost of 1 MiB and more, and changes nothing below; "splice-auto" never did anything.
HAPROXY_LARGE = "option splice-response"
PIPES_MAX = 512
HAPROXY = """
global
  nbthread {workers}
  maxconn {connections}
  maxpipes {pipes}
defaults
  mode http
  option forwardfor
  option http-keep-alive
  {access_log}
  http-reuse always
  {large}
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend b
backend b
  balance roundrobin
{servers}
"""
HAPROXY_SERVER = "  server s{port} 127.0.0.1:{port}"

# Caddy sets the forwarded fields by itself. "compression off" keeps it from asking the backend for gzip on its own.
CADDY = """
{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind 127.0.0.1
  {access_log}
  reverse_proxy {servers} {{
    lb_policy round_robin
    transport http {{
      compression off
      keepalive_idle_conns_per_host 1024
    }}
  }}
}}
"""
CADDY_SERVER = "127.0.0.1:{port}"

# Each writes a line for each request to a file, as it would on a server: nginx buffered, which it is not by default;
# HAProxy, which writes no files, by its standard output; Caddy by what it calls a log.
OWN_ACCESS_LOG = '[log]\naccess = "text"\naccess_file = "{file}"'
ACCESS_LOGS = {OURSELVES: OWN_ACCESS_LOG, BEFORE: OWN_ACCESS_LOG,
               "nginx": "access_log {file} combined buffer=32k flush=1s;",
               "haproxy": "log stdout format raw local0\n  option httplog",
               "caddy": "log {{\n    output file {file} {{\n      roll_disabled\n    }}\n  }}"}
NO_ACCESS_LOGS = {"nginx": "access_log off;"}

KINDS = {OURSELVES: (OURS, OURS_SERVER, "\n"), "nginx": (NGINX, NGINX_SERVER, "\n"),
         "haproxy": (HAPROXY, HAPROXY_SERVER, "\n"), "caddy": (CADDY, CADDY_SERVER, " "),
         BEFORE: (OURS, OURS_SERVER, "\n")}


def find(kind: str, own_binary: str) -> str:
    """`own_binary`: of the program itself. Debian has some of them in a folder that is not on everybody's PATH."""
    name = own_binary if kind in OWN else kind
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise process.Failure(f"{name} is not installed; scripts/install-dependencies bench installs the peers")
    return path


def version(kind: str, binary: str) -> str:
    argument = {"nginx": "-v", "haproxy": "-v", "caddy": "version"}.get(kind, "-version")
    run = subprocess.run([binary, argument], capture_output=True, text=True, check=True)
    return (run.stdout + run.stderr).splitlines()[0].strip()


def connections_max(descriptors: int) -> int:
    """HAProxy wants two descriptors for each connection, and as many for a pipe."""
    return min(20000, (descriptors - 2 * PIPES_MAX - 500) // 2)


class Proxy:
    """A proxy of the given kind as a process, fresh, in front of `backend_ports`."""

    def __init__(self, kind: str, binary: str, folder: pathlib.Path, backend_ports: list[int], workers: int,
                 cores: set[int], descriptors: int, plain_peers: bool = False, access_logs: bool = False,
                 name: str | None = None):
        self.kind = kind
        self.ports = process.Ports(1)
        self.port = self.ports.numbers[0]
        name = name or kind  # of its files
        self.log = folder / f"{name}.log"
        self.log.write_text("", encoding="utf-8")
        template, server, separator = KINDS[kind]
        config = folder / f"{name}.conf"
        large = {"nginx": NGINX_LARGE, "haproxy": HAPROXY_LARGE}.get(kind, "")
        access_log = folder / f"{name}.access.log"
        access_log.unlink(missing_ok=True)
        config.write_text(template.format(
            folder=folder, log=self.log, port=self.port, workers=workers, user=backends.nginx_user(),
            servers=separator.join(server.format(port=port) for port in backend_ports), descriptors=descriptors,
            access_log=(ACCESS_LOGS if access_logs else NO_ACCESS_LOGS).get(kind, "").format(file=access_log),
            large="" if plain_peers else large, connections=connections_max(descriptors), pipes=PIPES_MAX,
            # nginx closes idle connections when it runs short of them.
            nginx_connections=min(20000, descriptors - 100),
            kept=max(1024, 4 * len(backend_ports))), encoding="utf-8")
        command = {"nginx": [binary, "-e", self.log, "-c", config], "haproxy": [binary, "-db", "-f", config],
                   "caddy": [binary, "run", "--adapter", "caddyfile", "--config", config],
                   }.get(kind, [binary, "-config", config])
        environment = None
        if kind == "caddy":
            environment = dict(os.environ, GOMAXPROCS=str(workers), HOME=str(folder), XDG_DATA_HOME=str(folder),
                               XDG_CONFIG_HOME=str(folder))
        self.process = process.start(command, cores, self.log, environment)
        try:
            # nginx's master listens a moment before it has workers.
            count = 1 + workers if kind == "nginx" else 1
            process.until(lambda: self.process.poll() is not None or
                          (len(process.family(self.process.pid)) == count and process.answers(self.port)),
                          process.START_SECONDS, f"{kind} answers")
            if self.process.poll() is not None:
                raise process.Failure(self.trouble())
            self.pids = process.family(self.process.pid)
        except BaseException:
            self.stop()
            raise

    def last_words(self) -> str:
        return " / ".join(self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])

    def trouble(self) -> str | None:
        """What happened to its processes since it started; None when they are all there."""
        if self.process.poll() is not None:
            return f"{self.kind} ended with status {self.process.returncode}: {self.last_words()}"
        if process.family(self.process.pid) != self.pids:
            return f"{self.kind} lost or replaced a worker: {self.last_words()}"
        return None

    def stop(self) -> bool:
        """False where SIGTERM did not suffice."""
        ended = process.stop(self.process)
        self.ports.close()
        return ended
