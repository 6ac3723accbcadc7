"""A WSGI application for gunicorn: files of a folder with validators, and a checksum of what is posted."""

import email.utils
import hashlib
import os
from pathlib import Path

FILES = Path(os.environ.get("FILES", "."))


def serve(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if method == "POST" and path == "/checksum":
        digest = hashlib.sha256()
        while block := environ["wsgi.input"].read(65536):
            digest.update(block)
        return answer(start_response, "200 OK", digest.hexdigest().encode())
    file = FILES / Path(path).name
    if not file.is_file():
        return answer(start_response, "404 Not Found", b"no such file here\n")
    changed = email.utils.formatdate(file.stat().st_mtime, usegmt=True)
    if environ.get("HTTP_IF_MODIFIED_SINCE") == changed:
        start_response("304 Not Modified", [("Last-Modified", changed)])
        return []
    return answer(start_response, "200 OK", b"" if method == "HEAD" else file.read_bytes(),
                  ("Last-Modified", changed), ("Content-Length", str(file.stat().st_size)))


def answer(start_response, status, body, *fields):
    # Without a length gunicorn sends the body chunked.
    start_response(status, [("Content-Type", "text/plain"), *fields])
    return [body]
