"""A download ends: within limits of time and size, from https only, with one line on bad answers."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from ivif_bench.download import Limits, download
from ivif_bench.errors import UserError

SHORT = Limits(stall=0.4, total=1.5, slowest=1000, size=10_000)
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(*pieces: bytes, pause: float = 0.0):
    """A server of one address that sends these pieces to whoever connects, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        for piece in pieces:
                            connection.sendall(piece)
                            time.sleep(pause)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/w.bin"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _refusal(url: str, folder, limits: Limits = SHORT) -> str:
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        download(url, folder / "w.bin.part", "w.bin", lambda *_: None, limits)
    assert time.monotonic() - started < limits.total + 1
    text = str(caught.value)
    assert "\n" not in text
    return text


def _redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("url", ["http://example.org/w", "ftp://example.org/w", "file:///etc/passwd",
                                 "http://127.0.0.1.example.org/w", "http://10.0.0.1/w"])  # fmt: skip
def test_only_https_is_downloaded_from_but_for_this_machine(url, tmp_path):
    text = _refusal(url, tmp_path)
    assert "only https" in text or "not an address" in text


@pytest.mark.parametrize("url", ["https://", "weights", "https://[::1/w", "https://host:port/w"])
def test_what_is_no_address_is_said(url, tmp_path):
    assert "not an address" in _refusal(url, tmp_path)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://example.org/w", "only https"),
        ("ftp://example.org/w", "only https"),
        ("file:///etc/passwd", "not allowed|not an address|only https"),
        ("https://[::1/w", "is no address|not an address"),
        ("http://127.0.0.1:port/w", "is no address|not an address"),
        ("https://", "not an address"),
    ],
)
def test_redirects_lead_to_https_only_and_a_malformed_one_is_one_line(location, said, tmp_path):
    with answering(_redirect(location)) as url:
        text = _refusal(url, tmp_path)
    assert any(part in text for part in said.split("|")), text


def test_a_redirect_without_a_target_and_an_endless_one_are_refused(tmp_path):
    with answering(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n") as url:
        assert "the server answered 302" in _refusal(url, tmp_path)
    with answering(_redirect("/w.bin")) as url:
        assert "the server answered 302" in _refusal(url, tmp_path)


def test_a_redirect_on_this_machine_is_followed(tmp_path):
    body = b"x" * 500
    with (
        answering(OK + b"Content-Length: 500\r\n\r\n" + body) as target,
        answering(_redirect(target)) as url,
    ):
        download(url, tmp_path / "w.bin.part", "w.bin", lambda *_: None, SHORT)
    assert (tmp_path / "w.bin.part").read_bytes() == body


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "٣", "9" * 5000, "", "5, 5"])
def test_a_content_length_that_is_no_number_is_one_line(length, tmp_path):
    with answering(OK + f"Content-Length: {length}\r\n\r\nhello".encode()) as url:
        assert "Content-Length" in _refusal(url, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ((b"",), 3.0),  # connected, no answer
        ((b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n"] * 90)), 0.1),  # headers without end
        ((OK + b"Content-Length: 9000\r\n\r\n", *([b"x"] * 90)), 0.1),  # drops of content
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n", *([b"1\r\nx\r\n"] * 90)), 0.1),
        ((OK + b"Content-Length: 9000\r\n\r\n" + b"x" * 500,), 3.0),  # stops in the middle
    ],
)
def test_a_server_that_hardly_sends_is_given_up(pieces, pause, tmp_path):
    with answering(*pieces, pause=pause) as url:
        text = _refusal(url, tmp_path)
    assert "bytes in 0.4 s" in text
    assert "run it again to resume" in text


@pytest.mark.slow
def test_a_slow_download_ends_at_the_total_limit_and_is_kept(tmp_path):
    pieces = (OK + b"Content-Length: 9000\r\n\r\n", *([b"x" * 200] * 40))
    with answering(*pieces, pause=0.1) as url:
        text = _refusal(url, tmp_path)
    assert "not complete after 1.5 s" in text
    assert (tmp_path / "w.bin.part").stat().st_size >= 1000


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_size_limit_is_deleted(announced, tmp_path):
    length = b"Content-Length: 30000\r\n" if announced else b""
    with answering(OK + length + b"\r\n" + b"x" * 30_000) as url:
        assert "more than 10,000 bytes" in _refusal(url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_file(tmp_path):
    """/dev/full answers every write with ENOSPC."""
    (tmp_path / "w.bin.part").symlink_to("/dev/full")
    with answering(OK + b"Content-Length: 5\r\n\r\nhello") as url:
        text = _refusal(url, tmp_path)
    assert text == f"cannot write {tmp_path / 'w.bin.part'}: No space left on device"
