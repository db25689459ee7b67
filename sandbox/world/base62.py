"""Numbers in base 62, which Ticketmaster's ids of venues and attractions contain."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(number: int, width: int) -> str:
    """The number in `width` digits."""
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


def from_base62(text: str) -> int | None:
    """The number that the digits stand for; None if one is no digit."""
    number = 0
    for digit in text:
        if digit not in _DIGITS:
            return None
        number = number * 62 + _DIGITS.index(digit)
    return number
