"""The list of what can be set on the stand-ins."""

from dataclasses import fields

import pytest

from sandbox import options
from sandbox.gateway import Fault
from sandbox.lastfm.api import LastfmOptions
from sandbox.ticketmaster.api import TicketmasterOptions


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
