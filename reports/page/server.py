"""A run's files over http, to this machine and to whoever knows the token only."""

from __future__ import annotations

import mimetypes
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ivif_bench.errors import UserError
from ivif_bench.files import open_regular
from ivif_bench.reports.page.shell import POLICY

ADDRESS = "127.0.0.1"
INDEX = "report/page/index.html"
_KINDS = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".webp": "image/webp"}
_BLOCK = 1 << 16


class PageServer(ThreadingHTTPServer):
    """Serves the files of one folder under a random token.

    Attributes:
        root: the run directory, with no symbolic link in its path.
        token: first part of every path that is answered.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, run: Path, port: int = 0) -> None:
        self.root = run.resolve()
        self.token = secrets.token_urlsafe(24)
        super().__init__((ADDRESS, port), _Handler)

    @property
    def hosts(self) -> frozenset[str]:
        """What browsers send as ``Host``; they leave out port 80."""
        port = self.server_address[1]
        names = (ADDRESS, "localhost")
        bare = names if port == 80 else ()
        return frozenset((*bare, *(f"{name}:{port}" for name in names)))

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.token}/{INDEX}"

    def file_of(self, path: str) -> Path | None:
        """The file that the part of a path behind the token names; None for anything else.

        A path that leaves the run, by ``..`` or by a symbolic link, and one with a hidden part name
        nothing.
        """
        parts = [part for part in unquote(path).split("/") if part]
        if not parts or any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
            return None
        try:
            found = self.root.joinpath(*parts).resolve(strict=True)
        except (OSError, RuntimeError):
            return None
        inside = found.is_relative_to(self.root) and found.is_file()
        return found if inside else None


def serve(run: Path, port: int = 0) -> PageServer:
    """A server of a run with a page; the caller starts and closes it.

    Raises:
        UserError: the run has no page, or the port is taken.
    """
    if not (run / INDEX).is_file():
        raise UserError(f"{run} has no page; write it with 'ivif-bench report {run} --page'")
    try:
        return PageServer(run, port)
    except OSError as problem:
        raise UserError(
            f"cannot listen on port {port} of {ADDRESS}: {problem.strerror}; choose another --port"
        ) from problem


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "ivif-bench"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN)  # a name that a foreign page gave to this address
            return
        try:
            asked = urlsplit(self.path).path
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        token, _, path = asked.lstrip("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        found = self.server.file_of(path)
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            with open_regular(found) as file:
                self._head(HTTPStatus.OK, _kind(found), found.stat().st_size)
                while body and (data := file.read(_BLOCK)):
                    self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except OSError:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _refuse(self, status: HTTPStatus) -> None:
        text = f"{status.phrase}\n".encode()
        self._head(status, "text/plain", len(text))
        if self.command != "HEAD":
            self.wfile.write(text)

    def _head(self, status: HTTPStatus, kind: str, size: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Security-Policy", f"{POLICY}; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: paths hold the token."""


def _kind(path: Path) -> str:
    kind = (
        _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
