"""The import rules of the architecture: `dags` → the rooms of `include`, downwards → libraries."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"aiohttp", "boto3", "botocore", "great_expectations", "pandas", "pyarrow"}


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def imports(path: Path, *, anywhere: bool) -> set[str]:
    """Dotted names the file imports, at module level or `anywhere`, but for those of type checkers."""
    names = set()
    for node in _statements(ast.parse(path.read_text()), anywhere):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def _statements(node: ast.AST, anywhere: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not anywhere:
            continue
        yield child
        yield from _statements(child, anywhere)


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def reached(path: Path) -> dict[Path, set[str]]:
    """The module and those of ours that importing it imports, with the packages each imports."""
    found: dict[Path, set[str]] = {}
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        names = imports(module, anywhere=False)
        found[module] = packages(names)
        waiting += [
            file for name in names if (file := ROOT / Path(*name.split(".")).with_suffix(".py")).exists()
        ]
    return found


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules("include"), ids=relative)
def test_in_include_only_the_assets_import_airflow_when_they_are_imported(path: Path) -> None:
    if path != ROOT / "include" / "orchestration" / "assets.py":
        assert "airflow" not in packages(imports(path, anywhere=False))


GROUND = {"settings", "errors", "clock", "wording"}
ROOMS = {
    "clock": set[str](),
    "errors": set[str](),
    "settings": {"errors"},
    "wording": set[str](),
    "sources": GROUND,
    "lake": GROUND,
    "ingestion": {"sources", "lake", *GROUND},
    "warehouse": {"lake", *GROUND},
    "quality": {"warehouse", "lake", *GROUND},
    "orchestration": {"quality", "ingestion", "warehouse", "sources", "lake", *GROUND},
    "provision": {"warehouse", *GROUND},
    "__main__": {"orchestration", "quality", "ingestion", "warehouse", "sources", "lake", *GROUND},
}
"""Which rooms of `include` each may know, beside itself: downwards only."""


@pytest.mark.parametrize("path", modules("include"), ids=relative)
def test_rooms_know_only_those_below(path: Path) -> None:
    room = path.relative_to(ROOT / "include").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    names = imports(path, anywhere=True)
    known = {name.split(".")[1] for name in names if name.startswith("include.")}
    assert known - {room} <= ROOMS[room]


@pytest.mark.parametrize("path", modules("include/sources"), ids=relative)
def test_sources_know_neither_airflow_nor_s3_nor_each_other(path: Path) -> None:
    names = imports(path, anywhere=True)
    assert not packages(names) & {"airflow", "boto3", "botocore"}
    own = path.parent.name
    others = tuple(f"include.sources.{source}" for source in ("ticketmaster", "lastfm") if source != own)
    assert not [name for name in names if name.startswith(others)]


@pytest.mark.parametrize(
    "path", modules("dags", "include", "plugins", "docs", "notebooks", ".astro"), ids=relative
)
def test_the_pipeline_knows_nothing_of_the_sandbox(path: Path) -> None:
    assert not packages(imports(path, anywhere=True)) & {"sandbox", "tests", "benchmarks"}


@pytest.mark.parametrize("path", modules("sandbox", "benchmarks", "notebooks"), ids=relative)
def test_only_tests_know_the_tests(path: Path) -> None:
    assert "tests" not in packages(imports(path, anywhere=True))


@pytest.mark.parametrize("path", modules("include"), ids=relative)
def test_include_knows_nothing_of_the_dags(path: Path) -> None:
    assert "dags" not in packages(imports(path, anywhere=True))


@pytest.mark.parametrize("path", modules("dags"), ids=relative)
def test_parsing_a_dag_file_makes_us_import_nothing_heavy(path: Path) -> None:
    for module, imported in reached(path).items():
        assert not imported & HEAVY, f"{relative(path)} imports {relative(module)}"
