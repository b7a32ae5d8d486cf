"""A reader that ends early, such as ``head -1``, is no error of the command."""

from __future__ import annotations

import subprocess

import pytest
from small_runs import command, write_pairs


@pytest.mark.slow
@pytest.mark.parametrize("what", ["list", "kinds", "score"])
def test_output_into_a_closed_pipe_ends_with_code_0_and_no_words(what, tmp_path):
    arguments = {
        "list": ["list", "methods", "--detail"],
        "kinds": ["list", "metrics", "--json"],
        "score": ["score", "--infrared", tmp_path / "ir", "--visible", tmp_path / "vi",
                  "--fused", f"A={tmp_path / 'vi'}"],
    }[what]  # fmt: skip
    if what == "score":
        write_pairs(tmp_path, 1, (64, 64))
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0, errors
    assert "Error" not in errors
