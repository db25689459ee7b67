"""The list of what can be set on the stand-ins."""

from dataclasses import fields

import pytest

from sandbox import options
from sandbox.lastfm.api import LastfmOptions
from sandbox.ticketmaster.api import TicketmasterOptions


def test_the_list_has_a_line_for_every_option_and_explains_every_kind_of_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options.main()
    told = capsys.readouterr().out
    lines = told.splitlines()
    for option in (*fields(TicketmasterOptions), *fields(LastfmOptions)):
        assert any(line.startswith(f"  {option.name}: ") for line in lines)
    assert "gzip_bomb: one that unpacks to 1 GB" in told
