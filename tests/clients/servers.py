"""Real servers, each started on a folder of files with a configuration of its own; nothing of the machine's is used."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import HERE, Process, Scene, program

LARGE_BYTES = 10 * 1024 * 1024
# Backends that serve the same file agree on its age, so that a validator of one holds at the other.
AGE = 1_700_000_000


@dataclass
class Backend:
    name: str
    process: Process
    port: int
    files: Path
    log: Path  # a line for each request: client's port, method, target, status

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[list[str]]:
        """The access log, without what was asked directly."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [fields for line in lines if len(fields := line.split()) == 4 and "direct" not in fields[2]]


def make_files(scene: Scene, name: str) -> Path:
    """A folder with small.txt, which holds the backend's name, and large.bin, the same for all backends."""
    large = scene.folder / "large.bin"
    if not large.exists():
        large.write_bytes(os.urandom(LARGE_BYTES))
        large.chmod(0o644)
    files = scene.folder / name / "files"
    files.mkdir(parents=True)
    (files / "small.txt").write_text(f"{name}\n", encoding="ascii")
    os.link(large, files / "large.bin")
    for path in files.iterdir():
        os.utime(path, (AGE, AGE))
    writable(files)
    return files


def writable(folder: Path) -> None:
    """For servers that do not run as root when the tests do."""
    if os.geteuid() == 0:
        shutil.chown(folder, 65534, 65534)


NGINX = """\
daemon off;
worker_processes 1;
pid {state}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
  types {{ text/plain txt; }}
  log_format ours '$remote_port $request_method $request_uri $status';
  access_log {state}/access.log ours;
  client_body_temp_path {state}/body;
  proxy_temp_path {state}/proxy;
  fastcgi_temp_path {state}/fastcgi;
  uwsgi_temp_path {state}/uwsgi;
  scgi_temp_path {state}/scgi;
  client_max_body_size 0;
  sendfile on;
  server {{
    listen 127.0.0.1:{port};
    root {files};
    location /stored/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location = /posted {{ return 200 "{name}\\n"; }}
  }}
}}
"""


def start_nginx(scene: Scene, name: str) -> Backend:
    files, state = make_files(scene, name), scene.folder / name
    writable(state)

    def argv(port: int) -> list[str]:
        path = state / "nginx.conf"
        path.write_text(NGINX.format(state=state, files=files, port=port, name=name), encoding="ascii")
        return [program("nginx"), "-e", "stderr", "-p", str(state), "-c", str(path)]

    process, port = scene.start_server(f"nginx-{name}", argv, unprivileged=True)
    return Backend(name, process, port, files, state / "access.log")


APACHE = """\
ServerRoot {state}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {state}/pid
DefaultRuntimeDir {state}
ErrorLog {state}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule env_module {modules}/mod_env.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule cgid_module {modules}/mod_cgid.so
ScriptSock {state}/cgid.sock
TypesConfig /dev/null
AddType text/plain .txt
StartServers 1
DocumentRoot {files}
LogFormat "%{{remote}}p %m %U%q %>s" ours
CustomLog {state}/access.log ours
LogFormat "%m %U %{{Transfer-Encoding}}i %{{Expect}}i" framing
CustomLog {state}/framing.log framing
ScriptAlias /checksum {state}/checksum
<Directory {state}>
  Require all granted
</Directory>
{more}
"""


def start_apache(scene: Scene, name: str, more: str = "") -> Backend:
    files, state = make_files(scene, name), scene.folder / name
    script = state / "checksum"
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nexec sha256sum\n", encoding="ascii")
    script.chmod(0o755)
    writable(state)

    def argv(port: int) -> list[str]:
        path = state / "apache.conf"
        path.write_text(APACHE.format(state=state, files=files, port=port, modules="/usr/lib/apache2/modules",
                                      more=more), encoding="ascii")
        return [program("apache2"), "-D", "FOREGROUND", "-f", str(path)]

    process, port = scene.start_server(f"apache-{name}", argv, unprivileged=True)
    return Backend(name, process, port, files, state / "access.log")


def start_gunicorn(scene: Scene, name: str, *flags: str) -> Backend:
    files, log = make_files(scene, name), scene.folder / name / "access.log"

    def argv(port: int) -> list[str]:
        return [program("gunicorn"), "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "8",
                "--access-logfile", str(log), "--access-logformat", "%({remote_port}e)s %(m)s %({raw_uri}e)s %(s)s",
                "--chdir", str(HERE), "--env", f"FILES={files}", "--env", "PYTHONDONTWRITEBYTECODE=1", *flags, "wsgi:serve"]

    process, port = scene.start_server(f"gunicorn-{name}", argv)
    return Backend(name, process, port, files, log)


def start_node(scene: Scene, name: str) -> Backend:
    files, log = make_files(scene, name), scene.folder / name / "access.log"

    def argv(port: int) -> list[str]:
        return [program("node"), str(HERE / "node/backend.js"), name, str(port), str(files), str(log)]

    process, port = scene.start_server(f"node-{name}", argv)
    return Backend(name, process, port, files, log)


def start_python(scene: Scene, name: str) -> Backend:
    files = make_files(scene, name)

    def argv(port: int) -> list[str]:
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(files)]

    process, port = scene.start_server(f"python-{name}", argv)
    # Its log has another form, and no port: it closes each connection after one answer anyway.
    return Backend(name, process, port, files, scene.folder / name / "none")
