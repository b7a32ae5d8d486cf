"""Weights files: found, downloaded with resume and checksum, converted; against a local server."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ivif_bench.config import MethodConfig
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.fusion import METHODS, MethodSpec, WeightsSpec
from ivif_bench.pipeline.fuse import method_key
from ivif_bench.weights import (
    advice,
    convert,
    fetch,
    locate,
    sha256_of,
    shipped_folder,
    weights_folder,
)

CONTENT = bytes(range(256)) * 12_000  # three blocks
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; remembers the ranges asked for; may break off or ignore ranges."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.break_after: int | None = None
        self.ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        asked = self.headers.get("Range", "")
        self.server.asked.append(asked)
        if not self.path.endswith("weights.bin"):
            self.send_error(404)
            return
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.break_after])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def _quiet(done, total, name):
    pass


@pytest.mark.slow
def test_download_arrives_whole_with_progress_and_checksum(server, tmp_path):
    seen = []
    found = fetch(server.url, tmp_path / "w.bin", SHA, lambda *args: seen.append(args))
    assert found == SHA
    assert (tmp_path / "w.bin").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT), "w.bin")
    assert list(tmp_path.iterdir()) == [tmp_path / "w.bin"]


@pytest.mark.slow
def test_broken_download_is_taken_up_where_it_stopped(server, tmp_path):
    server.break_after = 1_000_000
    with pytest.raises(UserError, match="run it again to resume"):
        fetch(server.url, tmp_path / "w.bin", SHA, _quiet)
    assert (tmp_path / "w.bin.part").stat().st_size == 1_000_000
    server.break_after = None
    assert fetch(server.url, tmp_path / "w.bin", SHA, _quiet) == SHA
    assert server.asked == ["", "bytes=1000000-"]


@pytest.mark.slow
def test_a_server_without_ranges_starts_again(server, tmp_path):
    (tmp_path / "w.bin.part").write_bytes(b"x" * 500)
    server.ranges = False
    assert fetch(server.url, tmp_path / "w.bin", SHA, _quiet) == SHA


@pytest.mark.slow
def test_a_part_that_is_complete_already_is_checked_and_kept(server, tmp_path):
    (tmp_path / "w.bin.part").write_bytes(CONTENT)
    assert fetch(server.url, tmp_path / "w.bin", SHA, _quiet) == SHA


@pytest.mark.slow
def test_another_checksum_deletes_the_download(server, tmp_path):
    with pytest.raises(UserError, match=f"sha256 is {SHA}, expected 0000"):
        fetch(server.url, tmp_path / "w.bin", "0000", _quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_that_is_here_is_only_checked(server, tmp_path):
    (tmp_path / "w.bin").write_bytes(CONTENT)
    assert fetch(server.url, tmp_path / "w.bin", SHA, _quiet) == SHA
    assert server.asked == []
    with pytest.raises(UserError, match="delete it and fetch again"):
        fetch(server.url, tmp_path / "w.bin", "0000", _quiet)


@pytest.mark.slow
def test_an_answer_other_than_the_file_is_said(server, tmp_path):
    with pytest.raises(UserError, match="the server answered 404"):
        fetch(server.url.replace("weights.bin", "nothing"), tmp_path / "w.bin", SHA, _quiet)


def test_offline_says_where_to_put_the_file(tmp_path):
    with pytest.raises(
        UserError, match="without a connection, download it elsewhere and put it at"
    ):
        fetch("http://127.0.0.1:9/weights.bin", tmp_path / "w.bin", SHA, _quiet)


FILE = WeightsSpec(
    name="made.safetensors", original="given.pt", url="http://example.org/given.pt",
    converter=f"{__name__}:unused", terms="research",
)  # fmt: skip
METHOD = MethodSpec(
    name="some", entry="ivif_bench.fusion_models.none:None", title="", paper="", licence="",
    weights=(FILE,), alternative="other",
)  # fmt: skip


def test_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "a"))
    assert weights_folder() == tmp_path / "a"
    monkeypatch.delenv("IVIF_BENCH_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert weights_folder() == tmp_path / "b" / "ivif-bench" / "weights"


def test_a_missing_file_says_everything_that_helps(monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError) as caught:
        locate(METHOD, FILE)
    for part in (
        "given.pt",
        "example.org",
        "weights fetch some",
        "weights convert some FILE",
        "other runs",
    ):
        assert part in str(caught.value)
    with pytest.raises(UserError, match=r"no weights file /nowhere"):
        locate(METHOD, FILE, "/nowhere")
    assert "sha256 abc" in advice(METHOD, replace(FILE, original_sha256="abc"))


def test_a_given_file_is_taken_before_any_other(tmp_path):
    (tmp_path / "own").write_bytes(b"x")
    assert locate(METHOD, FILE, str(tmp_path / "own")) == tmp_path / "own"


def test_a_source_that_is_not_there_is_not_converted(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        convert(FILE, tmp_path / "none.pt", tmp_path / "out")


def test_images_of_other_weights_have_another_key(tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    ddfm = MethodConfig(type="ddfm", name="ddfm")
    with pytest.raises(UserError, match="weights fetch ddfm"):
        method_key(ddfm, 0, Fingerprints(tmp_path / "prints.json"))
    keys = set()
    for content in (b"one", b"two!"):
        (tmp_path / METHODS.get("ddfm").weights[0].name).write_bytes(content)
        keys.add(method_key(ddfm, 0, Fingerprints(tmp_path / "prints.json")))
    assert len(keys) == 2


def _shipped():
    return [
        (method, file)
        for method in METHODS.specs().values()
        for file in method.weights
        if file.shipped
    ]


@pytest.mark.parametrize(("method", "file"), _shipped(), ids=lambda item: getattr(item, "name", ""))
def test_shipped_files_are_what_their_spec_and_card_say(method, file):
    path = locate(method, file)
    assert path.stat().st_size < 12e6
    assert sha256_of(path) == file.sha256
    assert file.terms
    card = (shipped_folder(method) / f"{Path(file.name).stem}.md").read_text()
    for part in (file.name, file.sha256, "research", "ivif-bench train"):
        assert part in card
    assert not re.search(r"@[A-Z]+@|\b[A-Z]*TODO\b", card), "a number is still to be filled in"


def test_a_damaged_shipped_file_is_refused_before_anything_is_fused(monkeypatch, tmp_path):
    (tmp_path / "ddfm-lite.safetensors").write_bytes(b"cut off")
    monkeypatch.setattr("ivif_bench.weights.shipped_folder", lambda method: tmp_path)
    method = MethodConfig(name="lite", type="ddfm-lite")
    with pytest.raises(UserError, match="is damaged"):
        method_key(method, 0, Fingerprints(tmp_path / "prints.json"))


def test_a_named_file_that_is_missing_is_refused_before_anything_is_fused(tmp_path):
    method = MethodConfig(name="mine", type="ddfm", options={"weights": str(tmp_path / "absent")})
    with pytest.raises(UserError, match="no weights file"):
        method_key(method, 0, Fingerprints(tmp_path / "prints.json"))
