"""A server on this machine that speaks S3: moto's, and a proxy before it that injects faults."""

from __future__ import annotations

import http.client
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# The server of the tests.
sys.path.append(str(Path(__file__).parents[2] / "python" / "tests"))
import s3_server  # noqa: E402

BUCKET = s3_server.BUCKET

#: Headers of one connection, which a proxy does not forward.
_HOP_HEADERS = ("connection", "content-length", "transfer-encoding", "date", "server")


class _Proxy(ThreadingHTTPServer):
    """A proxy before the server at `host`. The file `faults` names the fault to inject, if it exists."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, faults: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host, self.faults = host, faults

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection."""


class _Handler(BaseHTTPRequestHandler):
    """Forwards a request, or does what the fault says."""

    protocol_version = "HTTP/1.1"
    server: _Proxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self._fault()
        if fault == "slow":
            time.sleep(random.random() * 0.4)
        if fault == "fail" and random.random() < 0.7:
            self._answer(500, [], b"<Error><Code>InternalError</Code></Error>")
            return
        connection = http.client.HTTPConnection(self.server.host, timeout=60)
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
            # The server has handled the request, and the response is lost.
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_HEADERS]
        cut = fault == "cut" and self.command == "GET" and len(data) > 1 and random.random() < 0.5
        self._answer(response.status, headers, data, cut)

    def _fault(self) -> str:
        try:
            return self.server.faults.read_text()
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


@contextmanager
def serving(faults: Path | None = None) -> Iterator[dict[str, str]]:
    """Run a server with the bucket `BUCKET`. Gives the environment variables with which clients find it.

    With `faults`, clients reach it through a proxy, which does what this file says while it exists: `fail` answers 500,
    `slow` takes up to 0.4 s more, `late` loses responses, `cut` ends bodies in the middle.
    """
    python = s3_server.python_with_moto()
    if python is None:
        sys.exit("moto's server is not installed; run `pip install 'moto[server]'`")
    with s3_server.running(python) as variables:
        if faults is None:
            yield variables
            return
        proxy = _Proxy(urlsplit(variables["AWS_ENDPOINT"]).netloc, faults)
        threading.Thread(target=proxy.serve_forever, name="proxy", daemon=True).start()
        try:
            yield {**variables, "AWS_ENDPOINT": f"http://127.0.0.1:{proxy.server_address[1]}"}
        finally:
            proxy.shutdown()
