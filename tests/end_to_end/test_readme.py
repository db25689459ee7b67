"""The README does what it says: a stranger's commands, in a fresh clone."""

import importlib.util
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from include.warehouse.tables import STAR
from tests.end_to_end.test_run import environment, processes_of

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
    if not (Path(sys.prefix) / ".installed-dev").exists():
        pytest.skip("needs the virtual environment that make sets up")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    # The environment of this test run stands for the one that make would set up.
    (clone / ".environment").symlink_to(sys.prefix)
    (clone / ".sandbox").mkdir(mode=0o755)
    given = environment(MAKEFLAGS="--assume-old=requirements.lock --assume-old=requirements-dev.lock")

    def shell(block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=clone,
            env=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    then = {"make run": published_the_star, "make up": keeps_running, "make down": stopped}
    assert then.keys() <= {block.strip() for block in blocks()}
    try:
        for block in blocks():
            done = shell(block)
            assert done.returncode == 0, f"{block}\n{done.stdout}"
            then.get(block.strip(), lambda *_: None)(clone, done.stdout, shell)
        assert (clone / "three_questions.png").stat().st_size > 10_000
    finally:
        shell("make down")


Shell = Callable[[str], subprocess.CompletedProcess[str]]


def published_the_star(clone: Path, output: str, _: Shell) -> None:
    """It shows the star, and leaves nothing running."""
    assert re.search(r"ingest_events +publish_events +success", output)
    assert re.search(r"ingest_songs +publish_songs +success", output)
    assert re.search(r"musician_warehouse +publish +success", output)
    counts = rows(output)
    assert set(counts) == set(STAR)
    assert counts["dim_concerts"] > 2_000
    assert counts["dim_songs"] > 2_000
    assert re.search(r"Expectations +[1-9]\d* passed, 0 failed", output)
    shown = output.partition("analytics.artist_events_songs")[2].partition("Expectations")[0]
    assert len(shown.strip().splitlines()) == 5  # the end of the title, the column names, three artists
    assert (clone / ".sandbox" / "data-docs" / "index.html").exists()
    assert re.search(r"Seconds +start [\d.]+, ingest_events [\d.]+, ingest_songs", output)
    assert processes_of(clone) == []
    written = [clone / ".sandbox", *(clone / ".sandbox").rglob("*")]
    assert [path for path in written if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []


def keeps_running(_: Path, output: str, shell: Shell) -> None:
    """It says where its Airflow is, says it again when asked again, and refuses another run beside it."""
    assert rows(output)["fact_artists"] > 0
    address = re.search(r"Airflow: (http://127\.0\.0\.1:\d+)", output)
    assert address is not None
    with urllib.request.urlopen(f"{address[1]}/api/v2/monitor/health", timeout=30) as health:
        assert json.load(health)["scheduler"]["status"] == "healthy"
    again = shell("make up")
    assert again.returncode == 0
    assert address[1] in again.stdout
    assert "already" in again.stdout
    run = shell("make run")
    assert run.returncode != 0
    assert "make down" in run.stdout


def stopped(clone: Path, _: str, shell: Shell) -> None:
    """Nothing is left running, and stopping it again is no error."""
    assert processes_of(clone) == []
    assert shell("make down").returncode == 0


def rows(output: str) -> dict[str, int]:
    """Rows per table, as the summary lists them."""
    return {name: int(count.replace(",", "")) for name, count in re.findall(r"dwh\.(\w+) +([\d,]+)", output)}
