"""Node's HTTP clients, and WebSockets by `ws`. What is expected stands in the scripts in node/, case by case."""

import os
from pathlib import Path

from harness import HERE, Scene, Skipped, expect_equal, program
from servers import start_node

MODULES = Path("/usr/share/nodejs")  # where Debian has them
HTTP_CASES = ("fetch_in_parallel", "fetch_streams_its_body", "fetch_aborts", "http_agent_keeps_its_connection",
              "http_trailers", "http_early_hints", "http_continue")
WEBSOCKET_CASES = ("echo", "echo_compressed", "pings", "closes", "parallel")


def http_case(scene: Scene, case: str) -> None:
    backends = [start_node(scene, name).url for name in ("one", "two")]
    play(scene, "http_client.js", case, backends, dict(os.environ))


def websocket_case(scene: Scene, case: str) -> None:
    if not (MODULES / "ws").is_dir():
        raise Skipped("the package node-ws is not installed; scripts/install-dependencies test installs it")
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    backends = []
    for name in ("one", "two"):
        argv = [program("node"), str(HERE / "node/websocket_backend.js"), name]
        _, port = scene.start_server(f"websocket-{name}", lambda port, argv=argv: [*argv, str(port)], env=environment)
        backends.append(f"http://127.0.0.1:{port}")
    play(scene, "websocket_client.js", case, backends, environment)


def play(scene: Scene, script: str, case: str, backends: list[str], environment: dict[str, str]) -> None:
    balancer = scene.start_balancer(*backends)
    said = scene.run(program("node"), str(HERE / "node" / script), case, balancer.url, *backends, env=environment)
    expect_equal(f"what {script} says at its end", said, "passed\n")


SCENARIOS = {}
for _case in HTTP_CASES:
    SCENARIOS[f"node_{_case}"] = lambda scene, case=_case: http_case(scene, case)
for _case in WEBSOCKET_CASES:
    SCENARIOS[f"websocket_{_case}"] = lambda scene, case=_case: websocket_case(scene, case)
