"""The columns of the Parquet objects that a COPY loads, and the column types that Redshift loads each into.

Sources: the Database Developer Guide, "COPY from columnar data formats".
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

_CODECS = {"UNCOMPRESSED", "SNAPPY", "GZIP"}
"""https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-data-files.html"""


class Unloadable(Exception):
    """Redshift would fail to load the objects; the message is Redshift's error."""


def columns_of(objects: list[tuple[str, Path]]) -> list[dict[str, Any]]:
    """The objects' columns: the table column types each can be loaded into; lengths of texts are not known yet."""
    schema: Any = None
    for url, path in objects:
        try:
            file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
        except pa.ArrowInvalid:
            raise Unloadable(f"Spectrum Scan Error: {url} is not a Parquet file.") from None
        own_schema = file.schema_arrow
        for found in _codecs(file.metadata) - _CODECS:
            raise Unloadable(
                f"Spectrum Scan Error: {url} is compressed with {found}, which no page of AWS's names."
            )
        for column in own_schema:
            if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
                raise Unloadable(
                    f"Spectrum Scan Error: {url} has nanoseconds in {column.name}: it reads INT96, ms and us."
                )
        if schema is None:
            schema = own_schema
        if own_schema.types != schema.types:
            raise Unloadable(f"Spectrum Scan Error: {url} has other column types than {objects[0][0]}.")
    return [
        {"name": field.name, "parquet": str(field.type), "accepts": _accepted(field.type), "bytes": 0}
        for field in schema
    ]


def _codecs(metadata: Any) -> set[str]:
    return {
        metadata.row_group(group).column(column).compression
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    }


def _accepted(kind: Any) -> list[str]:
    """The column types, as PostgreSQL names them, into which Redshift loads this Parquet type."""
    if pa.types.is_string(kind):
        return ["character varying", "character"]
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns":  # no converted type of Parquet's stands for it
            return []
        return ["timestamp without time zone", "timestamp with time zone"]
    if pa.types.is_decimal(kind):
        return [f"numeric({kind.precision},{kind.scale})"]
    return {
        "bool": ["boolean"],
        "int8": ["smallint"],
        "int16": ["smallint"],
        "int32": ["integer"],
        "int64": ["bigint"],
        "float": ["real"],
        "double": ["double precision"],
        "date32[day]": ["date"],
    }.get(str(kind), [])
