"""``serve``: the files of the run, to whoever has the token, and nothing else."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivif_bench.errors import UserError
from ivif_bench.reports.page.server import INDEX, PageServer, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    """A server of a folder with a page, a secret beside it, and links that lead out."""
    run = tmp_path / "run"
    (run / INDEX).parent.mkdir(parents=True)
    (run / INDEX).write_text("<!doctype html>page")
    (run / ".hidden").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (run / "link.txt").symlink_to(tmp_path / "secret.txt")
    (run / "out").symlink_to(tmp_path)
    os.mkfifo(run / "pipe")
    with serve(run) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str, method: str = "GET", host: str = ""
) -> tuple[int, bytes, dict]:
    """Status, body and headers; the path goes out exactly as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host=bool(host), skip_accept_encoding=True)
    if host:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_the_page_is_served_under_the_token(server: PageServer) -> None:
    status, body, headers = ask(server, f"/{server.token}/{INDEX}")
    assert (status, body) == (200, b"<!doctype html>page")
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert ask(server, f"/{server.token}/{INDEX}", "HEAD")[:2] == (200, b"")
    assert server.address.startswith("http://127.0.0.1:")
    assert len(server.token) >= 32


@pytest.mark.parametrize("path", ["/", "/wrong/" + INDEX, "/" + INDEX, "//" + INDEX, "/%00/x"])
def test_a_wrong_token_is_forbidden(server: PageServer, path: str) -> None:
    assert ask(server, path)[0] == 403
    assert ask(server, f"/{server.token[:-1]}/{INDEX}")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "report/../../secret.txt", "link.txt",
        "out/secret.txt", "/etc/passwd", "%2fetc%2fpasswd", ".hidden", "report", "",
        "pipe", "%00", "..%5csecret.txt",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_run_is_served(server: PageServer, path: str) -> None:
    status, body, _ = ask(server, f"/{server.token}/{path}")
    assert status == 404
    assert b"secret" not in body


def test_other_names_of_this_machine_and_other_methods_are_refused(server: PageServer) -> None:
    assert ask(server, f"/{server.token}/{INDEX}", host="evil.example")[0] == 403
    assert ask(server, f"/{server.token}/{INDEX}", "POST")[0] == 501


def test_at_port_80_browsers_leave_the_port_out(server: PageServer) -> None:
    path, port = f"/{server.token}/{INDEX}", server.server_address[1]
    assert ask(server, path, host="127.0.0.1")[0] == 403
    assert ask(server, path, host=f"localhost:{port}")[0] == 200
    assert server.hosts == {f"127.0.0.1:{port}", f"localhost:{port}"}
    server.server_address = ("127.0.0.1", 80)  # what it believes; it goes on listening where it was
    for host, status in {"127.0.0.1": 200, "localhost:80": 200, f"localhost:{port}": 403}.items():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        assert connection.getresponse().status == status, host


def test_an_address_that_is_none_is_a_bad_request(server: PageServer) -> None:
    host = f"localhost:{server.server_address[1]}"
    assert ask(server, "http://[", host=host)[0] == 400


def test_a_run_without_a_page_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no page; write it with 'ivif-bench report"):
        serve(tmp_path)
