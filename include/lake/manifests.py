"""The manifest of a run: it names the run's parts, in the form that COPY … MANIFEST reads.

The form is that of UNLOAD … MANIFEST VERBOSE
(https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.parquet import redshift_types

_LONGEST_URL = 1_024
"""Bytes: S3 has no longer key."""
_AUTHOR = {"name": "musician-warehouse", "version": "1.0"}


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet object of a run."""

    url: str
    content_length: int
    """Bytes."""
    record_count: int
    """Rows."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of a run."""

    dataset: str
    run: str
    url: str
    record_count: int
    """Rows in all parts together."""
    columns: tuple[str, ...]
    """The columns of the parts, in order."""
    parts: tuple[Part, ...]


_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class _Meta(msgspec.Struct, frozen=True):
    record_count: _Count
    content_length: _Count


class _Entry(msgspec.Struct, frozen=True):
    url: str
    meta: _Meta


class _Element(msgspec.Struct, frozen=True):
    name: str


class _Schema(msgspec.Struct, frozen=True):
    elements: list[_Element]


class ManifestDocument(msgspec.Struct, frozen=True):
    """A manifest as it lies in the bucket."""

    entries: list[_Entry]
    schema: _Schema
    meta: _Meta


def manifest_document(row_type: type[msgspec.Struct], parts: Sequence[Part]) -> dict[str, Any]:
    """The manifest of a run whose parts have rows of this type."""
    return {
        "entries": [
            {
                "url": part.url,
                "mandatory": True,
                "meta": {"content_length": part.content_length, "record_count": part.record_count},
            }
            for part in parts
        ],
        "schema": {
            "elements": [
                {"name": name, "type": {"base": base}} for name, base in redshift_types(row_type).items()
            ]
        },
        "meta": {
            "content_length": sum(part.content_length for part in parts),
            "record_count": sum(part.record_count for part in parts),
        },
        "author": _AUTHOR,
    }


def read_manifest(dataset: str, run: str, url: str, objects: str, document: ManifestDocument) -> Manifest:
    """The manifest in a document; the addresses of its parts must begin with `objects`.

    Raises `ManifestInvalid` if it contradicts itself or names objects of another run.
    """
    parts = tuple(
        Part(entry.url, entry.meta.content_length, entry.meta.record_count) for entry in document.entries
    )
    columns = tuple(element.name for element in document.schema.elements)
    rows = sum(part.record_count for part in parts)
    wrong = ""
    if strangers := [part.url for part in parts if not part.url.startswith(objects)]:
        wrong = f"it names {strangers[0][:200]}, which is not below {objects}"
    elif any(len(part.url.encode()) > _LONGEST_URL for part in parts):
        wrong = f"it names a part by more than {_LONGEST_URL:,} bytes"
    elif len({part.url for part in parts}) < len(parts):
        wrong = "it names a part twice"
    elif not parts or not columns:
        wrong = "it names no part, or no column"
    elif len(set(columns)) < len(columns):
        wrong = "it names a column twice"
    elif rows != document.meta.record_count:
        wrong = f"it counts {document.meta.record_count} rows, but its parts have {rows}"
    if wrong:
        raise ManifestInvalid(f"{url} is malformed: {wrong}. Land the run {run} of {dataset} again.")
    return Manifest(dataset, run, url, rows, columns, parts)


def require_rows(manifest: Manifest) -> None:
    """Raises `ManifestInvalid` if the run has no rows: such a run cannot be loaded."""
    if not manifest.record_count:
        raise ManifestInvalid(f"{manifest.url} has no rows, and a run without rows cannot be loaded.")
