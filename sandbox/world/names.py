"""Invented names that look real: artists, songs, tours, venues. The same seed gives the same names."""

import re
import unicodedata

from sandbox.world.seeded import Seeded, pair

ADJECTIVES = """
Amber Ancient Bitter Blue Brass Bright Broken Burning Calm Careless Cedar Chrome Clear Cold Copper Coral
Crimson Crooked Dark Dead Deep Distant Dusty Early Electric Emerald Empty Endless Faded Faithful Fallen
False Fearless Feral Fever First Flat Foreign Frozen Gentle Ghostly Gilded Glass Golden Grand Gray Hallow
Heavy Hidden High Hollow Holy Honest Hungry Idle Indigo Iron Ivory Jagged Kind Last Late Lazy Left Little
Lonely Long Lost Loud Lucid Lunar Magnetic Marble Mellow Midnight Modern Narrow Neon Nervous New Nimble
Noble Northern Novel Opal Open Outer Pale Paper Patient Perfect Plastic Polite Porcelain Quiet Rapid Rare
Red Restless Royal Rusted Sacred Salt Scarlet Second Secret Shallow Silent Silver Simple Sleepy Slow Small
Soft Solar Southern Spare Static Steady Still Stolen Strange Sudden Sugar Sunken Sweet Tall Tender Thin
Third Tidal Tiny Tired True Twisted Upper Velvet Violet Wandering Warm Wasted Wild Winter Wooden Young
""".split()  # noqa: SIM905 - a list of words is easier to read so
NOUNS = """
Acre Alley Almanac Anchor Antler Arcade Arrow Atlas Avenue Badger Ballad Balcony Basin Beacon Bell Bicycle
Birch Blossom Boulevard Bridge Buffalo Cabin Canary Candle Canyon Captain Carnival Cassette Cathedral Cellar
Chapel Choir Cinema Cipher Circus Cloud Coast Comet Compass Coyote Cradle Crater Crow Crown Curtain Dagger
Dahlia Daughter Delta Desert Diamond Domino Dove Dragon Echo Ember Empire Engine Estate Eyelid Falcon
Feather Ferry Fiction Field Fig Flame Fox Freight Garden Gazelle Ghost Giant Glacier Gospel Grove Habit
Hammer Harbor Harvest Heron Highway Hive Holiday Horizon Hotel Hound Island Jackal Jasmine Jury Kestrel
Kingdom Kite Ladder Lagoon Lantern Lark Laurel Leopard Letter Lighthouse Lily Locket Machine Magnolia Maple
Marigold Meadow Memory Meridian Mirror Monsoon Moth Motel Museum Needle Nightjar Ocean Orchard Orchid Otter
Oyster Palace Parade Parlor Pavilion Peacock Pepper Phantom Pilgrim Pilot Planet Pocket Poet Prairie Prophet
Quarry Rabbit Radio Raven Reservoir Ribbon River Rocket Rooftop Satellite Saturn Season Shadow Shelter
Shoreline Signal Siren Sister Skyline Sparrow Spiral Station Statue Summer Sunday Swallow Temple Theory
Thicket Thistle Thunder Tiger Tower Traffic Tunnel Umbrella Valley Vessel Village Violin Volcano Voyage
Walnut Warehouse Weather Whale Widow Willow Window Wolf Wren Yonder Zephyr
""".split()  # noqa: SIM905 - a list of words is easier to read so
FIRST_NAMES = """
Ada Alma Amara Anders Ansel Ari Astrid Beau Bianca Bram Callum Carmen Cassidy Celia Chidi Clara Cleo Colton
Cruz Dalia Dario Delia Desmond Dolly Eamon Edie Elias Elsa Emeka Esme Ezra Fern Finn Flora Gideon Gia Greta
Gus Harlan Hattie Hugo Ida Imani Inés Iris Isla Jasper Jolene Jonah Josephine Kaia Kofi Lark Leander Leona
Lorenzo Lucía Mabel Maeve Malik Marisol Mateo Mavis Mika Milo Naima Nell Nico Noor Odette Omari Otis Paloma
Pearl Piper Quinn Ramona Reva Roscoe Rosa Rufus Sable Selah Silas Sofía Solomon Stella Sunny Tamsin Tessa
Thea Tobias Una Vera Wade Willa Xavi Yara Zadie Zeke Zora
""".split()  # noqa: SIM905 - a list of words is easier to read so
LAST_NAMES = """
Abara Alder Ashdown Bancroft Barlow Beaumont Bellamy Birdsong Blackwood Bravo Brightwell Calloway Cardenas
Castellanos Chandler Choi Corbin Crane Cruz Dalton Darling Delacroix Devereaux Diallo Draper Eastman Ellery
Espinoza Fairchild Farrow Fenwick Flores Fontaine Gallagher Garnet Goldwater Grayson Guthrie Hale Harlow
Hawthorne Holloway Huang Ibarra Ives Jarvis Joyner Kaplan Keller Kingsley Lachance Langley Lockhart Lovelace
Madrigal Marlowe Mbeki Mercer Monroe Montoya Moon Nakamura Nash Navarro Okafor Oakley Osborne Park Pemberton
Prescott Quiroga Radcliffe Ramsey Rivers Rosewood Rowe Salazar Santoro Sinclair Somerset Sterling Stone
Sutherland Tanaka Teller Thorne Turner Underwood Vale Valentine Vance Villanueva Voss Waverly Weller
Whitfield Wilder Winslow Wolfe Yates Yoon Zamora
""".split()  # noqa: SIM905 - a list of words is easier to read so
UNUSUAL = [
    "!?!?", "Mötor Königin", "夜の灯台", "Café Mañana", "Северный Ветер", "A$hland", "Sigur Hólm", "///",
    "달빛정류장", "Beyonder & Co.", "Håkan Ødegård", "+/-", "Zoë Brontë", "طيور الليل", "Ni!ghtcall",
    "Νυχτερινό Τρένο", "¿Qué Hora?", "T.V. Weather", "Ængus", "N'Dolé", "東京レコード", "Señor Tormenta",
    "R.I.V.E.R.", "Die Ätherwölfe",
]  # fmt: skip
VERBS = """
Call Carry Catch Chase Find Follow Forget Haunt Hold Keep Leave Love Meet Miss Remember Save Take Tell
""".split()  # noqa: SIM905 - a list of words is easier to read so
ENDINGS = """
Again Alone Anyway Away Back Down Home Later Now Over Slowly Somehow Somewhere Tonight Too Twice
""".split()  # noqa: SIM905 - a list of words is easier to read so
TOUR_WORDS = """
Anniversary Arena Encore Farewell Homecoming Intimate Reunion Spring Summer Unplugged World
""".split()  # noqa: SIM905 - a list of words is easier to read so
VENUE_KINDS = """
Ballroom Club Hall House Lounge Music%Hall Opera%House Playhouse Room Social Theatre Tavern
""".split()  # noqa: SIM905 - a list of words is easier to read so
BIG_VENUE_KINDS = """
Amphitheater Arena Center Coliseum Dome Garden Pavilion Stadium
""".split()  # noqa: SIM905 - a list of words is easier to read so


