"""The lake: everything the ingestion writes, where it is, and what makes it count.

    raw/<dataset>/<run>/…                      responses as received, see include/lake/raw.py
    lake/<dataset>/<run>/part-00000.parquet    typed rows
    rejected/<dataset>/<run>/rejected.jsonl.gz rejected records
    certificates/<dataset>/<run>.json          what was requested, reported, received and rejected
    manifests/<dataset>/<run>.json             written last; names the run's parts
    begun/<dataset>/<DAG run>.json             the run that a DAG run last began
    quota/<connection>.json                    calls made of the day's quota, see include/sources/client/

A part that no manifest names does not exist. Writing the same rows again produces the same bytes.
"""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Certificate, read_certificate
from include.lake.manifests import Manifest, ManifestDocument, Part, manifest_document, read_manifest
from include.lake.raw import RawRun
from include.lake.runs import is_run

log = logging.getLogger(__name__)


class Begun(msgspec.Struct, frozen=True):
    """The run that a DAG run last began."""

    run: str
    asked_again: int = 0
    """How often the DAG run had been asked to fetch everything again."""


class Lake:
    """The runs of both datasets in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def raw(self, dataset: str, run: str) -> RawRun:
        """The raw responses of a run."""
        return RawRun(self.bucket, dataset, run)

    def begun(self, dataset: str, dag_run: str) -> Begun | None:
        """What a DAG run last began; None if it has begun nothing."""
        try:
            begun = self.bucket.get_json(_begun_key(dataset, dag_run), Begun, "A new run begins.")
        except ManifestInvalid as invalid:
            log.warning("%s", invalid)
            return None
        return begun if begun is not None and is_run(begun.run) else None

    def put_begun(self, dataset: str, dag_run: str, begun: Begun) -> None:
        """Records which run a DAG run begins, for its later tries."""
        document = {"dag_run": dag_run, **msgspec.to_builtins(begun)}
        self.bucket.put_json(_begun_key(dataset, dag_run), document)

    def put_certificate(self, certificate: Certificate) -> None:
        """Writes the certificate of a run."""
        key = _certificate_key(certificate.dataset, certificate.run)
        self.bucket.put_json(key, certificate)

    def certificate(self, dataset: str, run: str) -> Certificate:
        """The certificate of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        key = _certificate_key(dataset, run)
        document = self.bucket.get_json(key, dict[str, Any], f"Land the run {run} of {dataset} again.")
        if document is None:
            raise ManifestInvalid(
                f"The run {run} of {dataset} has no certificate {self.bucket.url(key)}; land it again."
            )
        return read_certificate(dataset, run, self.bucket.url(key), document)

    def put_manifest(
        self, dataset: str, run: str, row_type: type[msgspec.Struct], parts: Sequence[Part]
    ) -> None:
        """Writes the manifest, which makes the parts exist."""
        self.bucket.put_json(_manifest_key(dataset, run), manifest_document(row_type, parts))

    def remove_manifest(self, dataset: str, run: str) -> None:
        """Deletes the manifest, so that the run's parts no longer exist, before they are written again."""
        self.bucket.delete([_manifest_key(dataset, run)])

    def manifests(self, dataset: str) -> list[str]:
        """The runs of a dataset that have a manifest, oldest first."""
        runs, strangers, folder = [], [], f"manifests/{dataset}/"
        for key, _ in self.bucket.sizes(folder):
            run = key.removeprefix(folder).removesuffix(".json")
            if key == _manifest_key(dataset, run) and is_run(run):
                runs.append(run)
            elif key != folder:
                strangers.append(self.bucket.url(key))
        if strangers:
            log.warning(
                "Skipped, because their names are not those of runs: %s. Delete these objects (%d in all).",
                ", ".join(strangers[:3]), len(strangers),
            )  # fmt: skip
        return sorted(runs)

    def manifest_url(self, dataset: str, run: str) -> str:
        """The URL of a run's manifest, whether or not it exists."""
        return self.bucket.url(_manifest_key(dataset, run))

    def has_manifest(self, dataset: str, run: str) -> bool:
        """Whether the run was landed."""
        return self.bucket.size(_manifest_key(dataset, run)) is not None

    def manifest(self, dataset: str, run: str) -> Manifest:
        """The manifest of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        url = self.manifest_url(dataset, run)
        remedy = f"Land the run {run} of {dataset} again."
        document = self.bucket.get_json(_manifest_key(dataset, run), ManifestDocument, remedy)
        if document is None:
            raise ManifestInvalid(f"There is no manifest {url}. {remedy}")
        return read_manifest(dataset, run, url, self.bucket.url(f"lake/{dataset}/{run}/"), document)


def _begun_key(dataset: str, dag_run: str) -> str:
    return f"begun/{dataset}/{quote(dag_run, safe='')}.json"


def _manifest_key(dataset: str, run: str) -> str:
    return f"manifests/{dataset}/{run}.json"


def _certificate_key(dataset: str, run: str) -> str:
    return f"certificates/{dataset}/{run}.json"
