# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent tells over HTTP: /live and /ready for the probes of Kubernetes, /state for other agents."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any, Callable


class Status:
    """``live`` and ``ready`` are asked at each request; ``state`` is shown as JSON, None as 503."""

    def __init__(
        self, address: tuple[str, int], live: Callable[[], bool], ready: Callable[[], bool], state: Callable[[], Any]
    ) -> None:
        pages: Mapping[str, Callable[[], tuple[int, bytes]]] = {
            "/live": lambda: (200 if live() else 503, b"live\n" if live() else b"not live\n"),
            "/ready": lambda: (200 if ready() else 503, b"ready\n" if ready() else b"not ready\n"),
            "/state": lambda: (200, json.dumps(told).encode()) if (told := state()) else (503, b"not known yet\n"),
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self) -> None:
                status, body = pages.get(self.path, lambda: (404, b""))()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused: Any) -> None:
                """Probes come every few seconds."""

        everywhere = not address[0]

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if everywhere and socket.has_dualstack_ipv6() else socket.AF_INET

            def handle_error(self, *unused: Any) -> None:
                """Who has asked has hung up."""

            def server_bind(self) -> None:
                if self.address_family == socket.AF_INET6:
                    self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                super(http.server.HTTPServer, self).server_bind()

        self._server = Server(address, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()