def fold(name: str) -> str:
    """A name without case, diacritics, punctuation or a leading "The"; the name itself if nothing is left."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    words = re.sub(r"[^\w\s]|_", "", "".join(c for c in plain if not unicodedata.combining(c))).split()
    return "".join(words[1:] if len(words) > 1 and words[0] == "the" else words) or name.casefold().strip()


def artist_names(seeded: Seeded, count: int) -> list[str]:
    """`count` names, distinct even after `fold`; the unusual ones are spread over the first few hundred."""
    names: list[str] = []
    taken: set[str] = set()
    unusual = {16 + 13 * place: name for place, name in enumerate(UNUSUAL)}
    for index in range(count):
        attempt = 0
        name = unusual.get(index) or artist_name(seeded, pair(index, attempt))
        while (key := fold(name)) in taken:
            attempt += 1
            name = artist_name(seeded, pair(index, attempt))
        taken.add(key)
        names.append(name)
    return names


def artist_name(seeded: Seeded, index: int) -> str:
    """A name of a band or person; two indices may get the same one."""
    drawn = seeded.whole("artist name", index)
    form, rest = drawn % 100, drawn // 100
    adjective, rest = ADJECTIVES[rest % len(ADJECTIVES)], rest // len(ADJECTIVES)
    noun, rest = NOUNS[rest % len(NOUNS)], rest // len(NOUNS)
    other, rest = NOUNS[rest % len(NOUNS)], rest // len(NOUNS)
    first, rest = FIRST_NAMES[rest % len(FIRST_NAMES)], rest // len(FIRST_NAMES)
    last = LAST_NAMES[rest % len(LAST_NAMES)]
    if form < 34:
        return f"{first} {last}"
    if form < 50:
        return f"{adjective} {noun}"
    if form < 63:
        return f"The {adjective} {_plural(noun)}"
    if form < 73:
        return f"{noun} {other}"
    if form < 79:
        return f"{first} & the {_plural(noun)}"
    if form < 84:
        return f"{noun} of the {other}"
    if form < 88:
        return f"{adjective.upper()} {noun.upper()}"
    if form < 92:
        return f"Lil {noun}" if form < 90 else f"DJ {adjective} {noun}"
    if form < 96:
        return f"{noun} and {other}"
    return f"{adjective} {noun}!"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun == "Wolf":
        return "Wolves"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeo" else f"{noun}s"


def billed_as(seeded: Seeded, index: int, name: str) -> str:
    """How Ticketmaster spells the artist: mostly the same, otherwise with a difference in case, accents,
    punctuation or "The"."""
    drawn = seeded.unit("spelling", index)
    if drawn < 0.03:
        return name.upper()
    if drawn < 0.05:
        return name.replace("&", "and") if "&" in name else name.replace(" and ", " & ")
    if drawn < 0.07:
        return name.removeprefix("The ") if name.startswith("The ") else name.replace("s", "$", 1)
    if drawn < 0.08:
        return f"{name} "
    if drawn < 0.085:
        return f"{name} (Touring)"
    if drawn < 0.30:
        plain = unicodedata.normalize("NFKD", name)
        return (
            "".join(c for c in plain if not "\u0300" <= c <= "\u036f").replace("!", "").replace(",", "")
            or name
        )
    return name


def song_title(seeded: Seeded, index: int) -> str:
    """A song title; in a large catalogue titles repeat, as in reality."""
    drawn = seeded.whole("song", index)
    form, rest = drawn % 10, drawn // 10
    adjective, rest = ADJECTIVES[rest % len(ADJECTIVES)], rest // len(ADJECTIVES)
    noun, rest = NOUNS[rest % len(NOUNS)], rest // len(NOUNS)
    other, rest = NOUNS[rest % len(NOUNS)], rest // len(NOUNS)
    verb, rest = VERBS[rest % len(VERBS)], rest // len(VERBS)
    ending, rest = ENDINGS[rest % len(ENDINGS)], rest // len(ENDINGS)
    first = FIRST_NAMES[rest % len(FIRST_NAMES)]
    return (
        f"{adjective} {noun}",
        f"{adjective} {noun}",
        f"{verb} Me {ending}",
        f"{noun} in the {other}",
        f"Dear {first}",
        f"{noun}",
        f"{verb} the {adjective} {noun}",
        f"{first}'s {noun}",
        f"({verb} Me) {noun} {ending}",
        f"{adjective} {noun}, {adjective} {other}",
    )[form]


def tour_name(seeded: Seeded, index: int) -> str:
    """The name of an artist's tour."""
    drawn = seeded.whole("tour", index)
    word, title = TOUR_WORDS[drawn % len(TOUR_WORDS)], song_title(seeded, pair(index, 1))
    return (f"The {word} Tour", f"{title} Tour", f"{title}: {word} Tour", f"{word} Shows")[drawn // 100 % 4]


def venue_name(seeded: Seeded, index: int, city: str, big: bool) -> str:
    """The name of a hall or, for `big`, of an arena in that city."""
    drawn = seeded.whole("venue name", index)
    kind = (BIG_VENUE_KINDS if big else VENUE_KINDS)[drawn % (8 if big else len(VENUE_KINDS))].replace(
        "%", " "
    )
    last = LAST_NAMES[drawn // 100 % len(LAST_NAMES)]
    noun, other = NOUNS[drawn // 100_000 % len(NOUNS)], NOUNS[drawn // 100_000_000 % len(NOUNS)]
    forms = (
        f"{last} {kind}",
        f"The {noun} {kind}",
        f"{city} {noun} {kind}",
        f"The {noun} & {other}",
        f"{noun} {kind}",
    )
    return forms[drawn // 10**12 % (3 if big else 5)]


def festival_name(seeded: Seeded, index: int) -> str:
    """The name of a festival."""
    drawn = seeded.whole("festival name", index)
    adjective, noun = ADJECTIVES[drawn % len(ADJECTIVES)], NOUNS[drawn // 1000 % len(NOUNS)]
    kind = ("Festival", "Fest", "Music Festival", "Weekender")[drawn // 10**6 % 4]
    return (f"{adjective} {noun} {kind}", f"{noun} {kind}", f"{noun} & {adjective} {kind}")[
        drawn // 10**9 % 3
    ]
