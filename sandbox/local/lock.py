"""Resolves the requirements: `make lock` writes three files from the .in files.

    requirements.lock      what it takes to run everything on a machine without the Astro Runtime image, with
                           hashes, for Python 3.11 to 3.13; `make run` and the other commands of a user
                           install these
    requirements-dev.lock  the same and the tools that check and test; `make check` and the other commands of
                           a developer install these
    requirements.txt       the packages missing from an Astro Runtime image, in the locked versions; the image
                           installs these. Airflow's own dependencies are left out, because the image pins
                           their versions; those we require directly are listed with our version range

No file names an index: where packages come from is up to the machine that installs them.
"""

import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

_RESOLVE = (
    *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal"),
    *("--python-version", "3.11", "--no-emit-index-url", "--no-header", "--no-annotate"),
)
_IMAGE = "apache-airflow==3.3.2\napache-airflow-providers-openlineage\napache-airflow-providers-smtp\n"
_HEADER = """\
# Written by `make lock` from requirements.in: what the Astro Runtime image lacks, in the locked versions.
"""


def _resolved(*arguments: str, given: str = "") -> list[str]:
    done = subprocess.run(
        [*_RESOLVE, "--constraint", "requirements.lock", *arguments],
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def _direct() -> list[str]:
    lines = (line.split("  #")[0].strip() for line in Path("requirements.in").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def image_requirements() -> str:
    """The text of requirements.txt, from requirements.in and requirements.lock in the working folder."""
    in_image = {Requirement(line).name for line in _resolved("-", given=_IMAGE)}
    asked_for = [line for line in _direct() if Requirement(line).name in in_image]
    missing = [line for line in _resolved("requirements.in") if Requirement(line).name not in in_image]
    return _HEADER + "".join(f"{line}\n" for line in sorted([*missing, *asked_for]))


def main() -> None:
    everything = [*_RESOLVE, "requirements-dev.in", "--output-file", "requirements-dev.lock"]
    subprocess.run([*everything, "--generate-hashes", *sys.argv[1:]], check=True)
    running = [*_RESOLVE, "requirements-local.in", "--output-file", "requirements.lock"]
    subprocess.run([*running, "--generate-hashes", "--constraint", "requirements-dev.lock"], check=True)
    Path("requirements.txt").write_text(image_requirements())


if __name__ == "__main__":
    main()
