"""Clients that people use: curl, ab, wrk, git, and one that reads server-sent events."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from harness import Balancer, Scene, Skipped, ask, expect, expect_equal, expect_turns, program, until
from servers import LARGE_BYTES, Backend, start_apache, start_nginx, start_node

NAMES = ("one", "two")


def start_between(scene: Scene, start, flags: tuple[str, ...] = ()) -> tuple[Balancer, list[Backend]]:
    backends = [start(scene, name) for name in NAMES]
    return scene.start_balancer(*(backend.url for backend in backends), flags=flags), backends


def seen_by(backends: list[Backend]) -> list[dict]:
    """What each Node backend has counted."""
    return [json.loads(ask(backend.port, "GET", "/direct/seen").text) for backend in backends]


def total(backends: list[Backend], what: str) -> int:
    return sum(seen[what] for seen in seen_by(backends))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def curl_gets(scene: Scene) -> None:
    balancer, _ = start_between(scene, start_nginx)
    url, out = balancer.url, scene.folder / "out"
    expect_turns("GET", [scene.curl("--fail", f"{url}/small.txt").strip() for _ in range(8)])
    expect_turns("GET by HTTP/1.0", [scene.curl("--http1.0", "--fail", f"{url}/small.txt").strip() for _ in range(4)])

    head = scene.curl("--head", f"{url}/large.bin")
    expect(head.startswith("HTTP/1.1 200 OK\r\n"), f"status line of HEAD: {head[:40]}")
    expect(f"\r\nContent-Length: {LARGE_BYTES}\r\n" in head, "HEAD has no Content-Length of the file")

    large = (scene.folder / "large.bin").read_bytes()
    written = scene.curl("--range", "1000-70999", "--output", str(out), "--write-out",
                         "%{http_code} %header{content-range}", f"{url}/large.bin")
    expect_equal("status and Content-Range", written, f"206 bytes 1000-70999/{LARGE_BYTES}")
    expect(out.read_bytes() == large[1000:71000], "the range is not that part of the file")
    written = scene.curl("--range", f"{LARGE_BYTES}-", "--output", os.devnull, "--write-out", "%{http_code}",
                         f"{url}/large.bin")
    expect_equal("status of a range beyond the end", written, "416")


def curl_uploads(scene: Scene) -> None:
    balancer, backends = start_between(scene, start_node)
    file = scene.folder / "upload"
    file.write_bytes(os.urandom(3_000_000))
    checksum = sha256_of(file)
    names = []

    def expect_arrival(what: str, said: str, framing: str) -> None:
        digest, length, how, name = said.split()
        expect_equal(f"{what}: what arrived", (digest, length, how), (checksum, "3000000", framing))
        names.append(name)

    # Without a 100 curl would wait as long as it is told to: the time that it took says that it came.
    waiting = ("--header", "Expect: 100-continue", "--expect100-timeout", "25")
    for _ in range(2):
        said = scene.curl(*waiting, "--data-binary", f"@{file}", "--max-time", "15", f"{balancer.url}/checksum")
        expect_arrival("POST that expects 100", said, "3000000")
    expect_equal("requests that expected 100 at the backends", total(backends, "continued"), 2)

    said = scene.curl(*waiting, "--data-binary", f"@{file}", "--max-time", "15", "--write-out",
                      "%{http_code} %{size_upload}", f"{balancer.url}/too-large")
    expect_equal("refusal in place of 100", said, "too large\n413 0")
    expect_equal("refused requests at the backends", total(backends, "refused"), 1)

    for _ in range(2):
        said = scene.curl("--request", "POST", "--upload-file", "-", f"{balancer.url}/checksum",
                          input=file.read_bytes())
        expect_arrival("chunked upload from a pipe", said, "chunked")
    said = scene.curl("--http1.0", "--header", "Expect:", "--data-binary", f"@{file}", f"{balancer.url}/checksum")
    expect_arrival("POST by HTTP/1.0", said, "3000000")
    expect_equal("who took the uploads", sorted(set(names)), ["one", "two"])
    expect_equal("bodies at the backends", total(backends, "bodies"), 5)


def curl_keeps_its_connection(scene: Scene) -> None:
    balancer, backends = start_between(scene, start_nginx)
    each = ("--fail", "--write-out", "%{http_code} %{num_connects}\n")
    lines = scene.curl(*each, f"{balancer.url}/small.txt?[1-100]").split("\n")[:-1]
    expect_turns("on one connection", lines[0::2])
    expect_equal("status and new connections of each request", lines[1::2], ["200 1"] + ["200 0"] * 99)

    lines = scene.curl(*each, "--parallel", "--parallel-max", "10", "--output", os.devnull,
                       f"{balancer.url}/small.txt?[1-300]").split("\n")[:-1]
    expect_equal("answers in parallel", [line.split()[0] for line in lines], ["200"] * 300)
    # curl 7 makes ten; curl 8 some forty, to any server.
    connections = sum(int(line.split()[1]) for line in lines)
    expect(connections <= 100, f"300 requests, ten at once, made {connections} connections")
    until(lambda: sum(len(backend.requests()) for backend in backends) >= 400, "the logs are complete")
    expect_equal("requests to each backend", [len(backend.requests()) for backend in backends], [200, 200])


def curl_downloads(scene: Scene) -> None:
    """Large answers, two at once and each from another backend; the balancer does not hold them in memory."""
    balancer, backends = start_between(scene, start_nginx)
    megabyte, digest = os.urandom(1 << 20), hashlib.sha256()
    with (scene.folder / "huge.bin").open("wb") as huge:
        for number in range(200):
            block = number.to_bytes(8, "big") + megabyte
            huge.write(block)
            digest.update(block)
    for backend in backends:
        os.link(scene.folder / "huge.bin", backend.files / "huge.bin")
    outs = [scene.folder / f"download-{name}" for name in NAMES]
    urls = [argument for out in outs for argument in ("--output", str(out), f"{balancer.url}/huge.bin")]
    expect_equal("statuses", scene.curl("--parallel", "--fail", "--write-out", "%{http_code} ", *urls), "200 200 ")
    for out in outs:
        expect_equal("checksum of the download", sha256_of(out), digest.hexdigest())
    status = Path(f"/proc/{balancer.child.pid}/status").read_text(encoding="ascii")
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))
    expect(peak < 100_000, f"the balancer used up to {peak} kB of memory")


def ab(scene: Scene) -> None:
    balancer, backends = start_between(scene, start_nginx)
    for flags in ([], ["-k"]):
        run_ab(scene, 900, *flags, f"{balancer.url}/small.txt")
    until(lambda: sum(len(backend.requests()) for backend in backends) >= 1800, "the logs are complete")
    expect_equal("requests to each backend", [len(backend.requests()) for backend in backends], [900, 900])


def ab_posts(scene: Scene) -> None:
    balancer, backends = start_between(scene, start_node)
    file = scene.folder / "posted"
    file.write_bytes(os.urandom(20_000))
    for flags in ([], ["-k"]):
        run_ab(scene, 500, *flags, "-p", str(file), "-T", "application/octet-stream", f"{balancer.url}/checksum")
    expect_equal("bodies at each backend", [seen["bodies"] for seen in seen_by(backends)], [500, 500])


def run_ab(scene: Scene, count: int, *flags: str) -> None:
    said = scene.run(program("ab"), "-q", "-n", str(count), "-c", "20", *flags)

    def number(name: str) -> int:
        found = re.search(rf"^{name}: +(\d+)", said, re.MULTILINE)
        return int(found.group(1)) if found else 0

    expect_equal(f"ab {' '.join(flags)}: complete, failed, other than 2xx",
                 (number("Complete requests"), number("Failed requests"), number("Non-2xx responses")), (count, 0, 0))
    expect_equal("ab: answers on kept connections", number("Keep-Alive requests"), count if "-k" in flags else 0)


def wrk(scene: Scene) -> None:
    balancer, _ = start_between(scene, start_nginx)
    for target in ("small.txt", "large.bin"):
        said = scene.run(program("wrk"), "-t", "1", "-c", "16", "-d", "1s", f"{balancer.url}/{target}")
        expect("Socket errors" not in said and "Non-2xx" not in said, f"wrk reports errors: {said}")
        expect(int(re.search(r"(\d+) requests in", said).group(1)) > 0, f"wrk had no answer: {said}")


def server_sent_events(scene: Scene) -> None:
    """The next event is sent only after the client has seen the one before: any delay would be for ever."""
    balancer, backends = start_between(scene, start_node)
    client = subprocess.Popen([program("curl"), "--silent", "--no-buffer", "--max-time", "20",
                               "--header", "Accept: text/event-stream", f"{balancer.url}/events"],
                              stdout=subprocess.PIPE, text=True)
    try:
        source = None
        for number in range(20):
            lines = [client.stdout.readline() for _ in range(3)]
            if source is None:
                expect(lines[1][-4:-1] in NAMES, f"the first event is {lines}")
                source = backends[NAMES.index(lines[1][-4:-1])]
            expected = [f"id: {number}\n", f"data: event {number} of {source.name}\n", "\n"]
            expect_equal("event", lines, expected)
            ask(source.port, "GET", "/direct/next-event")
        expect_equal("streams that ended", total(backends, "aborted"), 0)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    until(lambda: total(backends, "aborted") == 1, "the backend sees that the client has left", seconds=3)


GIT = """\
SetEnv GIT_PROJECT_ROOT {repositories}
SetEnv GIT_HTTP_EXPORT_ALL 1
ScriptAlias /git/ {backend}/
<Directory "{folder}">
  Require all granted
