"""Whether a statement failed because of its data, which no retry cures, or for a temporary reason.

Because of its data: SQLSTATE class 22 (data exception: https://www.postgresql.org/docs/8.0/errcodes-appendix.html),
class 23 (a null in a column that takes none), and errors for which Redshift has no SQLSTATE of its own: objects that
Spectrum cannot read as columns of the table, values too long or too large. Anything else may be temporary: a lost
connection, a lock, a serialisation conflict (1023, 40001), a timeout, S3 not responding to Spectrum.
"""

import re

from include.errors import ConnectionMissing

_STATE = re.compile(r"'C': '(\w{5})'")
"""As it occurs in the text of redshift_connector's errors, and of SQLAlchemy errors that wrap them."""
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


_LOGIN = {
    "28000": "the user or the password is wrong",
    "28P01": "the user or the password is wrong",
    "3D000": "there is no such database",
}
"""By SQLSTATE; Redshift sends the first for a wrong password."""


def of_login(error: object) -> ConnectionMissing | None:
    """What to raise if Redshift rejected the login, which no retry cures; None if it failed for another reason.

    The message has nothing of the driver's text, which may contain what was sent.
    """
    state = _STATE.search(str(error))
    if state is None or state[1] not in _LOGIN:
        return None
    return ConnectionMissing(
        f"Redshift rejected the login of the Airflow connection `redshift`: {_LOGIN[state[1]]}. Correct its login, "
        "password and schema (the database), or its secret, and clear the task."
    )


def is_of_data(error: object) -> bool:
    """Whether an error from the warehouse, or its text, says that the data is to blame."""
    text = str(error)
    state = _STATE.search(text)
    if state is None:
        return False
    if state[1].startswith("XX"):
        return bool(_OF_DATA.search(text)) and not _PASSES.search(text)
    return state[1][:2] in ("22", "23")


def is_timeout(error: object) -> bool:
    """Whether an error from the warehouse says that a statement exceeded `statement_timeout`."""
    state = _STATE.search(str(error))
    return state is not None and state[1] == "57014"


def in_one_line(error: object) -> str:
    """The warehouse's error message, in one line."""
    found = [first or second for first, second in _MESSAGE.findall(str(error))]
    return " ".join(" ".join(found or [str(error)]).replace("\\n", " ").split())[:500]
