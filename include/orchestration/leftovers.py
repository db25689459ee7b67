"""What rehearsals create: schemas and objects that bear the name of the rehearsal, which says when it began.

Each rehearsal removes its own. One that was killed cannot, so the next one does.
"""

import re
from datetime import UTC, datetime
from typing import Any

from include.lake.bucket import Bucket
from include.warehouse.renamed import SCHEMAS, drop
from include.warehouse.transactions import transaction

_BEGAN = "%Y%m%d%H%M%S"
_SCHEMA = re.compile(rf"rehearsal_(\d{{14}})_(?:{'|'.join(SCHEMAS)})")
_KEY = re.compile(r"rehearsal_(\d{14})/.")


def name_of(now: datetime) -> str:
    """The name of a rehearsal that begins now: the prefix of its schemas."""
    return f"rehearsal_{now.astimezone(UTC):{_BEGAN}}_"


def prefix_of(name: str) -> str:
    """The prefix of a rehearsal's objects."""
    return f"{name.rstrip('_')}/"


def left(connection: Any, bucket: Bucket) -> list[tuple[str, datetime]]:
    """The rehearsals of which there are schemas or objects, and when each began; oldest first."""
    with transaction(connection) as cursor:
        cursor.execute("select nspname from pg_namespace")
        schemas = [_SCHEMA.fullmatch(schema) for (schema,) in cursor.fetchall()]
    keys = [_KEY.match(key) for key, _ in bucket.sizes("rehearsal_")]
    digits = sorted({found[1] for found in (*schemas, *keys) if found})
    return [(name_of(began), began) for each in digits if (began := _instant(each))]


def remove(connection: Any, bucket: Bucket, name: str) -> tuple[list[str], list[str]]:
    """Drops the schemas and deletes the objects of a rehearsal; returns those that are still there."""
    prefix = prefix_of(name)
    schemas = drop(connection, name)
    bucket.delete([key for key, _ in bucket.sizes(prefix)])
    return schemas, [key for key, _ in bucket.sizes(prefix)]


def _instant(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, _BEGAN).replace(tzinfo=UTC)
    except ValueError:  # some other name
        return None
