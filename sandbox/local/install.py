"""Installs the locked packages into the environment that runs this, which needs nothing but pip.

    .environment/bin/python -m sandbox.local.install requirements.lock

uv installs them, because it takes a fifth of pip's time. pip installs uv itself, in the version and with the
hashes in the lock. uv uses the package index that pip is configured for (`pip config list`) and trusts the
certificates that pip trusts; uv's own variables (`UV_…`) win. If uv is unavailable or fails, pip installs the
packages. Either way every package must match a hash in the lock.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_PIP = (sys.executable, "-m", "pip")
_UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "no-index": "UV_NO_INDEX",
    "proxy": "ALL_PROXY",
}
"""pip's options for where packages come from, and uv's environment variables for the same."""
_PRECEDENCE = {"global": 0, "install": 1, ":env:": 2}
"""If an option is set more than once, pip prefers the command's section to the global one, and the environment
to both."""


def uv_environment(pip_config: Iterable[str]) -> dict[str, str]:
    """The variables that make uv use the package index of pip's configuration.

    `pip_config` is the lines of `pip config list`, such as `global.index-url='https://…'`. Several values of
    an option are separated by spaces or newlines; for find-links uv expects commas.
    """
    found: dict[str, tuple[int, str]] = {}
    for line in pip_config:
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        variable = _UV_VARIABLES.get(option.strip().lower().replace("_", "-"))
        if variable is None or section not in _PRECEDENCE:
            continue
        values = str(ast.literal_eval(value)).split()
        text = ("," if variable == "UV_FIND_LINKS" else " ").join(values)
        if text and _PRECEDENCE[section] >= found.get(variable, (0, ""))[0]:
            found[variable] = (_PRECEDENCE[section], text)
    return {variable: text for variable, (_, text) in found.items()}


def _trusted(environment: Mapping[str, str]) -> dict[str, str]:
    """Where uv finds the certificates that pip trusts, unless pip is configured for others."""
    bundle = environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
    return {"SSL_CERT_FILE": bundle} if bundle else {}


def requirement(lock: str, package: str) -> str:
    """The lines of the lock that pin one package, hashes included; empty if it is not in the lock."""
    lines = iter(lock.splitlines(keepends=True))
    for line in lines:
        if line.startswith(f"{package}=="):
            block = [line]
            while block[-1].rstrip().endswith("\\"):
                block.append(next(lines))
            return "".join(block)
    return ""


def _install_uv(lock: Path) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirement(lock.read_text(), "uv"))
        file.flush()
        command = [*_PIP, "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", file.name]
        return subprocess.run(command).returncode == 0


def _install_by_uv(lock: Path) -> bool:
    config = subprocess.run([*_PIP, "config", "list"], capture_output=True, text=True, check=True)
    environment = {
        # Like pip: the best version from all indexes, not from the first index that has the package.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        **os.environ,
        **_trusted(os.environ),
        **uv_environment(config.stdout.splitlines()),
        **{name: value for name, value in os.environ.items() if name.startswith("UV_")},
    }
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", sys.executable),
        # The lock names every package, so nothing is left to resolve.
        *("--no-deps", "--require-hashes", "--compile-bytecode", "--requirement", str(lock)),
    ]
    try:
        return subprocess.run(command, env=environment).returncode == 0
    except OSError as error:  # such as a uv for another kind of machine
        print(error)
        return False


def main() -> None:
    lock = Path(sys.argv[1])
    if _install_uv(lock) and _install_by_uv(lock):
        return
    print(
        "uv could not install the packages. Installing with pip, which takes about two minutes.", flush=True
    )
    command = [*_PIP, "install", "--progress-bar", "off", "--require-hashes", "--requirement", str(lock)]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
