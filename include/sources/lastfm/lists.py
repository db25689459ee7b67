"""How Last.fm's lists are requested, and what its responses mean.

A response with HTTP status 200 may be an error, so the body is checked first. `collect.py` reads a whole list.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from include.errors import SourceRejected, UnexpectedPayload
from include.sources.client.messages import Request, Response, Retry, is_temporary
from include.sources.identity import artist_key
from include.sources.lastfm import wire
from include.sources.text import mended
from include.sources.text import name as storable_name

CONNECTION = "lastfm"
KEY_PARAMETER = "api_key"
_PATH = "/2.0/"
_TEMPORARY = {8: "operation failed", 11: "service offline", 16: "temporarily unavailable"}
_RATE_LIMIT = 29
_BAD_KEY = {10: "invalid", 26: "suspended"}

COUNTRIES = {
    "AE": "United Arab Emirates", "AR": "Argentina", "AT": "Austria", "AU": "Australia", "BE": "Belgium",
    "BG": "Bulgaria", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland", "CL": "Chile", "CO": "Colombia",
    "CZ": "Czech Republic", "DE": "Germany", "DK": "Denmark", "EE": "Estonia", "ES": "Spain",
    "FI": "Finland", "FR": "France", "GB": "United Kingdom", "GR": "Greece", "HR": "Croatia",
    "HU": "Hungary", "IE": "Ireland", "IL": "Israel", "IN": "India", "IS": "Iceland", "IT": "Italy",
    "JP": "Japan", "KR": "Korea, Republic of", "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia",
    "MX": "Mexico", "MY": "Malaysia", "NL": "Netherlands", "NO": "Norway", "NZ": "New Zealand", "PE": "Peru",
    "PH": "Philippines", "PL": "Poland", "PT": "Portugal", "RO": "Romania", "RS": "Serbia", "SE": "Sweden",
    "SG": "Singapore", "SI": "Slovenia", "SK": "Slovakia", "TH": "Thailand", "TR": "Turkey",
    "TW": "Taiwan", "UA": "Ukraine", "US": "United States", "ZA": "South Africa",
}  # fmt: skip
"""Last.fm's names for the countries in which Ticketmaster sells."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page: artists of a chart, or tracks of an artist."""

    total: int = 0
    names: tuple[str, ...] = ()
    artist: str | None = None
    """The artist of the tracks, as Last.fm corrected the name."""
    not_found: str | None = None
    """Last.fm's message if it has no such artist or country."""
    items: int = 0
    """The number of items, including those without a name."""


def chart_request(country_code: str, limit: int, page: int) -> Request:
    """A page, counted from 1, of a country's chart. Raises `SourceRejected` for a country without a chart."""
    if country_code not in COUNTRIES:
        raise SourceRejected(
            f"Last.fm has no chart for the country {country_code!r}. Remove it from MUSICIAN_COUNTRIES, or "
            "add Last.fm's name for it to COUNTRIES in include/sources/lastfm/lists.py."
        )
    params = {"method": "geo.getTopArtists", "country": COUNTRIES[country_code]}
    return _request(f"chart-{country_code}-{page}", params, limit, page)


def tracks_request(artist_name: str, limit: int, page: int) -> Request:
    """A page, counted from 1, of an artist's top tracks. Last.fm corrects a misspelt name."""
    params = {"method": "artist.getTopTracks", "artist": artist_name, "autocorrect": "1"}
    return _request(f"tracks-{artist_key(artist_name)}-{page}", params, limit, page)


def _request(name: str, params: dict[str, str], limit: int, page: int) -> Request:
    return Request(name, _PATH, params | {"limit": str(limit), "page": str(page), "format": "json"})


def read(response: Response) -> ListPage:
    """The page that a response contains.

    Raises `Retry` for temporary failures: codes 8, 11, 16 and 29, the HTTP statuses of `is_temporary`, a 400 or 404
    without a code, and anything but JSON.
    Raises `SourceRejected` for a bad key or request. An artist that is not found (code 6) is not an error.
    """
    try:
        error = _error_body.decode(mended(response.body))
    except msgspec.DecodeError:
        raise Retry(f"HTTP {response.status}, not JSON: {response.excerpt()}") from None
    code = error.code
    if code == _RATE_LIMIT or (code is None and response.status == 429):
        raise Retry(f"HTTP {response.status}, error 29: {error.message}", patience=20)
    if code in _TEMPORARY:
        raise Retry(f"HTTP {response.status}, error {code} ({_TEMPORARY[code]}): {error.message}")
    if code in _BAD_KEY:
        raise SourceRejected(
            f"Last.fm says the API key is {_BAD_KEY[code]} (error {code}: {error.message}). Correct the "
            f"password of the Airflow connection `{CONNECTION}` "
            f"(Admin → Connections, or AIRFLOW_CONN_{CONNECTION.upper()})."
        )
    if is_temporary(response.status) or (code is None and response.status in (400, 404)):
        raise Retry(f"HTTP {response.status} {response.excerpt()}")
    if code == wire.NOT_FOUND and "out of bounds" not in str(error.message):
        return ListPage(not_found=str(error.message))
    if code is not None or response.status != 200:
        raise SourceRejected(f"Last.fm rejected the request: HTTP {response.status} {response.excerpt()}")
    try:
        about, items = wire.items(response.body)
        names = tuple(name for raw in items if (name := _name(raw)))
        return ListPage(_count(about.total), names, about.artist, items=len(items))
    except (UnexpectedPayload, ValueError) as problem:
        raise Retry(f"another shape: {problem}", finally_raise=UnexpectedPayload) from None


def read_chart(country_code: str, response: Response) -> ListPage:
    """Like `read`, for the first page of a country's chart. Raises `SourceRejected` if Last.fm has no such chart."""
    page = read(response)
    if page.not_found:
        raise SourceRejected(
            f"Last.fm has no chart for {country_code}, requested as {COUNTRIES[country_code]!r}: "
            f"{page.not_found}. Remove the country from MUSICIAN_COUNTRIES."
        )
    return page


class _ErrorBody(wire.Wire, frozen=True):
    code: int | None = msgspec.field(name="error", default=None)
    message: Any = None


class _Item(wire.Wire, frozen=True):
    name: str = ""


_error_body = msgspec.json.Decoder(_ErrorBody, strict=False)  # the code may be a string
_item = msgspec.json.Decoder(_Item)


def _count(number: str | int | None) -> int:
    """A total as a list reports it; 0 if it is not a number, or one of more than ten digits."""
    text = str(number).replace(",", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0


def _name(raw: msgspec.Raw) -> str | None:
    try:
        return storable_name(_item.decode(raw).name)
    except msgspec.DecodeError:
        return None
