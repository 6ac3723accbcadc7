#!/usr/bin/env python3
"""Does what a document tells its reader to do, and compares what the reader would see.

    tests/docs/walk.py DOCUMENT.md PATH/TO/load-balancer

In the document, a block of "toml NAME" (or any other language and a name) is a file, and one of "console" has commands,
"$ " before each, with what they print below. The commands run in one bash, in an empty folder, one after the other. Ports
are free ones in place of those of the document. Compared are the words, the ports and status codes; times, ids and other
numbers are not, for they differ each time. A line "..." stands for any number of lines.

What only looks (cat, grep, GET at the admin port, ...) is asked again until it shows what is written, for ten seconds at
most. Everything that was started here is ended here.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 10  # seconds
LOOKS = re.compile(r"^(cat|grep|tail|head|cut|load-balancer -status|curl -s localhost:9090)\b")
PORTS = re.compile(r"(?<=[:= ])(3030|9090|808[0-9])\b")
GONE = re.compile(r"^(bash: )?line \d+: +\d+ (Killed|Terminated)\b")  # bash's word on a job, at a terminal elsewhere
END = "--- end of the command ---"


def blocks(text):
    """(info string, lines) of each fenced block."""
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield match[1].strip(), match[2].splitlines()


def commands(lines):
    """[(command, expected lines)] of a console block; a line that begins with "> " goes on with the command."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        else:
            found[-1][1].append(line)
    return found


def free_ports(count):
    """Below those that the kernel gives to outgoing connections, which could then connect to themselves."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    held, port = [], lowest - 1 - os.getpid() % 2000
    while len(held) < count:
        port -= 1
        probe = socket.socket()
        try:
            probe.bind(("127.0.0.1", port))
            held.append(probe)
        except OSError:
            probe.close()
    numbers = [probe.getsockname()[1] for probe in held]
    for probe in held:
        probe.close()
    return numbers


class Ports:
    """Those of the document, and those used instead."""

    def __init__(self, text):
        written = sorted(set(PORTS.findall(text)))
        self.used = dict(zip(written, map(str, free_ports(len(written)))))

    def use(self, text):
        return PORTS.sub(lambda match: self.used[match[0]], text)

    def written(self, text):
        back = {used: written for written, used in self.used.items()}
        return re.sub(r"\b(" + "|".join(back) + r")\b", lambda match: back[match[0]], text)


KEPT = re.compile(
    r"(?P<kept>(?:127\.0\.0\.1|localhost|\[::1?\]):\d+|HTTP/\d\.\d(?:\"? \d{3})?|with \d{3}|\"?status\"?: ?\d{3})"
    r"|(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)|\[\d\d/\w{3}/\d{4}:[0-9:]+ [+-]\d{4}\])"
    r"|(?P<id>\b[0-9a-f]{16,}\b)"
    r"|(?P<number>\b\d+(?:\.\d+)?)(?P<unit> ?(?:ms|s|m|h|d)\b(?: \d+[smh]\b)?)?"
)


def essence(line):
    def of(match):
        if match["kept"]:
            return match["kept"]
        return "<time>" if match["time"] else "<id>" if match["id"] else "<number>"

    # Which of the two transports it is depends on the kernel.
    return re.sub(r"\s+", " ", KEPT.sub(of, line)).replace("epoll", "io_uring").strip()


def agrees(expected, seen):
    """Line by line; "..." is any number of lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line.strip() == "..." else re.escape(essence(line)) + r"\n" for line in expected
    )
    return re.fullmatch(pattern, "".join(essence(line) + "\n" for line in seen)) is not None


class Shell:
    def __init__(self, folder, binary):
        path = f"{folder}/bin:{os.environ['PATH']}"
        os.makedirs(f"{folder}/bin")
        os.symlink(os.path.abspath(binary), f"{folder}/bin/load-balancer")
        os.makedirs(f"{folder}/here")
        environment = {"PATH": path, "HOME": folder, "LC_ALL": "C.UTF-8", "TZ": "UTC", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=f"{folder}/here", env=environment, text=True, start_new_session=True,
        )

    def run(self, command):
        """What it prints, once it has ended, or was put into the background. Commands have deadlines of their own here."""
        self.process.stdin.write(command + f"\necho; echo '{END}'\n")
        self.process.stdin.flush()
        seen = []
        for line in self.process.stdout:
            if line.rstrip("\n") == END:
                break
            if not GONE.match(line):
                seen.append(line.rstrip("\n"))
        else:
            raise SystemExit(f"the shell ended at: {command}")
        return seen[:-1] if seen and seen[-1] == "" else seen

    def end(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                break
            time.sleep(0.2)
        self.process.wait()


def wait_for_ports(command, ports):
    """What a command puts into the background listens soon after."""
    for port in PORTS.findall(command):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(ports.used[port]))) == 0:
                    break
            time.sleep(0.02)


def follow(shell, command, expected, ports):
    """Whether it printed what is written; else what it printed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = [ports.written(line) for line in shell.run(ports.use(command))]
        if command.rstrip().endswith("&"):
            wait_for_ports(command, ports)
        if agrees(expected, seen):
            return None
        if not LOOKS.match(command) or time.monotonic() > deadline:
            return seen
        time.sleep(0.1)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    ports = Ports(text)
    folder = tempfile.mkdtemp()
    shell = Shell(folder, sys.argv[2])
    followed = 0
    # A command that hangs ends with the shell.
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(shell.process.pid, signal.SIGKILL))
    try:
        for info, lines in blocks(text):
            language, _, name = info.partition(" ")
            if name:
                pathlib.Path(f"{folder}/here/{name}").write_text(ports.use("\n".join(lines) + "\n"), encoding="utf-8")
            if language != "console":
                continue
            for command, expected in commands(lines):
                signal.alarm(6 * PATIENCE)
                seen = follow(shell, command, expected, ports)
                signal.alarm(0)
                if seen is not None:
                    print(f"FAILED: $ {command}\nwritten:", *expected, "seen:", *seen, sep="\n")
                    return 1
                followed += 1
    finally:
        shell.end()
        shutil.rmtree(folder)
    print(f"{sys.argv[1]}: {followed} commands did what is written")
    return 0 if followed else 1


if __name__ == "__main__":
    sys.exit(main())
