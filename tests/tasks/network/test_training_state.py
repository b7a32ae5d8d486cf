"""States of trainings, requests to stop, and curves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from ivif_bench.curves import read_curves
from ivif_bench.data.images import read_rgb
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.curves import CURVES, Curves, described
from ivif_bench.tasks.network.training_state import (
    STATE,
    peak_memory_mb,
    read_state,
    stop_requests,
    write_state,
)


def test_a_state_is_found_in_its_folder_and_refused_for_another_training(tmp_path):
    assert read_state(tmp_path, {"seed": 0}) is None
    write_state(tmp_path, {"w": torch.ones(2), "epoch": 3}, {"seed": 0})
    found = read_state(tmp_path, {"seed": 0})
    assert found["epoch"] == 3
    assert torch.equal(found["w"], torch.ones(2))
    with pytest.raises(UserError, match="made with seed 0, now 1; delete it to start this"):
        read_state(tmp_path, {"seed": 1})
    (tmp_path / STATE).write_bytes(b"half of it")
    with pytest.raises(UserError, match="not the state of a training"):
        read_state(tmp_path, {"seed": 0})


class _Ended(BaseException):
    pass


def _end(*_):
    raise _Ended


@pytest.fixture
def ending():
    """A handler of SIGTERM as a worker has it: it raises at once."""
    before = signal.signal(signal.SIGTERM, _end)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_stop_is_told_and_delivered_after_the_state_is_saved(tmp_path, ending):
    done = []
    with pytest.raises(_Ended), stop_requests() as stop_requested:  # noqa: PT012
        for step in range(5):
            done.append(step)
            if step == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            if stop_requested():
                write_state(tmp_path, {"step": step}, {})
                break
    assert done == [0, 1, 2]
    assert read_state(tmp_path, {}) == {"step": 2}
    assert signal.getsignal(signal.SIGTERM) is _end


def test_without_a_stop_nothing_happens_and_errors_pass(ending):
    with stop_requests() as stop_requested:
        assert not stop_requested()
    with pytest.raises(KeyError), stop_requests():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) is _end


def test_outside_the_main_thread_there_are_no_signals():
    answers = []

    def inside():
        with stop_requests() as stop_requested:
            answers.append(stop_requested())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert answers == [False]


_TRAINING = """
import sys, time
from pathlib import Path
from ivif_bench.tasks.network.training_state import stop_requests, write_state
with stop_requests() as stop_requested:
    print("begun", flush=True)
    for step in range(1000):
        time.sleep(0.01)
        if stop_requested():
            write_state(Path(sys.argv[1]), {"step": step}, {})
            break
print("not reached")
"""


@pytest.mark.slow
def test_a_process_without_a_handler_ends_by_the_signal(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", _TRAINING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.05)
        process.terminate()
        rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest) == (-signal.SIGTERM, "")
    assert read_state(tmp_path, {})["step"] < 1000


_WORKER = """
import json, os, sys, tempfile
from pathlib import Path
from ivif_bench.pipeline import worker
program = sys.argv[2]
worker.perform = lambda job, progress: exec(program)
file = tempfile.TemporaryFile()
file.write(json.dumps({"log": sys.argv[1] + "/log"}).encode())
file.flush()
print("begun", flush=True)
worker._print_into = lambda log: None
sys.exit(worker.main(os.dup(file.fileno()), os.open(os.devnull, os.O_WRONLY)))
"""


@pytest.mark.slow
def test_a_job_of_a_run_that_is_stopped_saves_its_state_and_ends_as_stopped(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(tmp_path), _TRAINING], stdout=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
        rest, _ = process.communicate(timeout=30)
    assert lines == ["begun\n"] * 2  # the process, and the training in it
    assert (process.returncode, rest) == (128 + signal.SIGTERM, "")
    assert read_state(tmp_path, {})["step"] < 1000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_cpu_training_is_the_peak_that_the_system_counts():
    status = Path("/proc/self/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_memory_mb(torch.device("cpu")) == pytest.approx(int(kib) * 1024 / 1e6, rel=0.05)


ROW = {"loss": 0.1 + 0.2, "lr": 1e-5, "seconds": 2.0, "memory_mb": 700.5}


def test_curves_are_a_plain_table_whose_numbers_come_back_exactly(tmp_path):
    curves = Curves(tmp_path)
    assert curves.rows() == []
    curves.append(1, ROW)
    curves.append(2, {**ROW, "val map50": 0.5})
    text = (tmp_path / CURVES).read_text().splitlines()
    assert text[0] == "epoch,loss,lr,seconds,memory_mb,val map50"
    assert text[1].endswith("700.5,")
    assert curves.rows() == [{"epoch": 1, **ROW}, {"epoch": 2, **ROW, "val map50": 0.5}]
    with pytest.raises(ValueError, match="row of epoch 2"):
        curves.append(2, ROW)


def test_rows_of_an_interrupted_epoch_are_dropped(tmp_path):
    curves = Curves(tmp_path)
    curves.keep(0)
    assert not curves.path.exists()
    for epoch in (1, 2, 3):
        curves.append(epoch, {"loss": epoch})
    Curves(tmp_path).keep(1)
    assert [row["epoch"] for row in curves.rows()] == [1]
    curves.append(2, {"loss": 0.5})
    assert [row["loss"] for row in curves.rows()] == [1, 0.5]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "epoch,x\n1,two\n", "epoch\n1,2\n", "\0"])
def test_another_file_of_that_name_has_no_rows(tmp_path, text):
    (tmp_path / CURVES).write_text(text)
    assert read_curves(tmp_path / CURVES) == []


@pytest.mark.slow
def test_the_figure_has_a_panel_for_each_curve_and_is_the_same_each_time(tmp_path):
    curves = Curves(tmp_path)
    for epoch in (1, 2, 3):
        curves.append(epoch, {**ROW, "loss": 1 / epoch})
    curves.draw(tmp_path / "one")
    curves.draw(tmp_path / "two.png")
    for kind in ("png", "pdf"):
        first, second = (tmp_path / f"{name}.{kind}" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    image = read_rgb(tmp_path / "one.png")
    assert image.shape == (1320, 2100, 3)  # loss and lr, not seconds and memory
    assert image.min() < 50


def test_a_finished_training_says_what_all_its_epochs_took(tmp_path):
    alone = described(tmp_path, 1.23456, "cpu")
    assert alone == {"seconds": 1.235, "memory_mb": pytest.approx(peak_memory_mb("cpu"), rel=0.1)}
    for epoch, memory in ((1, 700.5), (2, 650.0)):
        Curves(tmp_path).append(epoch, {**ROW, "memory_mb": memory})
    expected = {"seconds": 4.0, "memory_mb": 700.5, "curves": CURVES}
    assert described(tmp_path, 1.0, "cpu") == expected
