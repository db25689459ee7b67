"""Ticketmaster's classification of events, with its real ids."""

from typing import NamedTuple

MUSIC = "KZFzniwnSyZfZ7v7nJ"
"""The id of the segment Music."""


class Style(NamedTuple):
    """A segment, genre and sub-genre. `genre` is None where an event has only a segment."""

    segment_id: str
    segment: str
    genre_id: str | None
    genre: str | None
    sub_genre_id: str | None
    sub_genre: str | None


def _music(lines: str) -> tuple[Style, ...]:
    return tuple(
        Style(MUSIC, "Music", *(part or None for part in line.split("|")))
        for line in lines.strip().splitlines()
    )


MUSIC_STYLES = _music("""
KnvZfZ7vAeA|Rock|KZazBEonSMnZfZ7v6F1|Pop
KnvZfZ7vAeA|Rock|KZazBEonSMnZfZ7v6dt|Alternative Rock
KnvZfZ7vAee|R&B|KZazBEonSMnZfZ7vkIt|R&B
KnvZfZ7vAv6|Country|KZazBEonSMnZfZ7vAFa|Country
KnvZfZ7vAv1|Hip-Hop/Rap|KZazBEonSMnZfZ7vkvl|Hip-Hop/Rap
KnvZfZ7vAev|Pop|KZazBEonSMnZfZ7vk1t|Pop
KnvZfZ7vAvt|Metal|KZazBEonSMnZfZ7vkFd|Heavy Metal
KnvZfZ7vAvl|Other|KZazBEonSMnZfZ7vk1I|Other
KnvZfZ7vAva|Folk|KZazBEonSMnZfZ7va1F|Indie Folk
KnvZfZ7vAvv|Alternative|KZazBEonSMnZfZ7vAvJ|Alternative
KnvZfZ7vAe6|Undefined|KZazBEonSMnZfZ7v6JI|Undefined
KnvZfZ7vAJ6|Latin|KZazBEonSMnZfZ7va1a|Latin
KnvZfZ7vAev|Pop|KZazBEonSMnZfZ7vkE1|K-Pop
KnvZfZ7vAvl|Other||
KnvZfZ7vAeA|Rock|KZazBEonSMnZfZ7v66v|Hardcore Punk
KnvZfZ7vAvE|Jazz|KZazBEonSMnZfZ7vkda|Jazz
KnvZfZ7vAvF|Dance/Electronic|KZazBEonSMnZfZ7vA1E|Dance/Electronic
KnvZfZ7vAeA|Rock|KZazBEonSMnZfZ7v6kl|Hard Rock
KnvZfZ7vAvd|Blues|KZazBEonSMnZfZ7vAAd|Blues
KnvZfZ7vAeF|World|KZazBEonSMnZfZ7v6Jt|World
KnvZfZ7vAeJ|Classical|KZazBEonSMnZfZ7vF1A|Classical/Vocal
KnvZfZ7vAvv|Alternative|KZazBEonSMnZfZ7vAde|Indie Rock
|||
""")
"""Most common first."""
STYLES = (
    *MUSIC_STYLES,
    Style("KZFzniwnSyZfZ7v7na", "Arts & Theatre", "KnvZfZ7vAe1", "Comedy", "KZazBEonSMnZfZ7vF17", "Comedy"),
    Style("KZFzniwnSyZfZ7v7na", "Arts & Theatre", "KnvZfZ7v7l1", "Theatre", "KZazBEonSMnZfZ7v7lv", "Drama"),
    Style("KZFzniwnSyZfZ7v7na", "Arts & Theatre", None, None, None, None),
    Style("KZFzniwnSyZfZ7v7nE", "Sports", "KnvZfZ7vAde", "Basketball", "KZazBEonSMnZfZ7vFJA", "NBA"),
    Style("KZFzniwnSyZfZ7v7nn", "Film", "KnvZfZ7vAkF", "Family", "KZazBEonSMnZfZ7vFEn", "Family"),
    Style("KZFzniwnSyZfZ7v7nJ0", "Undefined", "KnvZfZ7vAe6", "Undefined", "KZazBEonSMnZfZ7v6JI", "Undefined"),
)
TYPE = {"id": "KZAyXgnZfZ7v7nI", "name": "Undefined"}
SUB_TYPE = {"id": "KZFzBErXgnZfZ7v7lJ", "name": "Undefined"}
