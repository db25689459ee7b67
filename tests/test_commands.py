"""The command line `python -m include`."""

import subprocess
import sys
from pathlib import Path

import pytest

from include.__main__ import COMMANDS, COMMANDS_FOR_A_RUN, main

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("command", {**COMMANDS_FOR_A_RUN, **COMMANDS})
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m include {command}" in capsys.readouterr().out


def test_the_commands_are_listed() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "include", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for command in (*COMMANDS_FOR_A_RUN, *COMMANDS):
        assert command in shown.stdout


@pytest.mark.parametrize("run", ["yesterday", "2026-11-31T060000Z", "2026-11-22T０６0000Z"])
def test_an_invalid_run_is_named(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["redrive", "events", run])
    assert "is not a run: a run has a name like 2026-11-22T060000Z" in capsys.readouterr().err
