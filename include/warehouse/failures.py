"""Whether a statement failed for the data it was given, which no retry cures, or for something that passes.

For the data: SQLSTATE class 22 (data exception: https://www.postgresql.org/docs/8.0/errcodes-appendix.html),
class 23 (a null where the column takes none), and what Redshift reports without a SQLSTATE of its own: objects
that Spectrum cannot read as columns of the table, values too long or too large. All else may pass: a lost
connection, a lock, a serialisation conflict (1023, 40001), a time-out, S3 that does not respond to Spectrum.
"""

import re

_STATE = re.compile(r"'C': '(\w{5})'")
"""In the text of redshift_connector's errors, and of those of SQLAlchemy around them."""
_MESSAGE = re.compile(r"'[MD]': (?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")")
_OF_DATA = re.compile(
    r"spectrum scan error|incompatible parquet schema|value too long|code: *8001|overflow|out of range"
    r"|cannot insert a null|stl_load_errors|invalid (?:digit|byte sequence)",
    re.IGNORECASE,
)
_PASSES = re.compile(
    r"internal error|time-?out|timed out|retries|slow ?down|unavailable|forbidden|access ?denied|connection"
    r"|response error code: *5\d\d",
    re.IGNORECASE,
)


def is_of_data(error: object) -> bool:
    """Whether an error of the warehouse, or its text, says that the data is to blame."""
    text = str(error)
    state = _STATE.search(text)
    if state is None:
        return False
    if state[1].startswith("XX"):
        return bool(_OF_DATA.search(text)) and not _PASSES.search(text)
    return state[1][:2] in ("22", "23")


def told(error: object) -> str:
    """What the warehouse said, in one line."""
    found = [first or second for first, second in _MESSAGE.findall(str(error))]
    return " ".join(" ".join(found or [str(error)]).replace("\\n", " ").split())[:500]
