"""`astro dev start` without a Docker engine: the services of its compose file in namespaces of this machine.

What the Astro CLI (1.45) writes into its compose file is read in its source. Each service gets a root folder, a
network address and processes of its own, the user, the mounts and the variables that the file gives it, and is
started again when it ends. Different here: the image is this machine's operating system and Python with the
project laid out as in the image, and PostgreSQL is the one that the sandbox uses.
"""

import contextlib
import ctypes
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import yaml

from sandbox.redshift import postgres

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW_HOME = "/usr/local/airflow"
MOUNTED = ("dags", "plugins", "include", "tests")
"""The folders that the CLI mounts over the image's own."""
_ASTRO, _POSTGRES = 50000, 999
_SUBNET = "172.31.255"

_ENVIRONMENT = Path(sys.prefix).resolve()
_Result = TypeVar("_Result")

Services = dict[str, dict[str, Any]]


def unavailable() -> str | None:
    """Why no container can be run here, or None."""
    needed = ("ip", "unshare", "nsenter", "chroot", "mount")
    if missing := [name for name in needed if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed"
    tried = subprocess.run(
        [
            "unshare",
            "--net",
            "--mount",
            "--ipc",
            "--uts",
            "--pid",
            "--fork",
            "mount",
            "-t",
            "tmpfs",
            "x",
            "/mnt",
        ],
        capture_output=True,
        text=True,
    )
    return tried.stderr.strip() if tried.returncode else None


def lay_out_image(home: Path) -> None:
    """Copies what the image has in /usr/local/airflow: the project without what .dockerignore names."""
    ignored = [
        line.strip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists() and not any(
            name == rule or name.startswith(f"{rule}/") for rule in ignored
        ):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / name)


def merged() -> Services:
    """The services of the CLI's compose file, with docker-compose.override.yml merged into them."""
    services = _of_the_cli()
    override = yaml.safe_load((ROOT / "docker-compose.override.yml").read_text())
    for name, added in override["services"].items():
        service = services[name]
        service["volumes"] = [*service["volumes"], *added.get("volumes", [])]
        service["command"] = [word.replace("$$", "$") for word in added.get("command", service["command"])]
        service["networks"] = added.get("networks", service["networks"])
    return services


def _of_the_cli() -> Services:
    database = "postgresql://postgres:postgres@postgres:5432"
    variables = {
        "AIRFLOW__API__BASE_URL": "http://localhost:8080",
        "AIRFLOW__API__PORT": "8080",
        "AIRFLOW__API_AUTH__JWT_SECRET": "musician-warehouse",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://api-server:8080/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": "d6Vefz3G9U_ynXB3cr7y_Ak35tAHkEGAVxuz_B-jzWw=",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
        "AIRFLOW__WEBSERVER__SECRET_KEY": "musician-warehouse",
        "AIRFLOW__WEBSERVER__RBAC": "True",
        "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": "True",
        "ASTRONOMER_ENVIRONMENT": "local",
    }
    commands = {
        "db-migration": "airflow db migrate",
        "scheduler": "airflow scheduler",
        "dag-processor": "airflow dag-processor",
        "api-server": "airflow api-server",
        "triggerer": "airflow triggerer",
    }
    return {
        name: {
            "command": command.split(),
            "environment": variables,
            "networks": ["airflow"],
            "restart": "no" if name == "db-migration" else "unless-stopped",
            "volumes": [] if name == "db-migration" else [
                *(f"./{folder}:{AIRFLOW_HOME}/{folder}:z" for folder in MOUNTED[: 3 if name == "triggerer" else 4]),
                f"airflow_logs:{AIRFLOW_HOME}/logs",
            ],
        }
        for name, command in commands.items()
    }  # fmt: skip


def _postgres() -> dict[str, Any]:
    """Stands in for the image `postgres`."""
    initdb, server = postgres.program("initdb"), postgres.program("postgres")
    return {
        "command": [
            *("bash", "-c"),
            f"{initdb} --pgdata=/tmp/data --username=postgres --auth=trust --no-sync --encoding=UTF8 --locale=C"
            " && echo host all all all trust >> /tmp/data/pg_hba.conf"
            f" && exec {server} -D /tmp/data -h '*' -k '' -F",
        ],
        "environment": {},
        "networks": ["airflow"],
        "restart": "unless-stopped",
        "volumes": [],
    }


class Containers:
    """The services, each in a container that is started again when it ends. A context, which ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._services = {"postgres": _postgres(), **merged()}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._namespaces: dict[str, int] = {}
        """A process in the network namespace of each service and of the network's bridge, `airflow`."""
        self.addresses = {name: f"{_SUBNET}.{number}" for number, name in enumerate(self._services, 2)}
        self.logs = folder / "airflow_logs"
        """The volume that all Airflow containers share."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            image = self._folder / "image"
            lay_out_image(image)
            self.logs.mkdir()
            self._write_names()
            self._connect(stack)
            stack.callback(self._end)
            for name in self._services:
                (self._folder / name / "root").mkdir(parents=True)
                shutil.copytree(image, self._folder / name / "home")
            subprocess.run(["chown", "--recursive", f"{_ASTRO}:0", str(self._folder)], check=True)
            for name in self._services:
                self._start(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def log(self, service: str) -> str:
        return (self._folder / service / "log").read_text(errors="replace")

    def stop(self, service: str) -> None:
        """Ends a service as `docker stop` does, and waits until all its processes have ended."""
        self._services[service]["restart"] = "no"
        process = self._processes[service]
        for first in psutil.Process(process.pid).children():
            first.send_signal(signal.SIGTERM)
        process.wait(10)

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Calls the function in a thread that is connected to the services' network, and to nothing else."""
        with ThreadPoolExecutor(1, initializer=_enter, initargs=[self._namespaces["airflow"]]) as thread:
            return thread.submit(function).result()

    def _write_names(self) -> None:
        """What a container finds in /etc: the user of the image, and the names of the services."""
        names = [f"127.0.0.1 localhost\n{_SUBNET}.1 gateway"]
        for name, service in self._services.items():
            networks = service["networks"]
            aliases = networks["airflow"]["aliases"] if isinstance(networks, dict) else []
            names.append(" ".join([self.addresses[name], name, *aliases]))
        (self._folder / "hosts").write_text("\n".join(names) + "\n")
        (self._folder / "passwd").write_text(
            "root:x:0:0::/root:/bin/bash\n"
            f"astro:x:{_ASTRO}:0::{AIRFLOW_HOME}:/bin/bash\n"
            f"postgres:x:{_POSTGRES}:0::/tmp:/bin/bash\n"
        )

    def _connect(self, stack: contextlib.ExitStack) -> None:
        """Gives each service an interface `eth0` on the bridge."""
        for name in ("airflow", *self._services):
            holder = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE
            )
            stack.callback(holder.wait)
            stack.callback(holder.kill)
            assert holder.stdout is not None
            holder.stdout.readline()
            self._namespaces[name] = holder.pid
        self._ip(
            "airflow",
            "link add airflow type bridge",
            f"addr add {_SUBNET}.1/24 dev airflow",
            "link set airflow up",
        )
        for name, address in self.addresses.items():
            self._ip(
                "airflow",
                f"link add {name} type veth peer name eth0 netns {self._namespaces[name]}",
                f"link set {name} master airflow up",
            )
            self._ip(name, f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up")

    def _ip(self, namespace: str, *commands: str) -> None:
        subprocess.run(
            ["nsenter", f"--net=/proc/{self._namespaces[namespace]}/ns/net", "ip", "-batch", "-"],
            input="\n".join(commands),
            text=True,
            check=True,
        )

    def _start(self, name: str) -> None:
        service = self._services[name]
        mounts = [
            *(f"{folder}:{folder}" for folder in {sys.base_prefix, str(_ENVIRONMENT)}),
            *(f"{self._folder / file}:/etc/{file}" for file in ("hosts", "passwd")),
            f"{self._folder / name / 'home'}:{AIRFLOW_HOME}",
            *(self._mount(volume) for volume in service["volumes"]),
        ]
        command = [
            *("nsenter", f"--net=/proc/{self._namespaces[name]}/ns/net"),
            *("unshare", "--mount", "--ipc", "--uts", "--pid", "--fork"),
            *(str(ROOT / "tests" / "support" / "container.sh"), str(self._folder / name / "root"), name),
            *(
                str(_POSTGRES if name == "postgres" else _ASTRO),
                "/tmp" if name == "postgres" else AIRFLOW_HOME,
            ),
            *(*mounts, "--", *service["command"]),
        ]
        path = f"{_ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        image = {"AIRFLOW_HOME": AIRFLOW_HOME, "PYTHONPATH": AIRFLOW_HOME, "HOME": AIRFLOW_HOME, "PATH": path}
        with (self._folder / name / "log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env={**image, **service["environment"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        threading.Thread(target=self._start_again_after, args=[name, self._processes[name]]).start()

    def _mount(self, volume: str) -> str:
        source, target = volume.split(":")[:2]
        return f"{ROOT / source if source.startswith('.') else self._folder / source}:{target}"

    def _start_again_after(self, name: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if self._services[name]["restart"] == "unless-stopped":
            self._start(name)

    def _end(self) -> None:
        for service in self._services.values():
            service["restart"] = "no"
        for process in self._processes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                for first in psutil.Process(process.pid).children():
                    first.kill()  # the kernel ends every other process of the container
            process.wait()


def _enter(process: int) -> None:
    """Moves this thread to the network namespace of a process."""
    with Path(f"/proc/{process}/ns/net").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
