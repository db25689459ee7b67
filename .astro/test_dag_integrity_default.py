"""Every DAG file can be imported. Run by `astro dev parse`, `astro dev pytest` and `astro deploy`.

`astro dev init` scaffolds a file of this name that passes `include_examples` to `DagBag`, which
Airflow 3.3 no longer takes. This one takes its place.
"""

import os
from pathlib import Path

import pytest

os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from airflow.dag_processing.dagbag import DagBag

HOME = Path(__file__).resolve().parent.parent
EXEMPT = {
    line.strip()
    for line in (HOME / ".astro" / "dag_integrity_exceptions.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
}
FILES = sorted(str(path.relative_to(HOME)) for path in (HOME / "dags").rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_the_dag_file_can_be_imported(file: str) -> None:
    if file in EXEMPT:
        pytest.skip("exempt by .astro/dag_integrity_exceptions.txt")
    bag = DagBag(HOME / file, bundle_name="dags-folder")
    assert bag.import_errors == {}
    assert bag.dags, f"{file} defines no DAG"
