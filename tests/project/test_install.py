"""What `make` does before anything else: an environment from the lock, out of pip's package index."""

import hashlib
import os
import ssl
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


@pytest.fixture(scope="module")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """An index behind TLS: its URL, the certificate of its authority, and a lock of the one package that it has."""
    folder = tmp_path_factory.mktemp("index")
    certificate, key = self_signed(folder)
    wheel = folder / "simple" / "greeting" / "greeting-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "hello = 'hello'\n")
        about = "greeting-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    lock = folder / "requirements.lock"
    lock.write_text(f"greeting==1.0 \\\n    --hash=sha256:{digest}\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/simple/", certificate, lock
        server.shutdown()


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an index of packages")])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.parametrize("variable", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_uv_trusts_whom_pip_trusts(
    tmp_path: Path, package_index: tuple[str, Path, Path], variable: str
) -> None:
    url, certificate, lock = package_index
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment/bin/python"
    python.with_name("uv").symlink_to(Path(sys.executable).with_name("uv"))
    other = tmp_path / "other"
    other.mkdir()
    told = {
        "SSL_CERT_FILE": str(self_signed(other)[0]),  # pip prefers each of the others
        variable: str(certificate),
        **{"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CACHE": "1", "UV_NO_CONFIG": "1"},
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
    }
    script = "import sys; from sandbox.local import install as i; from pathlib import Path; "
    script += "sys.exit(not i._install_by_uv(Path(sys.argv[1])))"
    done = subprocess.run(
        [python, "-c", script, lock], cwd=LOCK.parent, env=told, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert subprocess.run([python, "-c", "import greeting"]).returncode == 0
