"""What `make` does before anything else: an environment from the lock, out of pip's package index."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.local import install

LOCK = Path(__file__).parents[2] / "requirements.lock"


def test_uv_takes_the_package_index_that_pip_is_configured_for() -> None:
    config = [
        "global.index-url='https://packages.example.com/simple'",
        "global.extra-index-url='\\nhttps://one.example.com/simple\\nhttps://two.example.com/simple'",
        "global.find-links='/wheels /more-wheels'",
        "global.cert='/etc/certificates.pem'",
        "global.no-color='true'",
    ]
    assert install.uv_environment(config) == {
        "UV_DEFAULT_INDEX": "https://packages.example.com/simple",
        "UV_INDEX": "https://one.example.com/simple https://two.example.com/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "SSL_CERT_FILE": "/etc/certificates.pem",
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_of_an_option_set_twice_uv_takes_the_one_that_pip_takes(order: tuple[int, ...]) -> None:
    lines = ["global.index-url='https://a'", "install.index-url='https://b'", ":env:.index-url='https://c'"]
    assert install.uv_environment(lines[i] for i in order) == {"UV_DEFAULT_INDEX": "https://c"}


def test_options_of_other_commands_of_pip_say_nothing_to_uv() -> None:
    assert install.uv_environment(["download.index-url='https://a'", "", "malformed"]) == {}


def test_the_lock_pins_uv_itself_with_its_hashes() -> None:
    first, *hashes = install.requirement(LOCK.read_text(), "uv").splitlines()
    assert first.startswith("uv==")
    assert hashes
    assert all(line.strip().startswith("--hash=sha256:") for line in hashes)
    assert install.requirement(LOCK.read_text(), "no-such-package") == ""


@pytest.mark.parametrize(
    ("option", "value", "variable"),
    [
        ("trusted-host", "packages.example.com", "UV_INSECURE_HOST"),
        ("cert", "/etc/ca.pem", "SSL_CERT_FILE"),
        ("client-cert", "/etc/client.pem", "SSL_CLIENT_CERT"),
        ("timeout", "90", "UV_HTTP_TIMEOUT"),
        ("default-timeout", "90", "UV_HTTP_TIMEOUT"),
        ("proxy", "http://proxy.example.com:3128", "ALL_PROXY"),
        ("no-index", "true", "UV_NO_INDEX"),
    ],
)
def test_every_option_about_the_index_reaches_uv(option: str, value: str, variable: str) -> None:
    assert install.uv_environment([f"global.{option}={value!r}"]) == {variable: value}


@pytest.mark.parametrize(
    "uv", ["#!/bin/sh\necho uv >> {calls}\nexit 1\n", "\x7fELF for another machine", None]
)
def test_where_uv_fails_or_cannot_start_pip_does_the_work(tmp_path: Path, uv: str | None) -> None:
    calls = tmp_path / "calls"
    folder = tmp_path / "bin"
    folder.mkdir()
    if uv:
        (folder / "uv").write_text(uv.replace("{calls}", str(calls)))
        (folder / "uv").chmod(0o755)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\necho "$3" >> {calls}\nexit 0\n')
    python.chmod(0o755)
    script = (
        "import sys; from sandbox.local import install as i; sys.argv = ['install', sys.argv[1]]; "
        f"sys.executable = {str(python)!r}; i._PIP = (sys.executable, '-m', 'pip'); i.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(LOCK)],
        cwd=LOCK.parent, env={**os.environ, "PYTHONPATH": str(LOCK.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [call for call in calls.read_text().split() if call != "uv"] == ["install", "config", "install"]
    assert "uv could not install" in done.stdout
