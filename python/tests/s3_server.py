"""A server on this machine that speaks S3: moto's, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

BUCKET = "replicas"


def python_with_moto() -> str | None:
    """An interpreter that has moto's server: it takes too long to install for these tests alone."""
    for python in (sys.executable, getattr(sys, "_base_executable", ""), "python3"):
        command = [python, "-c", "import moto.server"]
        try:
            if python and subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    return None


@contextmanager
def running(python: str) -> Iterator[dict[str, str]]:
    """The environment variables with which clients find the server, which has the bucket `BUCKET`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    command = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
                with urllib.request.urlopen(request, timeout=5):
                    break
            except OSError:
                assert time.monotonic() < end and server.poll() is None, "the server does not start"
                time.sleep(0.1)
        yield {
            "AWS_ENDPOINT": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        }
    finally:
        server.terminate()
        server.wait()
