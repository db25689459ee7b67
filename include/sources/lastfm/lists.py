"""How Last.fm's lists are asked, and what its answers mean.

An answer may be an error with HTTP status 200, so the body is looked at first. Totals and page sizes are
not reliable: a list is read until it brought what was wanted, or a page brings nothing new.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from include.errors import SourceRejected, UnexpectedPayload
from include.sources.client.http import Request, Response, Retry
from include.sources.identity import artist_key
from include.sources.lastfm import rows as lastfm
from include.sources.text import mended
from include.sources.text import name as storable_name

CONNECTION = "lastfm"
KEY_PARAMETER = "api_key"
_PATH = "/2.0/"
_PAGES = 50
"""No list is read further than that, whatever it says."""
_TRANSIENT = {8: "operation failed", 11: "service offline", 16: "temporarily unavailable"}
_RATE_LIMIT, _NOT_FOUND = 29, 6
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
"""The names Last.fm knows the countries by, in which Ticketmaster sells."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One answer: the artists of a chart, or the tracks of an artist."""

    total: int = 0
    total_pages: int = 0
    names: tuple[str, ...] = ()
    artist: str | None = None
    """The corrected name of the artist whose tracks these are."""
    not_found: str | None = None
    """Last.fm's words when it has no such artist or country."""
    items: int = 0
    """Of the list, with those that have no name."""


@dataclass(slots=True)
class Collected:
    """A list read to its end, or as far as it was wanted."""

    wanted: int
    reported: int = 0
    """Items it should hold of those wanted, by its total."""
    fetched: int = 0
    names: dict[str, None] = field(default_factory=dict)
    """The distinct items, in order."""
    spoiled: int = 0
    """Items without a name, or twice on one page: they hide no other item."""
    pages: list[str] = field(default_factory=list)
    """The names of the requests it took."""
    artist: str | None = None
    not_found: str | None = None
    lost: str | None = None
    """Why it could not be got after all tries."""

    @property
    def complete(self) -> bool:
        if self.lost is not None:
            return False
        return self.not_found is not None or len(self.names) + self.spoiled >= self.reported


Ask = Callable[[Request], Awaitable[ListPage]]


def chart_request(country_code: str, limit: int, page: int) -> Request:
    """A page, counted from 1, of a country's chart. Raises `SourceRejected` for a country Last.fm has not."""
    if country_code not in COUNTRIES:
        raise SourceRejected(
            f"Last.fm has no chart for the country {country_code!r}. Take it out of MUSICIAN_COUNTRIES, or "
            "add the name Last.fm knows it by to COUNTRIES in include/sources/lastfm/lists.py."
        )
    params = {"method": "geo.getTopArtists", "country": COUNTRIES[country_code]}
    return _request(f"chart-{country_code}-{page}", params, limit, page)


def tracks_request(artist_name: str, limit: int, page: int) -> Request:
    """A page, counted from 1, of an artist's top tracks; a misspelt name is corrected by Last.fm."""
    params = {"method": "artist.getTopTracks", "artist": artist_name, "autocorrect": "1"}
    return _request(f"tracks-{artist_key(artist_name)}-{page}", params, limit, page)


def _request(name: str, params: dict[str, str], limit: int, page: int) -> Request:
    return Request(name, _PATH, params | {"limit": str(limit), "page": str(page), "format": "json"})


def read(response: Response) -> ListPage:
    """What an answer holds.

    Raises `Retry` for what may pass: codes 8, 11, 16 and 29, 408, 425, 5xx, no JSON. Raises `SourceRejected`
    for a bad key or request. That an artist is not found (code 6) is an answer, not an error.
    """
    try:
        refusal = _refusal.decode(mended(response.body))
    except msgspec.DecodeError:
        raise Retry(f"HTTP {response.status}, not JSON: {response.excerpt()}") from None
    code = refusal.error
    if code == _RATE_LIMIT or (code is None and response.status == 429):
        raise Retry(f"HTTP {response.status}, error 29: {refusal.message}", patience=20)
    if code in _TRANSIENT:
        raise Retry(f"HTTP {response.status}, error {code} ({_TRANSIENT[code]}): {refusal.message}")
    if code in _BAD_KEY:
        raise SourceRejected(
            f"Last.fm says the API key is {_BAD_KEY[code]} (error {code}: {refusal.message}). Correct the "
            f"password of the Airflow connection `{CONNECTION}` "
            f"(Admin → Connections, or AIRFLOW_CONN_{CONNECTION.upper()})."
        )
    if code == _NOT_FOUND and "out of bounds" not in refusal.message:
        return ListPage(not_found=refusal.message)
    if response.status >= 500 or (code is None and response.status in (408, 425)):
        raise Retry(f"HTTP {response.status} {response.excerpt()}")
    if code is not None or response.status != 200:
        raise SourceRejected(f"Last.fm refused the request: HTTP {response.status} {response.excerpt()}")
    try:
        about, found = lastfm.items(response.body)
        names = tuple(name for raw in found if (name := _name(raw)))
        return ListPage(_told(about.total), _told(about.total_pages), names, about.artist, items=len(found))
    except (UnexpectedPayload, ValueError) as error:
        raise Retry(f"another shape: {error}", finally_raise=UnexpectedPayload) from None


def read_chart(country_code: str, response: Response) -> ListPage:
    """As `read`, for a page of a country's chart. Raises `SourceRejected` when Last.fm has no such chart."""
    page = read(response)
    if page.not_found:
        raise SourceRejected(
            f"Last.fm has no chart for {country_code}, asked for as {COUNTRIES[country_code]!r}: "
            f"{page.not_found}. Take the country out of MUSICIAN_COUNTRIES."
        )
    return page


async def collect(ask: Ask, request: Callable[[int, int], Request], wanted: int) -> Collected:
    """Reads a list, of which `request(limit, page)` asks a page, until as many items as wanted came."""
    limit = min(wanted + (wanted % 100 == 0), 999)  # round hundreds are known to bring half of what they ask
    collected = Collected(wanted)
    for page in range(1, _PAGES + 1):
        asked = request(limit, page)
        answer = await ask(asked)
        before = len(collected.names)
        collected.pages.append(asked.name)
        collected.fetched += answer.items
        collected.spoiled += answer.items - len(set(answer.names))
        collected.names |= dict.fromkeys(answer.names)
        collected.reported = min(wanted, answer.total)
        collected.artist = collected.artist or answer.artist
        collected.not_found = answer.not_found
        if collected.not_found or len(collected.names) == before:
            break
        if len(collected.names) + collected.spoiled == answer.total:
            break  # as many as its total says: a total alone is no end
        if len(collected.names) >= wanted:
            break
    return collected


class _Wire(msgspec.Struct, frozen=True, gc=False):
    """An object of the API."""


class _Refusal(_Wire, frozen=True):
    error: int | None = None
    message: str = ""


class _Item(_Wire, frozen=True):
    name: str = ""


_refusal = msgspec.json.Decoder(_Refusal)
_item = msgspec.json.Decoder(_Item)


def _told(number: str | int | None) -> int:
    """A number that a list tells of itself; 0 if it is none."""
    text = str(number).replace(",", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _name(raw: msgspec.Raw) -> str | None:
    try:
        return storable_name(_item.decode(raw).name)
    except msgspec.DecodeError:
        return None
