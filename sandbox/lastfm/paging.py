"""Last.fm's paging: limits, pages and unreliable totals."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.lastfm.errors import ErrorResponse, error
from sandbox.lastfm.options import LastfmOptions

Params = Mapping[str, str]


def limit_of(params: Params, zero: int | None = None) -> int:
    """The requested number of items a page; `zero` if that is 0. Raises error 6 beyond 1 to 1,000."""
    limit = _whole(params.get("limit", "50"))
    if limit == 0 and zero is not None:
        return zero
    if limit is None or not 1 <= limit <= 1_000:
        raise ErrorResponse(error(6, "limit param out of bounds (1-1000)", swapped=True))
    return limit


def page_of(params: Params) -> int:
    """The requested page, counted from 1. Raises error 6."""
    page = _whole(params.get("page", "1"))
    if page is None or not 1 <= page <= 1_000_000:
        raise ErrorResponse(error(6, "page param out of bounds (1-1000000)", swapped=True))
    return page


def places(options: LastfmOptions, limit: int, page: int, total: int, given: int | None = None) -> range:
    """The rows of a page."""
    first = (page - 1) * limit
    begin = first - limit if options.doubled_pages and page > 1 else first
    return range(begin, min(first + (given or limit), total))


def paging(options: LastfmOptions, limit: int, page: int, total: int) -> dict[str, Any]:
    """The attributes of a page."""
    claimed = int(total * options.total_factor)
    pages = -(-claimed // limit)
    reported: Any = str(claimed)
    if options.total_as is not None:
        reported = None if options.total_as == "null" else options.total_as
    return {"page": str(page), "perPage": str(limit), "totalPages": str(pages), "total": reported}


def as_list(options: LastfmOptions, entries: Sequence[dict[str, Any]]) -> Any:
    """The items as they are sent."""
    return entries[0] if len(entries) == 1 and options.single_as_object else entries


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
