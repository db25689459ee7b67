"""Whatever Last.fm does: no song is lost that the certificate does not miss, and none lands twice."""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from include.errors import SourceRejected, SourceUnavailable
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.settings import Settings
from sandbox.faults import Fault, FaultKind
from sandbox.world.catalog import Catalog
from tests.support.ingesting import fetch
from tests.support.stand_ins import api, objects, table

RUN = "2026-11-22T060000Z"
SETTINGS = Settings(countries=("US", "GB"), artists_per_country=8, tracks_per_artist=100)
pytestmark = pytest.mark.usefixtures("impatient")
CATALOG = Catalog(concerts=300, countries=("US", "GB"), tracks_per_artist=120, today=date(2026, 11, 22))
FIRST = CATALOG.music.chart("US")[0].name
OF_FIRST, CHART, GB = {"artist": FIRST}, {"method": "geo.getTopArtists"}, {"country": "United Kingdom"}


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    songs: Counter[tuple[str, str | None]]
    complete: bool
    reasons: tuple[str, ...]
    requests: int

    @property
    def doubled(self) -> int:
        return sum(count > 1 for count in self.songs.values())


async def ingested(lake: Lake, **options: Any) -> Outcome:
    async with api("lastfm", CATALOG, **options) as source:
        fetched = await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
        requests = len(await source.requests())
    land(SONGS, lake, RUN, SETTINGS)
    songs = Counter((row["artist_key"], row["song_key"]) for row in table(lake, "songs", RUN))
    return Outcome(songs, fetched.complete, lake.certificate("songs", RUN).reasons, requests)


_honest: list[Outcome] = []


@pytest.fixture
async def honest(s3: Any) -> Outcome:
    """A run against a service without oddities, once for all tests."""
    if not _honest:
        _honest.append(await ingested(Lake(Bucket(s3, "honest"))))
    [outcome] = _honest
    assert outcome.complete
    assert len(outcome.songs) > 800
    return outcome


def lost(honest: Outcome, outcome: Outcome) -> int:
    return len(set(honest.songs) - set(outcome.songs))


HARMLESS: dict[str, tuple[dict[str, Any], float]] = {
    # behaviour: its options, and how many times an honest run's calls it may take at most
    "totals that are empty": ({"total_as": ""}, 1),
    "totals that are null": ({"total_as": "null"}, 1),
    "totals that are too low": ({"total_factor": 0.3}, 1.5),
    "pages that begin with the page before": ({"doubled_pages": True}, 1.5),
    "half of a hundred": ({"halved_hundreds": 1.0}, 1.5),
    "a list of one as an object": ({"single_as_object": True}, 1),
    "artists under two names": ({"repeated_names": 0.3}, 2),
    "an artist not found once": ({"faults": [Fault("error_6", where=OF_FIRST, times=1)]}, 1.2),
    "an artist without songs once": ({"faults": [Fault("no_items", where=OF_FIRST, times=1)]}, 1.2),
    "a chart not found once": ({"faults": [Fault("error_6", where=CHART | GB, times=1)]}, 1.2),
    "a chart not found beyond its first page": (
        {"faults": [Fault("error_6", where=CHART | {"page": "2"})]},
        1,
    ),
    "an empty chart once": ({"faults": [Fault("no_items", where=CHART | GB, times=1)]}, 1.2),
    "error 8 now and then": ({"faults": [Fault("error_8", share=0.1)]}, 1.5),
    "a bare 400 and 404 now and then": (
        {
            "faults": [
                Fault("http_400", where=OF_FIRST, times=1),
                Fault("error_none", status=404, where=CHART, times=1),
                Fault("error_none", status=400, where=GB, times=1),
            ]
        },
        1.5,
    ),
    "a 408 that says error 3": ({"faults": [Fault("error_3", status=408, where=OF_FIRST, times=1)]}, 1.5),
    "a rate limit once": ({"faults": [Fault("error_29", times=1)]}, 1.2),
    "cut and reset": ({"faults": [Fault("truncated", share=0.05), Fault("reset", share=0.05)]}, 1.5),
    "nested too deep now and then": ({"faults": [Fault("nested_mixed", share=0.05)]}, 1.5),
}


@pytest.mark.parametrize("behaviour", HARMLESS)
async def test_harmless_oddities_lose_nothing_and_are_complete(
    lake: Lake, honest: Outcome, behaviour: str
) -> None:
    options, most = HARMLESS[behaviour]
    outcome = await ingested(lake, **options)
    assert (lost(honest, outcome), outcome.doubled) == (0, 0)
    assert outcome.complete, outcome.reasons
    calls = outcome.requests / honest.requests
    assert calls <= most, f"{calls:.2f}"


