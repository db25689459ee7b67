"""Lists what can be set on the API stand-ins: every behaviour, regular and faulty, one line each.

    python -m sandbox.options

They are set as `--ticketmaster` and `--lastfm` of `make run`, `make up` and `make sandbox`, such as
`make up ARGS="--ticketmaster hidden=0.1 totals=lagging"`, and at any time by a POST of JSON to `/sandbox/options`
of a running stand-in.
"""

import ast
import inspect
from collections.abc import Iterator

from sandbox import faults
from sandbox.faults import Fault
from sandbox.gateway import GatewayOptions
from sandbox.lastfm.options import LastfmOptions
from sandbox.ticketmaster.oddities import Oddities
from sandbox.ticketmaster.options import TicketmasterOptions


def described(kind: type) -> Iterator[tuple[str, str]]:
    """The options that a class adds, and what its source says of each."""
    [declared] = ast.parse(inspect.getsource(kind)).body
    assert isinstance(declared, ast.ClassDef)
    statements = declared.body
    for statement, after in zip(statements, [*statements[1:], ast.Pass()], strict=True):
        if isinstance(statement, ast.AnnAssign):
            told = after.value if isinstance(after, ast.Expr) else None
            text = told.value if isinstance(told, ast.Constant) else ""
            yield ast.unparse(statement), " ".join(str(text).split())


def lines() -> Iterator[str]:
    """The whole list."""
    for title, kind in (
        ("both", GatewayOptions),
        ("Ticketmaster", TicketmasterOptions),
        ("Ticketmaster's search", Oddities),
        ("Last.fm", LastfmOptions),
        ("a fault, of `faults`", Fault),
    ):
        yield f"\n{title}"
        for option, text in described(kind):
            yield f"  {option}    {text}"
    source = inspect.getsource(faults)
    kinds = source[source.index("FaultKind = ") :].split('"""')[1]
    yield f"\nkinds of faults\n  {' '.join(kinds.split())}"


if __name__ == "__main__":
    print("\n".join(lines()))
