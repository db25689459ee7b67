"""The list of what can be set on the stand-ins."""

import sys
from dataclasses import fields
from datetime import date

import aiohttp
import pytest

from sandbox import __main__, apis, services
from sandbox.faults import Fault
from sandbox.lastfm.options import LastfmOptions
from sandbox.ticketmaster.changed_catalog import crowded
from sandbox.ticketmaster.oddities import Oddities
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.ticketmaster.search import EventSearch
from sandbox.world.catalog import Catalog


def test_the_help_of_the_services_names_what_can_be_set_on_the_stand_ins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        services.main(["--help"])
    told = capsys.readouterr().out.split()
    assert {"--ticketmaster", "--lastfm", "--concerts"} <= set(told)
    assert "python -m sandbox.options" in " ".join(told)


def test_a_crowd_may_be_in_all_fifty_states() -> None:
    catalog = Catalog(concerts=300, countries=("US",), today=date(2026, 11, 22))
    crowd = crowded(catalog, Oddities(crowd=204, crowd_states=51))
    search = EventSearch(crowd)
    at = "2026-12-23T01:00:00Z"
    held = [
        len(search.find({"startDateTime": at, "endDateTime": at, "stateCode": code}).rows)
        for code in sorted({venue.city.state_code for venue in crowd.venues})
    ]
    assert (len(held), min(held), max(held)) == (51, 4, 4)


def test_a_crowd_is_not_spread_over_fewer_states_than_it_should_be() -> None:
    catalog = Catalog(concerts=60, countries=("US",), today=date(2026, 11, 22))
    with pytest.raises(ValueError, match="US has only"):
        crowded(catalog, Oddities(crowd=60, crowd_states=60))


def test_the_list_has_a_line_for_every_option_and_explains_every_kind_of_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, "up", "--help")
    told = capsys.readouterr().out
    lines = told.splitlines()
    for option in (*fields(TicketmasterOptions), *fields(LastfmOptions), *fields(Fault)):
        told_of = [line for line in lines if line.startswith(f"  {option.name}: ")]
        assert told_of
        assert all(line[2:].partition("    ")[2] for line in told_of), f"{option.name} lacks its text"
    assert "gzip_bomb: one that unpacks to 1 GB" in told


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The exit status of `python -m sandbox` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["sandbox", *arguments])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("up", "--ticketmaster", "hiden=0.1"), "no option hiden; the options are broken_last_page, "),
        (("run", "--ticketmaster", '{"hiden": 0.1}'), "no option hiden; "),
        (("sandbox", "--lastfm", "total_factor=much"), "Expected `float`, got `str`"),
        (("up", "--ticketmaster", "hidden"), "hidden is neither NAME=VALUE nor a JSON object"),
        (("up", "--tiketmaster", "hidden=0.1"), "unrecognized arguments: --tiketmaster hidden=0.1"),
        (("down", "--ticketmaster", "hidden=0.1"), "unrecognized arguments: "),
    ],
)
def test_wrong_options_are_refused_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    error: str,
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert error in capsys.readouterr().err


async def test_options_of_the_command_reach_the_stand_ins() -> None:
    given = ("--ticketmaster", "hidden=0.1", "totals=lagging", "--lastfm", '{"suspended": true}')
    with apis.running(["--concerts", "20", *given]) as both:
        async with aiohttp.ClientSession() as session:
            shown = {}
            for name, where in both.items():
                async with session.get(f"{where['base_url']}/sandbox/options") as got:
                    shown[name] = await got.json()
    assert (shown["ticketmaster"]["hidden"], shown["ticketmaster"]["totals"]) == (0.1, "lagging")
    assert shown["lastfm"]["suspended"] is True