HARMFUL: dict[str, tuple[dict[str, Any], int]] = {
    # behaviour: its options, and how many of the songs may be lost at most
    "songs that start over": ({"repeat_after": 30}, 10**6),
    "songs that start over, without a total": ({"repeat_after": 30, "total_as": ""}, 10**6),
    "totals that are too high": ({"total_factor": 3.0}, 0),
    "totals with a comma": ({"total_as": "1,234"}, 0),
    "an artist who cannot be fetched": ({"faults": [Fault("error_8", where=OF_FIRST)]}, 100),
    "an artist who is nested too deep": ({"faults": [Fault("nested_objects", where=OF_FIRST)]}, 100),
    "a chart that cannot be fetched": ({"faults": [Fault("http_503", where=GB)]}, 800),
    "a chart that stays empty": ({"faults": [Fault("no_items", where=CHART | GB)]}, 800),
}


@pytest.mark.parametrize("behaviour", HARMFUL)
async def test_where_something_is_lost_the_certificate_says_so(
    lake: Lake, honest: Outcome, behaviour: str
) -> None:
    options, most = HARMFUL[behaviour]
    outcome = await ingested(lake, **options)
    assert not outcome.complete
    assert outcome.reasons
    assert lost(honest, outcome) <= most
    assert outcome.doubled == 0
    assert outcome.requests <= 2 * honest.requests


def mixture(seed: int) -> dict[str, Any]:
    """Options at random: some behaviours at once."""
    drawn = random.Random(seed)
    where = [{}, OF_FIRST, CHART, CHART | GB, {"page": "2"}]
    kinds: list[FaultKind] = [
        "error_6",
        "error_8",
        "error_29",
        "no_items",
        "http_404",
        "http_500",
        "truncated",
    ]

    def faults() -> list[Fault]:
        share, times = drawn.choice([0, 0.05, 0.3]), drawn.choice([1, 2, 3, None])
        return [Fault(drawn.choice(kinds), share=share, where=drawn.choice(where), times=times)]

    choices: list[dict[str, Any]] = [
        {"total_as": drawn.choice(["", "null", "1,234", "0"])},
        {"total_factor": drawn.choice([0.0, 0.3, 0.9, 1.1, 3.0])},
        {"doubled_pages": True},
        {"halved_hundreds": drawn.choice([0.3, 1.0])},
        {"repeat_after": drawn.choice([10, 50, 100])},
        {"single_as_object": True},
        {"repeated_names": drawn.choice([0.1, 0.5])},
        {"faults": faults()},
        {"faults": [*faults(), *faults()]},
    ]
    chosen: dict[str, Any] = {}
    for options in drawn.sample(choices, drawn.choice([1, 2, 3, 4])):
        chosen |= options
    return chosen


@pytest.mark.parametrize("seed", range(10))
async def test_no_mixture_of_behaviours_makes_the_certificate_lie(
    lake: Lake, honest: Outcome, seed: int
) -> None:
    options = mixture(seed)
    try:
        outcome = await ingested(lake, **options)
    except (SourceUnavailable, SourceRejected):
        assert lake.manifests("songs") == []
        return
    assert not (outcome.complete and lost(honest, outcome)), options
    assert outcome.doubled == 0
    assert outcome.requests <= 4 * honest.requests


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"faults": [Fault("error_6", where=CHART | GB)]}, SourceRejected, "MUSICIAN_COUNTRIES"),
        ({"faults": [Fault("http_503", where=CHART)]}, SourceUnavailable, "HTTP 503"),
    ],
)
async def test_what_no_other_response_can_make_good_fails_the_run(
    lake: Lake, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await ingested(lake, **options)
    assert lake.manifests("songs") == []


async def test_after_a_revoked_key_is_replaced_the_run_goes_on(lake: Lake, honest: Outcome) -> None:
    with pytest.raises(SourceRejected, match="API key is invalid"):
        await ingested(lake, key_revoked_after=5)
    # The rejection cancels the requests that are under way, so not all five responses need have been kept.
    kept = sum(key.endswith(".jsonl.gz") for key in objects(lake, "raw/songs/"))
    outcome = await ingested(lake)
    assert (lost(honest, outcome), outcome.doubled, outcome.complete) == (0, 0, True)
    assert 1 <= kept <= 5
    assert outcome.requests <= honest.requests - kept
