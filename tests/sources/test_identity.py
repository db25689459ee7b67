"""Names and keys under which both sources' artists and songs meet."""

import pytest

from include.sources.identity import artist_key, name_key, namesake_key, normalised_name, song_key


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
def test_spellings_of_one_name_share_the_key_by_which_they_are_matched(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


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
    assert name_key(one) != name_key(other)
    assert artist_key(one) != artist_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M.I.A.", "MIA."),
        ("Yes", "YES!"),
        ("The The", "The"),
        ("Mötley Crüe", "Motley Crue"),
        ("Ke$ha", "Kesha"),
        ("Weiß", "Weiss"),
    ],
)
def test_two_pages_are_two_artists_however_alike_their_names(one: str, other: str) -> None:
    assert artist_key(one) != artist_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("P!NK", "p!nk"), ("ΤΑΣ", "τας"), (" Sigur  Rós ", "Sigur Rós"), ("Bjo\u0308rk", "Björk")],
)
def test_letter_case_spaces_and_the_form_of_unicode_make_no_other_page(one: str, other: str) -> None:
    assert artist_key(one) == artist_key(other)


@pytest.mark.parametrize("name", ["!!!", "†", "椎名林檎", "Мумий Тролль", "בלקן ביט בוקס", "+/-"])
def test_no_name_normalises_to_nothing(name: str) -> None:
    assert normalised_name(name)


def test_a_namesake_with_another_musicbrainz_id_gets_a_key_of_its_own() -> None:
    mbid = "a181595e-5b84-4439-a5f4-f548ddfb64df"
    keys = {
        namesake_key("Nirvana", mbid),
        namesake_key("Nirvana", None),
        artist_key("Nirvana"),
        name_key("Nirvana"),
    }
    assert len(keys) == 4
    assert namesake_key("NIRVANA", mbid) == namesake_key("Nirvana", mbid)


def test_a_song_belongs_to_its_artist_and_ignores_case() -> None:
    one, other = artist_key("Cher"), artist_key("Sonny")
    assert song_key(one, "Believe") == song_key(one, "BELIEVE ")
    assert song_key(one, "Believe") != song_key(other, "Believe")
    assert song_key(one, "Believe") != song_key(one, "Believe (Remix)")


def test_keys_are_the_same_in_every_process() -> None:
    assert name_key("Wild Nothing") == "34f0775d5330b6540c1738a10b6a065e"
