"""What the numbers in the columns of events mean."""

from datetime import date

import numpy as np

TOUR, NOBODY, FESTIVAL, CO_BILL, TRIBUTE, PACKAGE, OTHER_SEGMENT = range(7)
"""Kinds of event: an artist's concert; one without attractions; a festival; two headliners billed as one
attraction; a tribute act; VIP packages for the concert before it; not Music."""


TIMED, TIME_TBA, NO_SPECIFIC_TIME, DATE_TBA, DATE_TBD = range(5)
"""How precisely the start is known. The last two have no date at all."""


STATUSES = ("onsale", "offsale", "rescheduled", "cancelled", "postponed")


UNDATED = np.iinfo(np.int64).max
"""The start of an event without a date."""


EPOCH = date(1970, 1, 1)
