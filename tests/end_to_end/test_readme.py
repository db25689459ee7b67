"""The README does what it says: a stranger's commands, in a fresh clone."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks() -> list[str]:
    """The README's shell blocks, in order."""
    return re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_link_to_a_file_and_every_picture_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_and_module_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()


@pytest.mark.end_to_end
def test_every_command_of_the_readme_works_in_a_fresh_clone(tmp_path: Path) -> None:
    if not (Path(sys.prefix) / ".installed").exists():
        pytest.skip("needs the virtual environment that make sets up")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    # The environment of this test run stands for the one that make would set up.
    (clone / ".environment").symlink_to(sys.prefix)
    environment = {**os.environ, "MAKEFLAGS": "--assume-old=requirements.lock"}
    for name in [name for name in environment if name.startswith(("AIRFLOW", "AWS_"))]:
        del environment[name]
    try:
        for block in blocks():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=clone,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert (clone / "three_questions.png").stat().st_size > 10_000
    finally:
        subprocess.run(["make", "down"], cwd=clone, env=environment, capture_output=True, check=False)
