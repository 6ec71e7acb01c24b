"""A server on this machine that speaks S3: moto's, and a proxy before it that injects faults."""

from __future__ import annotations

import http.client
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BUCKET = "replicas"


class _Server(ThreadingHTTPServer):
    """The proxy: where it sends requests, and the file that names the fault, if there is one."""

    daemon_threads = True
    request_queue_size = 128
    to = ("127.0.0.1", 0)
    faults: Path | None = None

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.moved, self.requests, self.lock = 0, 0, threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    """Forwards a request, or does what the fault says."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self._fault()
        if fault == "slow":
            time.sleep(random.random() * 0.4)
        if fault == "fail" and random.random() < 0.7:
            self._answer(500, [], b"<Error><Code>InternalError</Code></Error>")
            return
        connection = http.client.HTTPConnection(*self.server.to, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if fault == "late" and self.command in ("PUT", "POST") and random.random() < 0.5:
            # The server has done it, and the answer is lost.
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_CONNECTIONS]
        cut = fault == "cut" and self.command == "GET" and len(data) > 1 and random.random() < 0.5
        with self.server.lock:
            self.server.moved += len(body) + len(data)
            self.server.requests += 1
        self._answer(response.status, headers, data, cut)

    def _fault(self) -> str:
        try:
            return self.server.faults.read_text() if self.server.faults is not None else ""
        except OSError:
            return ""

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815


_OF_CONNECTIONS = ("connection", "content-length", "transfer-encoding", "date", "server")


class Bucket:
    """A bucket on this machine."""

    def __init__(self, endpoint: str, proxy: _Server | None) -> None:
        self._proxy = proxy
        #: The environment variables with which clients find it.
        self.variables = {
            "AWS_ENDPOINT": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        }

    @property
    def moved(self) -> tuple[int, int]:
        """Bytes and requests that the proxy has forwarded."""
        return (self._proxy.moved, self._proxy.requests) if self._proxy is not None else (0, 0)


@contextmanager
def serving(faults: Path | None = None) -> Iterator[Bucket]:
    """Run a server with the bucket `BUCKET`. With `faults`, clients reach it through a proxy, which does what this file
    says while it exists: `fail` answers 500, `slow` takes up to 0.4 s more, `late` loses answers, `cut` ends bodies in
    the middle."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    proxy = None
    try:
        _create_bucket(server, port)
        if faults is not None:
            proxy = _Server(("127.0.0.1", 0))
            proxy.to, proxy.faults = ("127.0.0.1", port), faults
            threading.Thread(target=proxy.serve_forever, name="proxy", daemon=True).start()
            port = proxy.server_address[1]
        yield Bucket(f"http://127.0.0.1:{port}", proxy)
    finally:
        if proxy is not None:
            proxy.shutdown()
        server.terminate()
        server.wait()


def _create_bucket(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("PUT", f"/{BUCKET}")
            status = connection.getresponse().status
        except OSError:
            if server.poll() is not None:
                sys.exit("moto's server does not start; run `pip install 'moto[server]'`")
        else:
            if status == 200:
                return
        finally:
            connection.close()
        if time.monotonic() > until:
            sys.exit("moto's server does not answer")
        time.sleep(0.1)
