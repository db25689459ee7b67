"""Publishes the data docs to the bucket: only changed files, in parallel, however many audits are kept.

validations/<suite>/<run>/<instant>/<batch>.json   the results of the newest audits
validations/audits.json                            what the index page says about them, and the files of the site
data-docs/…                                        the site
"""

import hashlib
import logging
import mimetypes
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.lake import Lake
from include.lake.runs import is_run
from include.quality.index_page import index
from include.quality.results import Validation, validations
from include.quality.site import PREFIX, finish

log = logging.getLogger(__name__)

_VALIDATIONS = "validations/"
_AUDITS = f"{_VALIDATIONS}audits.json"
_AT_ONCE = 8
"""How many files are transferred at a time: boto3 has ten connections."""


class Audits(msgspec.Struct):
    """What is remembered between audits."""

    validations: list[Validation]
    files: dict[str, str]
    """Files of the site that do not belong to an audit, with the hash of each."""


def publish(lake: Lake, site: Path, results: Path, kept_runs: int) -> None:
    """Adds an audit, whose pages are in `site` and whose results are in `results`, to the data docs.

    Keeps the newest `kept_runs` audits. The index page is written after every page that it links to, and
    `validations/audits.json` after the index page.
    """
    known = _audits(lake)
    suites = finish(site)
    new = list(validations(results))
    every = {validation.page: validation for validation in (*known.validations, *new)}
    kept_audits = sorted({validation.audit for validation in every.values()})[-kept_runs:]
    kept = [validation for validation in every.values() if validation.audit in kept_audits]
    (site / "index.html").write_text(index(kept, suites))
    files = {}
    moved: dict[str, Path] = {}
    for file in site.rglob("*"):
        name = file.relative_to(site).as_posix()
        if file.is_file() and name.startswith("validations/"):
            moved[PREFIX + name] = file
        elif file.is_file() and name != "index.html":
            files[name] = hashlib.sha256(file.read_bytes()).hexdigest()
            if known.files.get(name) != files[name]:
                moved[PREFIX + name] = file
    moved |= {_VALIDATIONS + file.relative_to(results).as_posix(): file for file in results.rglob("*.json")}
    _side_by_side(lambda item: _put(lake, *item), moved.items())
    _put(lake, f"{PREFIX}index.html", site / "index.html")
    lake.bucket.put_json(_AUDITS, Audits(kept, files))
    gone = [validation.page for validation in every.values() if validation not in kept]
    _side_by_side(
        lambda key: lake.bucket.delete([key]),
        [key for page in gone for key in (PREFIX + page, str(Path(page).with_suffix(".json")))],
    )


def last_judged(lake: Lake) -> datetime | None:
    """When the newest audit judged; None if none is remembered. Raises `ManifestInvalid` if that cannot be read."""
    found = lake.bucket.get_json(_AUDITS, Audits, "The next audit writes a new one.")
    return max((each.judged_at for each in found.validations), default=None) if found else None


def _put(lake: Lake, key: str, file: Path) -> None:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    lake.bucket.put(key, file.read_bytes(), kind)


def _audits(lake: Lake) -> Audits:
    """What is remembered; if it is damaged, or an older release remembered nothing, what the results say."""
    try:
        found = lake.bucket.get_json(_AUDITS, Audits, f"It is rebuilt from {_VALIDATIONS}.")
    except ManifestInvalid as invalid:
        log.warning("%s", invalid)
        found = None
    if found is not None:
        return Audits([each for each in found.validations if _is_sound(each)], found.files)
    with tempfile.TemporaryDirectory() as folder:

        def fetch(key: str) -> None:
            target = Path(folder) / key.removeprefix(_VALIDATIONS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lake.bucket.get(key))

        _side_by_side(fetch, [key for key, _ in lake.bucket.sizes(_VALIDATIONS) if key != _AUDITS])
        return Audits([each for each in validations(Path(folder)) if _is_sound(each)], {})


def _is_sound(validation: Validation) -> bool:
    """Whether it names a run and one of our pages: the pages of audits that are no longer kept are deleted."""
    page, dated = validation.page, validation.judged_at.tzinfo is not None
    return dated and is_run(validation.run) and page.startswith(_VALIDATIONS) and page.endswith(".html")


def _side_by_side(move: Callable[[Any], object], what: Iterable[Any]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as movers:
        for done in [movers.submit(move, each) for each in what]:
            done.result()
