"""Downloads one file over https, resumed after a break, within limits of time and size.

Every wait has an end: a download fails when it receives almost nothing for a while, whatever it waits for
(name server, connection, headers, content), when it takes too long in total, or when it gets too large.
"""

from __future__ import annotations

import http.client
import ipaddress
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ivif_bench.errors import UserError
from ivif_bench.types import Progress

_BLOCK = 1 << 20
_POLL = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may cost.

    Attributes:
        stall: seconds; in each such period at least ``slowest`` bytes per second must arrive.
        slowest: bytes per second.
        total: seconds for the whole download; what has arrived by then is kept, so that another call
            resumes it.
        size: bytes of the file.
    """

    stall: float = 60.0
    slowest: int = 1000
    total: float = 4 * 3600.0
    size: int = 20 * 10**9


def download(
    url: str, partial: Path, name: str, progress: Progress, limits: Limits | None = None
) -> None:
    """Download a file into ``partial``, or the rest of it if its beginning is there.

    Args:
        url: https; http only on this machine (localhost, 127.0.0.1, ::1).
        name: of the file, for the progress.
        progress: called with (bytes, total bytes or 0, name).

    Raises:
        UserError: the address or a redirect is not allowed, the server's answer is not the file, a limit
            is exceeded, or the connection or the disk fails.
    """
    limits = limits or Limits()
    problem = _refusal(url, local=True)
    if problem:
        raise UserError(f"{url}: {problem}")
    task = _Transfer(url, partial, limits)
    thread = threading.Thread(target=task.run, daemon=True)  # it may hang in a library: see Limits
    thread.start()
    started = window = time.monotonic()
    before = 0
    try:
        while thread.is_alive():
            thread.join(_POLL)
            now = time.monotonic()
            if task.received:
                progress(task.done, task.total, name)
            if now - started > limits.total and thread.is_alive():
                raise _broken(url, partial, f"not complete after {limits.total:g} s")
            if now - window > limits.stall and thread.is_alive():
                received = task.received - before
                if received < limits.slowest * limits.stall:
                    raise _broken(url, partial, f"{received} bytes in {limits.stall:g} s")
                window, before = now, task.received
    finally:
        task.stop()
    if task.problem is not None:
        raise task.problem


class _Transfer:
    """One download, in a thread of its own.

    Attributes:
        done: bytes of the file that are there.
        received: bytes received now.
        total: bytes of the file, 0 if the server does not say.
        problem: the error with which it ended.
    """

    def __init__(self, url: str, partial: Path, limits: Limits) -> None:
        self._url, self._partial, self._limits = url, partial, limits
        self._lock = threading.Lock()
        self._stopped = False
        self.done = self.received = self.total = 0
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            self._download()
        except urllib.error.HTTPError as problem:
            reason = " ".join(str(problem.reason).split())[:200]
            self.problem = UserError(f"{self._url}: the server answered {problem.code} {reason}")
        except UserError as problem:
            self.problem = problem
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.problem = _broken(self._url, self._partial, getattr(problem, "reason", problem))
        except Exception as problem:  # the caller reports it; a thread would only print it
            self.problem = problem

    def stop(self) -> None:
        """After this nothing is written any more."""
        with self._lock:
            self._stopped = True

    def _download(self) -> None:
        partial, url = self._partial, self._url
        have = partial.stat().st_size if partial.is_file() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        opener = urllib.request.build_opener(_Redirects)
        try:
            # longer than the limit, so that the limit is what is reported
            response = opener.open(request, timeout=4 * self._limits.stall)
        except urllib.error.HTTPError as problem:
            if problem.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
                raise
            if problem.headers.get("Content-Range", "") == f"bytes */{have}":
                return  # it was complete already
            partial.unlink()  # longer than the file is now: another file's beginning
            self._download()
            return
        with response:
            resumed = response.status == http.client.PARTIAL_CONTENT
            if resumed and not (response.headers.get("Content-Range") or "").startswith(
                f"bytes {have}-"
            ):
                raise UserError(f"{url}: the server continued at another position than requested")
            if response.status not in (http.client.OK, http.client.PARTIAL_CONTENT):
                raise UserError(f"{url}: the server answered {response.status}, not the file")
            self.done = have if resumed else 0
            length = _length(url, response.headers.get("Content-Length"))
            self.total = self.done + length if length is not None else 0
            self._demand_size(self.total)
            self._receive(response, "ab" if resumed else "wb")
        if length is not None and self.done < self.total:
            raise http.client.IncompleteRead(b"", self.total - self.done)

    def _receive(self, response: Any, mode: str) -> None:
        try:
            file: IO[bytes] = self._partial.open(mode, buffering=0)
        except OSError as problem:
            raise _unwritable(self._partial, problem) from problem
        with file:
            while block := response.read1(_BLOCK):
                self._demand_size(self.done + len(block))
                with self._lock:
                    if self._stopped:
                        return
                    try:
                        file.write(block)
                    except OSError as problem:
                        raise _unwritable(self._partial, problem) from problem
                self.done += len(block)
                self.received += len(block)

    def _demand_size(self, size: int) -> None:
        if size > self._limits.size:
            self._partial.unlink(missing_ok=True)
            raise UserError(
                f"{self._url}: the file has more than {self._limits.size:,} bytes, the most that is "
                "downloaded; the download was deleted"
            )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only; from this machine also to this machine."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        problem = _refusal(newurl, local=_is_local(req.full_url))
        if problem:
            raise UserError(f"{req.full_url}: the server redirects to {newurl[:200]!r}: {problem}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any
    ) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except (ValueError, http.client.InvalidURL) as problem:
            location = headers.get("Location") or headers.get("URI") or ""
            raise UserError(
                f"{req.full_url}: the server redirects to {location[:200]!r}, which is no address"
            ) from problem

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _refusal(url: str, *, local: bool) -> str:
    """Why an address is not downloaded from, empty if it is; ``local``: http on this machine is allowed."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as problem:
        return f"not an address ({problem})"
    if not host:
        return "not an address with a host"
    if parts.scheme == "https" or (local and _is_local(url)):
        return ""
    return "only https is downloaded from"


def _is_local(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    return parts.scheme == "http" and loopback


def _length(url: str, text: str | None) -> int | None:
    """Value of ``Content-Length``; None without one."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise UserError(
            f"{url}: the server's Content-Length {text[:40]!r} is not a number of bytes"
        )
    return int(text)


def _broken(url: str, partial: Path, reason: object) -> UserError:
    target = partial.with_suffix("")
    text = " ".join(str(reason).split())
    return UserError(
        f"cannot download {url}: {text}; without a connection, download it elsewhere and put it at "
        f"{target} (received bytes are in {partial.name}; run it again to resume)"
    )


def _unwritable(path: Path, problem: OSError) -> UserError:
    return UserError(f"cannot write {path}: {problem.strerror or problem}")
