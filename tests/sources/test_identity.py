"""Names and keys under which both sources' artists and songs meet."""

import pytest

from include.sources.identity import artist_key, normalised_name, song_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P!NK", "P!nk"),
        ("Mötley Crüe", "MOTLEY CRUE"),
        ("The Beatles", "Beatles"),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("AC/DC", "ACDC"),
        ("M.I.A.", "MIA"),
        ("  Sigur  Rós ", "Sigur Ros"),
        ("Ｃｏｒｎｅｌｉｕｓ", "Cornelius"),
        ("Τα Παιδιά", "τα παιδια"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert artist_key(one) == artist_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("!!!", "???"),
        ("†††", "!!!"),
        ("椎名林檎", "東京事変"),
        ("ガ", "カ"),
        ("हिन्दी", "हन्द"),
        ("Björk", "Bark"),
        ("Ke$ha", "Kesha Rose"),
    ],
)
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert artist_key(one) != artist_key(other)


@pytest.mark.parametrize("name", ["!!!", "†", "椎名林檎", "Мумий Тролль", "בלקן ביט בוקס", "+/-"])
def test_no_name_normalises_to_nothing(name: str) -> None:
    assert normalised_name(name)


def test_a_namesake_with_another_musicbrainz_id_gets_a_key_of_its_own() -> None:
    mbid = "a181595e-5b84-4439-a5f4-f548ddfb64df"
    assert artist_key("Nirvana", mbid) != artist_key("Nirvana")
    assert artist_key("NIRVANA", mbid) == artist_key("Nirvana", mbid)


def test_a_song_belongs_to_its_artist_and_ignores_case() -> None:
    one, other = artist_key("Cher"), artist_key("Sonny")
    assert song_key(one, "Believe") == song_key(one, "BELIEVE ")
    assert song_key(one, "Believe") != song_key(other, "Believe")
    assert song_key(one, "Believe") != song_key(one, "Believe (Remix)")


def test_keys_are_the_same_in_every_process() -> None:
    assert artist_key("Wild Nothing") == "34f0775d5330b6540c1738a10b6a065e"
