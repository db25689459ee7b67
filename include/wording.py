"""How messages word a number of things."""


def counted(number: int, noun: str) -> str:
    """The number with its noun, as in `1 load`, `0 loads` and `1,234 loads`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
