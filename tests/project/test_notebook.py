"""The notebook, run as a data scientist runs it: a script with a connection in its environment."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.warehouse.reader_role import create_reader
from sandbox.connections import connection_environment
from sandbox.services import Services
from tests.support.snapshots import rows

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, connection: str) -> str:
    """What the script prints; the picture lies in the folder."""
    return subprocess.run(
        [sys.executable, ROOT / "notebooks" / "three_questions.py"],
        cwd=folder,
        env=os.environ | {"AIRFLOW_CONN_REDSHIFT": connection},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def size(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack("!II", data[16:24])
    return width, height


def test_the_notebook_works_with_read_only_access(star: Any, services: Services, tmp_path: Path) -> None:
    create_reader(star)
    with star.cursor() as cursor:
        cursor.execute("create user ada password 'Lovelace-1'")
        cursor.execute("grant role musician_reader to ada")
        star.commit()
        given = json.loads(connection_environment(services)["AIRFLOW_CONN_REDSHIFT"])
        answers = run(tmp_path, json.dumps(given | {"login": "ada", "password": "Lovelace-1"}))
        cursor.execute("drop user ada")
    star.commit()
    [(artist, song)] = rows(
        star,
        "select artist_name, top_song from analytics.artist_events_songs "
        "where listeners is not null order by chart_rank, listeners desc limit 1",
    )
    [(city,)] = rows(
        star,
        "select venue_city from analytics.upcoming_concerts group by venue_city "
        "order by count(*) desc, venue_city limit 1",
    )
    for answer in (artist, song, city, "rescheduled"):
        assert answer in answers
    width, height = size(tmp_path / "three_questions.png")
    assert width > 2_000
    assert height > 1_000


def test_a_running_sandbox_gives_a_shell_its_connections(services: Services, tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text(json.dumps(asdict(services)))
    exports = f"'{sys.executable}' -m sandbox.local.connections --home '{tmp_path}'"
    command = f'eval "$({exports})"; printenv AIRFLOW_CONN_REDSHIFT'
    printed = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(printed)["port"] == services.redshift["port"]


def test_without_a_running_sandbox_it_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.local.connections", "--home", str(tmp_path)]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode == 1
    assert "make up" in asked.stderr
