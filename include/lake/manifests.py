"""The manifest of a run: it names the run's parts, in the form that COPY … MANIFEST reads.

The form is that of UNLOAD … MANIFEST VERBOSE
(https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.parquet import redshift_types

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


class _Meta(msgspec.Struct, frozen=True):
    record_count: int
    content_length: int


class _Entry(msgspec.Struct, frozen=True):
    url: str
    meta: _Meta


class _Element(msgspec.Struct, frozen=True):
    name: str


class _Schema(msgspec.Struct, frozen=True):
    elements: list[_Element]


class _Document(msgspec.Struct, frozen=True):
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


def read_manifest(dataset: str, run: str, url: str, document: dict[str, Any]) -> Manifest:
    """The manifest in a document. Raises `ManifestInvalid` if it has another form."""
    try:
        parsed = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise ManifestInvalid(
            f"{url} is malformed ({error}). Land the run {run} of {dataset} again."
        ) from None
    return Manifest(
        dataset,
        run,
        url,
        parsed.meta.record_count,
        tuple(element.name for element in parsed.schema.elements),
        tuple(
            Part(entry.url, entry.meta.content_length, entry.meta.record_count) for entry in parsed.entries
        ),
    )
