"""The venues of the sandbox's world."""

from collections.abc import Collection
from dataclasses import dataclass

from sandbox.world import names
from sandbox.world.base62 import base62
from sandbox.world.places import CITIES, City
from sandbox.world.seeded import Seeded


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue of a city; the `big` ones host famous artists and festivals."""

    index: int
    id: str
    name: str
    city: City
    big: bool


def venues_of(seeded: Seeded, countries: Collection[str], concerts: int) -> list[Venue]:
    """The venues for this many concerts: at least two in each city, more in larger ones."""
    cities = [city for city in CITIES if city.country_code in countries]
    total = sum(city.weight for city in cities)
    per_weight = max(len(cities) * 5, concerts // 70) / total
    venues: list[Venue] = []
    for city in cities:
        for number in range(2 + round(city.weight * per_weight)):
            index = len(venues)
            name = names.venue_name(seeded, index, city.name, big=number < 2)
            code = base62(index * 7_919 + 4_099, 4)
            prefix = ("KovZpZA", "ZFr9jZ", "rZ7HnEZ17", "KovZ9177")[seeded.whole("venue id", index) % 4]
            venues.append(Venue(index, f"{prefix}{code}", name, city, number < 2))
    return venues
