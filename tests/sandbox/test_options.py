"""The list of what can be set on the stand-ins."""

from dataclasses import fields
from datetime import date

import pytest

from sandbox import options, services
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
    told = capsys.readouterr().out
    assert {"--ticketmaster", "--lastfm", "--concerts"} <= set(told.split())
    assert "python -m sandbox.options" in told


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    options.main()
    told = capsys.readouterr().out
    lines = told.splitlines()
    for option in (*fields(TicketmasterOptions), *fields(LastfmOptions), *fields(Fault)):
        told_of = [line for line in lines if line.startswith(f"  {option.name}: ")]
        assert told_of
        assert all(line[2:].partition("    ")[2] for line in told_of), f"{option.name} lacks its text"
    assert "gzip_bomb: one that unpacks to 1 GB" in told