</Directory>
"""


def git(scene: Scene) -> None:
    """Clone, push and fetch by smart HTTP; two servers share the repository, and the requests of one command."""
    home, repositories = scene.folder / "home", scene.folder / "repositories"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                   **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
    for name in [name for name in environment if name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")]:
        del environment[name]

    def run(*argv: str, at: Path = home) -> str:
        return scene.run(program("git"), "-c", "gc.auto=0", *argv, cwd=at, env=environment).strip()

    backend = Path(run("--exec-path")) / "git-http-backend"
    if not backend.exists():
        raise Skipped(f"there is no {backend}")
    bare, work = repositories / "project.git", home / "work"
    run("init", "--quiet", str(work))
    run("symbolic-ref", "HEAD", "refs/heads/main", at=work)
    for number in range(300):
        (work / f"file-{number}").write_bytes(os.urandom(4000))
        if number % 100 == 99:
            run("add", ".", at=work)
            run("commit", "--quiet", "--message", f"up to {number}", at=work)
    run("clone", "--quiet", "--bare", str(work), str(bare))
    run("config", "http.receivepack", "true", at=bare)
    if os.geteuid() == 0:  # the server then runs as another user
        for path in (repositories, *repositories.rglob("*")):
            shutil.chown(path, 65534, 65534)

    more = GIT.format(repositories=repositories, backend=backend, folder=backend.parent)
    balancer, servers = start_between(scene, lambda scene, name: start_apache(scene, name, more))
    url = f"{balancer.url}/git/project.git"

    first, second = home / "first", home / "second"
    run("clone", "--quiet", url, str(first))
    expect_equal("what was cloned", run("rev-parse", "HEAD", at=first), run("rev-parse", "HEAD", at=work))
    run("fsck", "--full", "--strict", at=first)

    (first / "large").write_bytes(os.urandom(3_000_000))
    run("add", "large", at=first)
    run("commit", "--quiet", "--message", "a large file", at=first)
    # More than the buffer is sent chunked.
    run("-c", "http.postBuffer=65536", "push", "--quiet", "origin", "main", at=first)

    def saw_chunked_push(server: Backend) -> bool:
        framing = (server.log.parent / "framing.log").read_text(encoding="ascii")
        return "POST /git/project.git/git-receive-pack chunked" in framing

    until(lambda: any(saw_chunked_push(server) for server in servers), "a server logs a chunked push")

    run("clone", "--quiet", url, str(second))
    expect_equal("what was pushed", run("rev-parse", "HEAD", at=second), run("rev-parse", "HEAD", at=first))
    expect_equal("the pushed file", sha256_of(second / "large"), sha256_of(first / "large"))
    run("commit", "--quiet", "--allow-empty", "--message", "nothing", at=second)
    run("push", "--quiet", "origin", "main", at=second)
    run("pull", "--quiet", "--ff-only", at=first)
    expect_equal("what was fetched", run("rev-parse", "HEAD", at=first), run("rev-parse", "HEAD", at=second))

    def had_equal_shares() -> bool:
        counts = [len(server.requests()) for server in servers]
        return min(counts) >= 5 and max(counts) - min(counts) <= 1

    until(had_equal_shares, "both servers log as many requests")


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (curl_gets, curl_uploads, curl_keeps_its_connection, curl_downloads, ab, ab_posts, wrk,
                     server_sent_events, git)
}
