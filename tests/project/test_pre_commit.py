"""Pre-commit runs what `make check` runs."""

import subprocess
import sys
from pathlib import Path

import yaml

CONFIGURATION = Path(__file__).resolve().parents[2] / ".pre-commit-config.yaml"


def test_the_configuration_is_one_that_pre_commit_understands() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", str(CONFIGURATION)],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_commit_runs_make_check_and_nothing_else() -> None:
    (repository,) = yaml.safe_load(CONFIGURATION.read_text())["repos"]
    assert repository["repo"] == "local"
    (hook,) = repository["hooks"]
    assert hook["entry"] == "make check"
    assert hook["always_run"] is True
    assert hook["pass_filenames"] is False
