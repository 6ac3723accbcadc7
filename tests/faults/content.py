"""What backend and client agree on: every byte of a body is a function of the request's id."""

import hashlib


def request_body(request_id: str, size: int) -> bytes:
    return hashlib.shake_128(f"request {request_id}".encode()).digest(size)


def answer_body(request_id: str, run: str, size: int) -> bytes:
    """`run` names the one run of the request that this is the answer to: no two runs answer with the same bytes."""
    return hashlib.shake_128(f"answer {request_id} {run}".encode()).digest(size)


def checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
