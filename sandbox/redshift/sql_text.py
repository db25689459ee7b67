"""Finds things in the text of a SQL statement without a parser.

Patterns are matched against a mask: the statement in upper case, with comments, strings and quoted names
blanked out. So nothing is ever found inside those, and positions in the mask are positions in the statement.
"""

import functools
import re

NAME = r'(?:"x*"|[^\W\d][\w$]*)'
QUALIFIED_NAME = rf"{NAME}(?:\s*\.\s*{NAME})*"
_OPAQUE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|(?<!\w)E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*\""""
    r"""|(?P<tag>\$(?:[A-Z_]\w*)?\$).*?(?P=tag)""",
    re.DOTALL,
)
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}  # str.upper changes the length of "ß"


@functools.lru_cache(maxsize=4)  # each statement is searched many times before the next one
def mask(sql: str) -> str:
    """`sql` in upper case, with comments as spaces and the content of strings and quoted names as lower-case x."""

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        if text[0] in "-/":
            return re.sub(r"[^\n]", " ", text)
        return text[0] + "x" * (len(text) - 2) + text[-1]

    return _OPAQUE.sub(blank, sql.translate(_UPPER))


def statements(sql: str) -> list[str]:
    """The statements, which semicolons separate; at least one, which may be empty."""
    masked = mask(sql)
    ends = [found.start() for found in re.finditer(";", masked)]
    ranges = zip([0, *(end + 1 for end in ends)], [*ends, len(sql)], strict=True)
    return [sql[start:end] for start, end in ranges if masked[start:end].strip()] or [""]


def parameters(sql: str) -> int:
    """The number of bind parameters (`$1`, …) in the statement."""
    return max((int(number) for number in re.findall(r"\$(\d+)", mask(sql))), default=0)


def closing(masked: str, opening: int) -> int:
    """The position of the parenthesis that closes the one at `opening`; the end if there is none."""
    depth = 0
    for found in re.finditer(r"[()]", masked[opening:]):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return opening + found.start()
    return len(masked)


def split(masked: str, start: int, end: int) -> list[tuple[int, int]]:
    """The ranges between the commas of `masked[start:end]`, not counting commas in parentheses."""
    ranges, depth, begin = [], 0, start
    for found in re.finditer(r"[(),]", masked[start:end]):
        depth += {"(": 1, ")": -1, ",": 0}[found[0]]
        if found[0] == "," and depth == 0:
            ranges.append((begin, start + found.start()))
            begin = start + found.end()
    return [*ranges, (begin, end)]


def substitute(sql: str, pattern: re.Pattern[str], replacement: str) -> str:
    """Like `pattern.sub`, but matches in the mask; `\\1` in the replacement is the group's text in the statement."""
    pieces, end = [], 0
    for found in pattern.finditer(mask(sql)):
        pieces.append(sql[end : found.start()])
        for literal, group in re.findall(r"([^\\]+)|\\(\d)", replacement):
            pieces.append(literal or sql[slice(*found.span(int(group)))])
        end = found.end()
    return "".join([*pieces, sql[end:]]) if end else sql


def plain(name: str) -> str:
    """The name that an identifier, quoted or not, denotes."""
    name = name.strip()
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
