"""The backend: one nginx with as many workers as it may have processors, on one port or on a thousand."""

import getpass
import hashlib
import http.client
import os
import pathlib
import random

import process

CHUNKED_PARTS = 4
LARGE = 1 << 20  # answers of this size and above are so few that their pieces count
SIZES = {"/1k": 1 << 10, "/64k": 1 << 16, "/1m": 1 << 20, "/16m": 1 << 24, "/part": 1 << 12}

CONFIG = """
daemon off;
worker_processes {workers};
{user}
pid {folder}/{name}.pid;
error_log {folder}/{name}.log;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=100 inactive=1h;
  keepalive_timeout 10m;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.f; uwsgi_temp_path {folder}/{name}.u; scgi_temp_path {folder}/{name}.s;
  server {{
    {listen}
    root {folder}/www;
    # The parts of the page are put together as it is sent, so that its length is not known: nginx sends it chunked.
    location = /chunked {{ ssi on; ssi_types *; }}
    # The mirror reads the whole body before anything answers; the length that it saw is the answer.
    location = /upload {{ mirror /nowhere; mirror_request_body on; error_page 405 =200 @length; }}
    location = /nowhere {{ internal; return 204; }}
    location @length {{ return 200 "$request_length\\n"; }}
    location = /fields {{
      return 200 "$http_x_forwarded_for|$http_x_forwarded_proto|$http_x_forwarded_host|$http_connection\\n";
    }}
  }}
  server {{ listen 127.0.0.1:{status} backlog=64; location / {{ stub_status; }} }}
}}
"""


def write_content(folder: pathlib.Path) -> dict[str, str]:
    """The files, and the digest of each. Random bytes, so that a swapped or repeated piece is noticed."""
    source = random.Random(1)
    www = folder / "www"
    www.mkdir(exist_ok=True)
    for path, size in SIZES.items():
        (www / path[1:]).write_bytes(source.randbytes(size))
    (www / "upload").write_bytes(b"")
    (www / "chunked").write_text('<!--#include virtual="/part" -->' * CHUNKED_PARTS, encoding="ascii")
    digests = {path: hashlib.sha256((www / path[1:]).read_bytes()).hexdigest() for path in SIZES}
    digests["/chunked"] = hashlib.sha256((www / "part").read_bytes() * CHUNKED_PARTS).hexdigest()
    return digests


def nginx_user() -> str:
    """As root, nginx would otherwise serve as somebody who may not read our folder."""
    return f"user {getpass.getuser()};" if os.geteuid() == 0 else ""


class Backend:
    def __init__(self, binary: str, folder: pathlib.Path, name: str, port_count: int, cores: set[int]):
        self.ports = process.Ports(port_count + 1)
        self.numbers, self.status_port = self.ports.numbers[:-1], self.ports.numbers[-1]
        listen = "\n    ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in self.numbers)
        config = folder / f"{name}.conf"
        config.write_text(CONFIG.format(folder=folder, name=name, listen=listen, status=self.status_port,
                                        workers=max(1, len(cores)), user=nginx_user()), encoding="utf-8")
        log = folder / f"{name}.log"
        self.process = process.start([binary, "-e", log, "-c", config], cores, log)
        process.until(lambda: self.process.poll() is not None or process.answers(self.status_port),
                      process.START_SECONDS, f"the backend {name} answers")
        if self.process.poll() is not None:
            raise process.Failure(f"the backend {name} ended at once: {log.read_text(encoding='utf-8')[-500:]}")

    def place(self, cores: set[int]) -> None:
        process.place(process.family(self.process.pid), cores)

    def counters(self) -> tuple[int, int]:
        """(connections accepted, requests) since it started. Each call adds one to both."""
        link = http.client.HTTPConnection("127.0.0.1", self.status_port, timeout=5)
        link.request("GET", "/", headers={"Connection": "close"})
        line = link.getresponse().read().decode().splitlines()[2].split()
        link.close()
        return int(line[0]), int(line[2])

    def stop(self) -> None:
        process.stop(self.process)
        self.ports.close()
