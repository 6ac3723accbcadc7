#!/usr/bin/env python3
"""A backend for bench/policies.py: so many places and a line before them, and a time of service drawn by chance.

    odd_backend.py PORT BEHAVIOUR INDEX PLACES SERVICE_MS BEGAN

BEHAVIOUR: well; slow (service takes ten times as long); pauses (a second in five nothing goes on); fails (500 at once);
restarts (a second in ten nobody listens, each INDEX two seconds after the one before, and the next second takes three
times as long). BEGAN: the monotonic time from which those count.
"""
import asyncio
import math
import random
import socket
import sys
import time

SPREAD = 0.6  # sigma of the lognormal distribution
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"


class Backend:
    def __init__(self, port, behaviour, index, places, service, began):
        self.port, self.behaviour, self.index, self.service, self.began = port, behaviour, index, service, began
        self.places = asyncio.Semaphore(places)
        self.random = random.Random(index)
        self.connections = set()

    def since(self, period, offset=0.0):
        return (time.monotonic() - self.began - offset) % period

    async def work(self):
        took = self.service * math.exp(self.random.gauss(0, SPREAD) - SPREAD * SPREAD / 2)
        if self.behaviour == "slow":
            took *= 10
        if self.behaviour == "restarts" and 1 <= self.since(10, 2 * self.index) < 2:
            took *= 3
        await self.pause()
        await asyncio.sleep(took)
        await self.pause()

    async def pause(self):
        if self.behaviour == "pauses" and self.since(5) < 1:
            await asyncio.sleep(1 - self.since(5))

    async def serve(self, reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.add(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                if self.behaviour == "fails":
                    writer.write(FAILED)
                    continue
                async with self.places:
                    await self.work()
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def run(self):
        while True:
            server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True, backlog=1024)
            if self.behaviour != "restarts":
                await server.serve_forever()
            await asyncio.sleep((10 - self.since(10, 2 * self.index)) or 10)
            server.close()
            await asyncio.sleep(0.1)  # what is under way may end
            for writer in list(self.connections):
                writer.close()
            await asyncio.sleep(max(0.0, 1 - self.since(10, 2 * self.index)))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(Backend(int(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3]),
                        float(arguments[4]) / 1000, float(arguments[5])).run())
