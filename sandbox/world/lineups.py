"""Who plays at each event: the headliners' tours, and the attractions of every event."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.world.event_codes import CO_BILL, FESTIVAL, TOUR, TRIBUTE
from sandbox.world.seeded import Seeded, picked


@dataclass(frozen=True)
class Cast:
    """How attractions are numbered: artists from 0 in order of popularity, then one co-bill, one tribute act and
    one namesake for each artist, then festivals, then nameless ones ("Special Guest")."""

    artists: int
    festivals: int
    nameless: int

    @property
    def co_bills(self) -> int:
        return self.artists

    @property
    def tributes(self) -> int:
        return 2 * self.artists

    @property
    def namesakes(self) -> int:
        return 3 * self.artists

    @property
    def first_festival(self) -> int:
        return 4 * self.artists

    @property
    def first_nameless(self) -> int:
        return self.first_festival + self.festivals

    @property
    def size(self) -> int:
        return self.first_nameless + self.nameless


def tours(seeded: Seeded, artists: int, famous: Sequence[int], wanted: int) -> NDArray[np.int32]:
    """The headliners of `wanted` concerts: first the famous artists who tour, then others in random order."""
    every = np.arange(artists, dtype=np.int64)
    drawn = seeded.units("tour length", every)
    lengths = 1 + (25 * drawn**2.5).astype(np.int64)
    charting = np.array(sorted(famous), dtype=np.int64)
    lengths[charting] = np.where(
        seeded.units("tours", charting) < 0.72, 5 + (56 * drawn[charting] ** 2).astype(np.int64), 0
    )
    rest = np.setdiff1d(every, charting)
    order = np.concatenate((charting, rest[np.argsort(seeded.wholes("tour order", rest))]))
    short = wanted - int(lengths.sum())
    if short > 0 and len(rest):
        lengths[rest] += -(-short // len(rest))
    elif short > 0:
        lengths += -(-short // artists)
    return np.repeat(order, lengths[order])[:wanted].astype(np.int32)


def lineups(
    seeded: Seeded,
    cast: Cast,
    partners: NDArray[np.int32],
    kind: NDArray[np.int8],
    headliner: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The attractions of every event, headliner first, each at most once."""
    every = np.arange(len(kind), dtype=np.int64)
    billed = (kind == TOUR) | (kind == FESTIVAL) | (kind == CO_BILL) | (kind == TRIBUTE)
    drawn = seeded.units("support", every)
    extra = picked(drawn, ((0.60, 0), (0.79, 1), (0.91, 2), (0.97, 3), (0.99, 4), (1.0, 5)))
    extra[kind == CO_BILL] = 2
    extra[kind == FESTIVAL] = 4 + (drawn[kind == FESTIVAL] * 10).astype(np.int64)
    size = np.where(billed, 1 + extra, 0)
    bounds = np.concatenate(([0], np.cumsum(size)))
    event = np.repeat(every, size)
    position = np.arange(bounds[-1]) - bounds[event]
    place = event * 16 + position
    popular = (cast.artists * seeded.units("supporting artist", place) ** 1.6).astype(np.int64)
    nameless = seeded.units("nameless", place) < 0.006
    who = np.where(nameless, cast.first_nameless + place % cast.nameless, popular)
    lead, what = headliner[event].astype(np.int64), kind[event]
    namesake = (seeded.units("namesake", lead) < 0.004) & (lead >= 0) & (lead < cast.artists)
    who = np.where(position == 0, np.where(namesake, cast.namesakes + lead, lead), who)
    who = np.where((what == TRIBUTE) & (position == 0), cast.tributes + lead, who)
    pair = what == CO_BILL
    who = np.where(pair & (position == 0), cast.co_bills + lead, who)
    who = np.where(pair & (position == 1), lead, who)
    who = np.where(pair & (position == 2), partners[np.where(pair, lead, 0)], who)
    order = np.lexsort((position, who, event))
    repeated = np.zeros(len(who), dtype=bool)
    repeated[order[1:]] = (who[order[1:]] == who[order[:-1]]) & (event[order[1:]] == event[order[:-1]])
    kept = ~repeated
    bounds = np.concatenate(([0], np.cumsum(np.bincount(event[kept], minlength=len(kind)))))
    return who[kept].astype(np.int32), bounds.astype(np.int64)


def share_lineups(
    lineup: NDArray[np.int32], bounds: NDArray[np.int64], same_as: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The lineups in which event e has the lineup of event `same_as[e]`."""
    size = (bounds[1:] - bounds[:-1])[same_as]
    new = np.concatenate(([0], np.cumsum(size)))
    within = np.arange(new[-1]) - np.repeat(new[:-1], size)
    return lineup[np.repeat(bounds[:-1][same_as], size) + within], new.astype(np.int64)
