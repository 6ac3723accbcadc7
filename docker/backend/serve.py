"""`python3 -m http.server 8080` with an index page that names the backend, for the process 1 of a container."""

import os
import runpy
import signal
import sys
from pathlib import Path

# The kernel drops a SIGTERM that process 1 has no handler for, and `docker stop` would wait ten seconds in vain.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Path("index.html").write_text(os.environ.get("BACKEND_NAME", "backend") + "\n", encoding="utf-8")
sys.argv = ["http.server", "8080"]
runpy.run_module("http.server", run_name="__main__")
