"""What goes wrong in each scenario, and what may come of it.

A scenario is a coroutine that makes trouble while the load runs, until scene.running() is over. In those where
backends misbehave, two of four do and the others never: three attempts on three backends then always reach a good one,
and no request that may be repeated has an excuse to fail.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from balancers import CHECK_MS
from process import Backend, until


class Scene:
    """What a scenario sees of the world."""

    def __init__(self, backends: list[Backend], load, seed: str, seconds: float, rest: float):
        self.backends, self.load, self.least_rest = backends, load, rest
        self.rng = random.Random(seed)
        self.deadline = time.monotonic() + seconds
        self.outages: list[tuple[float, float]] = []  # from before the last backend went to when all were back
        self.bad = self.rng.sample(backends, 2)

    def running(self) -> bool:
        return time.monotonic() < self.deadline

    async def pause(self, least: float, most: float) -> None:
        """Between one fault and the next. This shapes the trouble; no verdict depends on its length."""
        await asyncio.sleep(self.rng.uniform(least, most))

    async def rest(self, least: float, most: float) -> None:
        """After the return of a backend, as long as the slowest balancer compared takes to believe in it."""
        await self.pause(self.least_rest + least, self.least_rest + most)


@dataclass
class Scenario:
    name: str
    what: str
    run: Callable[[Scene], Awaitable[None]]
    backends: int = 4
    cuts: bool = False  # answers may break off
    refuses: bool = True  # a POST may have been written to a backend that failed
    outages: bool = False  # there are moments in which no backend works
    check_ms: int = CHECK_MS
    load: dict = field(default_factory=dict)


SCENARIOS: dict[str, Scenario] = {}


def scenario(what: str, **more):
    """The line above each scenario: its name is the function's, with dashes."""

    def register(run):
        name = run.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, what, run, **more)
        return run

    return register


async def with_faults(scene: Scene, backends: list[Backend], **faults: float) -> None:
    """On and off: a balancer has to take a backend out, and back."""
    while scene.running():
        await asyncio.gather(*(backend.faults(**faults) for backend in backends))
        await scene.pause(0.4, 0.8)
        await asyncio.gather(*(backend.faults() for backend in backends))
        await scene.pause(0.1, 0.3)


@scenario("one backend after the other is killed by SIGKILL and started again", backends=3, cuts=True)
async def killed(scene: Scene) -> None:
    while scene.running():
        victim = scene.rng.choice(scene.backends)
        await victim.kill()
        await scene.pause(0.0, 0.4)
        await victim.start()
        await scene.rest(0.1, 0.5)


@scenario("a rolling restart: SIGTERM, requests in flight end, the port closes, and it starts again", backends=3)
async def restarted(scene: Scene) -> None:
    while scene.running():
        for backend in scene.backends:
            await backend.terminate()
            await backend.start()
            await scene.rest(0.1, 0.3)


@scenario("two of four reset connections: when accepted, after a request was read, while idle")
async def resets(scene: Scene) -> None:
    await with_faults(scene, scene.bad, reset_accept=0.2, reset_unrun=0.1, reset_read=0.1, idle_reset=0.3)


@scenario("two of four accept, or read the request, and never answer")
async def hangs(scene: Scene) -> None:
    await with_faults(scene, scene.bad, hang_accept=0.1, hang_read=0.03)


@scenario("two of four answer with something that is not HTTP")
async def rubbish(scene: Scene) -> None:
    await with_faults(scene, scene.bad, rubbish=0.2)


@scenario("all close idle connections, some exactly when the next request arrives", backends=3)
async def idle_race(scene: Scene) -> None:
    await with_faults(scene, scene.backends, idle_close=0.3, idle_reset=0.2, close_on_arrival=0.2)


@scenario("two of four close their port for a while")
async def refuses(scene: Scene) -> None:
    while scene.running():
        backend = scene.rng.choice(scene.bad)
        await backend.listens(False)
        await scene.pause(0.1, 0.5)
        await backend.listens(True)
        await scene.pause(0.0, 0.3)


@scenario("one of four is a black hole for a while: every SYN is dropped")
async def black_hole(scene: Scene) -> None:
    while scene.running():
        backend = scene.rng.choice(scene.bad)
        await backend.black_hole(True)
        await scene.pause(0.7, 1.2)
        await backend.black_hole(False)
        await scene.pause(0.1, 0.3)


@scenario("one after the other restarts and then takes up to 300 ms for an answer, for a second", backends=3)
async def slow_start(scene: Scene) -> None:
    while scene.running():
        for backend in scene.backends:
            await backend.terminate()
            await backend.start(slow_start=0.3)
            await scene.rest(0.3, 0.6)


@scenario("two of four break off in the middle of answers, by an end or a reset", cuts=True)
async def truncates(scene: Scene) -> None:
    await with_faults(scene, scene.bad, truncate=0.2)


@scenario("all are killed, and come back a second later", backends=3, cuts=True, outages=True)
async def all_down(scene: Scene) -> None:
    while scene.running():
        began = time.monotonic()
        await asyncio.gather(*(backend.kill() for backend in scene.backends))
        await scene.pause(0.9, 1.1)
        await asyncio.gather(*(backend.start() for backend in scene.backends))
        scene.outages.append((began, time.monotonic()))
        await scene.rest(0.8, 1.2)


# Has shown a bug: the only backend that was thought to be up was tried three times, the others not at all.
@scenario("two are killed and come back unnoticed between rare checks, then the third is killed; one client", backends=3,
          cuts=True, check_ms=3000, load={"clients": 1})
async def believed_down(scene: Scene) -> None:
    while scene.running():
        last = scene.rng.choice(scene.backends)
        others = [backend for backend in scene.backends if backend is not last]
        await asyncio.gather(*(backend.kill() for backend in others))
        await scene.pause(0.3, 0.4)  # in which three requests in a row fail at each
        await asyncio.gather(*(backend.start() for backend in others))
        await last.kill()
        await scene.pause(0.2, 0.3)
        await last.start()
        await scene.rest(0.1, 0.3)


@scenario("between two bursts of load one is killed and back on its port: pooled connections lead nowhere", backends=3,
          refuses=False)
async def same_port(scene: Scene) -> None:
    while scene.running():
        await scene.rest(0.2, 0.4)
        await scene.load.order("pause")
        victim = scene.rng.choice(scene.backends)
        await victim.kill()
        await victim.start()
        await scene.load.order("resume")


@scenario("two of four answer before they have read the body, and close", load={"large_bodies": 0.3})
async def early_answers(scene: Scene) -> None:
    await with_faults(scene, scene.bad, early_answer=0.5)


@scenario("clients go away: in a request, while they wait, in an answer", refuses=False, load={"aborts": 0.3})
async def client_aborts(scene: Scene) -> None:
    await until(lambda: not scene.running(), 3600, "the end of the scenario")


@scenario("two of four do all of this at once and are killed now and then, and clients go away", cuts=True,
          load={"aborts": 0.1})
async def all_at_once(scene: Scene) -> None:
    faults = {"reset_accept": 0.05, "reset_unrun": 0.05, "reset_read": 0.05, "hang_accept": 0.02, "hang_read": 0.02,
              "rubbish": 0.05, "truncate": 0.05, "early_answer": 0.1, "idle_close": 0.1, "idle_reset": 0.1,
              "close_on_arrival": 0.1}
    await asyncio.gather(*(backend.faults(**faults) for backend in scene.bad))
    while scene.running():
        victim = scene.rng.choice(scene.bad)
        await victim.kill()
        await victim.start(**faults)
        await scene.rest(0.2, 0.6)
