"""The second phase of an ingestion: from kept responses to a manifest, without requesting anything from an API.

Responses are read in a fixed order, so landing a run always produces the same objects. All are read before anything
is written, and the manifest is written last, so a landing that dies leaves nothing that counts.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from include.errors import ManifestInvalid, TooManyRejected
from include.ingestion.dataset import Dataset
from include.ingestion.storage import check_storage
from include.lake.certificate import Certificate, Crawl, List, UnknownField, Window
from include.lake.lake import Lake
from include.lake.manifests import Part
from include.lake.parts import part_files, put_part_files
from include.lake.raw import RawRun
from include.lake.rejected import RejectedFile, RejectedRecord, rejecting
from include.settings import Settings
from include.sources.rows import Rejection, Tally

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Landed:
    """A landed run, as the asset event describes it."""

    dataset: str
    run: str
    manifest: str
    rows: int
    records: int
    """Distinct events, or songs and artists, that became rows or were rejected."""
    rejected: int
    complete: bool
    reasons: tuple[str, ...]
    """Why the run is not complete."""


def land(dataset: Dataset[Any], lake: Lake, run: str, settings: Settings, again: bool = False) -> Landed:
    """Turns a fetched run into rows and writes its parts, rejected records, certificate and, last, its manifest.

    A run that already has a manifest is landed again only with `again`, and only once all of it was read: if that
    fails, what was landed before still counts. Raises `TooManyRejected` if more records
    were rejected than the settings tolerate, `UnexpectedPayload` if a kept response cannot be read, and
    `ManifestInvalid` if the run was not fetched.
    """
    landed_before = lake.has_manifest(dataset.name, run)
    if landed_before and not again:
        return _landed(lake, dataset.name, run)
    started = time.monotonic()
    raw = lake.raw(dataset.name, run)
    crawl = _crawl(raw)
    with ExitStack() as files:
        read = files.enter_context(_read(dataset, raw, crawl, newest={}))
        if read.tally.newest:  # now that it is known which responses have the last word
            files.close()
            read = files.enter_context(_read(dataset, raw, crawl, read.tally.newest))
        if landed_before:
            _require_few_rejected(
                raw, read.tally, settings, "Nothing is changed: what was landed before still counts."
            )
            lake.remove_manifest(dataset.name, run)
        read.rejected.put(lake, dataset.name, run)
        parts = put_part_files(lake, dataset.name, run, read.parts)
    lake.put_certificate(_certificate(raw, crawl, read.tally, parts))
    _require_few_rejected(
        raw, read.tally, settings,
        f"Nothing is published: look at {lake.bucket.url(f'rejected/{raw.dataset}/{raw.run}/')}; once the "
        f"parser is fixed, run `python -m include redrive {raw.dataset} {raw.run}`.",
    )  # fmt: skip
    lake.put_manifest(dataset.name, run, dataset.row_type, parts)
    landed = _landed(lake, dataset.name, run)
    log.info(
        "landed %s %s in %.1f s: %d rows of %d records, %d rejected, %s",
        dataset.name, run, time.monotonic() - started, landed.rows, landed.records, landed.rejected,
        "complete" if landed.complete else f"not complete: {'; '.join(landed.reasons[:3])}",
    )  # fmt: skip
    if landed_before:
        log.info(
            "if %s %s is already published, only a rebuild takes in the changes: python -m include rebuild",
            dataset.name, run,
        )  # fmt: skip
    if dataset.max_stored is not None:
        check_storage(lake, dataset.name, dataset.max_stored)
    return landed


def _crawl(raw: RawRun) -> Crawl:
    """The crawl of a run. Raises `ManifestInvalid` unless all of its responses still exist."""
    crawl = raw.crawl()
    if crawl is None:
        raise ManifestInvalid(
            f"The fetch of the run {raw.run} of {raw.dataset} is not finished, or its raw responses have "
            "expired. Fetch it first."
        )
    expired = {name for each in crawl.requested for name in each.responses} - raw.names()
    if expired:
        raise ManifestInvalid(
            f"{len(expired)} raw responses of {raw.dataset} {raw.run} have expired, such as "
            f"{raw.url(min(expired))}, so it cannot be landed again. What was landed before is kept; to collect "
            "current data, trigger a new run."
        )
    return crawl


@dataclass(frozen=True, slots=True)
class _Read:
    """What the kept responses of a run contain, in temporary files."""

    parts: list[tuple[IO[bytes], int]]
    rejected: RejectedFile
    tally: Tally


@contextmanager
def _read(dataset: Dataset[Any], raw: RawRun, crawl: Crawl, newest: dict[str, str]) -> Iterator[_Read]:
    with rejecting() as rejected:

        def add(rejection: Rejection, response: str) -> None:
            rejected.add(RejectedRecord(**msgspec.structs.asdict(rejection), raw=raw.url(response)))

        tally = Tally(add, newest=newest)
        with part_files(dataset.row_type, dataset.rows(raw, crawl, tally)) as parts:
            yield _Read(parts, rejected, tally)


def _certificate(raw: RawRun, crawl: Crawl, tally: Tally, parts: list[Part]) -> Certificate:
    def window_with_counts(window: Window) -> Window:
        return msgspec.structs.replace(
            window,
            responses=(),
            duplicate=tally.duplicates[window.name],
            rejected=tally.rejected[window.name],
            elsewhere=tally.elsewhere[window.name],
        )

    def list_with_counts(each: List) -> List:
        return msgspec.structs.replace(
            each,
            responses=(),
            duplicate=tally.duplicates[each.name],
            rejected=tally.rejected[each.name],
        )

    return Certificate(
        dataset=raw.dataset,
        run=raw.run,
        scope=crawl.scope,
        complete=crawl.complete,
        reasons=crawl.reasons,
        horizon_date=crawl.horizon_date,
        planned_after=crawl.planned_after,
        touring_in=crawl.touring_in,
        touring=crawl.touring,
        windows=tuple(map(window_with_counts, crawl.windows)),
        lists=tuple(map(list_with_counts, crawl.lists)),
        requests=sum(each.requests for each in crawl.requested),
        rows=sum(part.record_count for part in parts),
        records=tally.records,
        duplicates=sum(tally.duplicates.values()),
        rejected=sum(tally.reasons.values()),
        rejected_by_reason=dict(tally.reasons.most_common()),
        nulled=dict(tally.nulled.most_common()),
        cut=dict(tally.cut.most_common()),
        unknown_fields={
            path: UnknownField(count, tally.first_with[path]) for path, count in tally.unknown.most_common()
        },
    )


def _require_few_rejected(raw: RawRun, tally: Tally, settings: Settings, advice: str) -> None:
    percent = settings.max_rejected_percent
    if tally.unexpected * 100 <= percent * tally.records or (
        percent and tally.unexpected == 1 < tally.records
    ):
        return
    most = ", ".join(f"{reason} {count} times" for reason, count in tally.reasons.most_common(3))
    raise TooManyRejected(
        f"{tally.unexpected} of {tally.records} records of {raw.dataset} {raw.run} were rejected, more "
        f"than {settings.max_rejected_percent} % (MUSICIAN_MAX_REJECTED_PERCENT): {most}. {advice}"
    )


def _landed(lake: Lake, dataset: str, run: str) -> Landed:
    manifest, certificate = lake.manifest(dataset, run), lake.certificate(dataset, run)
    return Landed(
        dataset,
        run,
        manifest.url,
        manifest.record_count,
        certificate.records,
        certificate.rejected,
        certificate.complete,
        certificate.reasons,
    )
