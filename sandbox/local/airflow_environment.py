"""The environment variables that Airflow runs with on this machine."""

import base64
import os
import secrets
from pathlib import Path

from sandbox.connections import connection_environment
from sandbox.services import Services

ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path, services: Services, url: str) -> dict[str, str]:
    """The environment variables Airflow runs with: the caller's, plus the sandbox's connections.

    A connection of the caller's (`AIRFLOW_CONN_…`) wins, which is how a run is pointed at a real service. The
    caller's settings for another Airflow (`AIRFLOW__…`) are dropped.
    """
    postgres = services.postgres
    metadata = (
        f"{postgres['user']}:{postgres['password']}@{postgres['host']}:{postgres['port']}"
        f"/{postgres['airflow_database']}"
    )
    settings = {
        "CORE__DAGS_FOLDER": ROOT / "dags",
        "CORE__PLUGINS_FOLDER": ROOT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks the name server
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{metadata}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{metadata}",
        "API__HOST": "127.0.0.1",
        "API__PORT": url.rpartition(":")[2],
        "API__BASE_URL": url,
        "API__WORKERS": 1,
        "API__SECRET_KEY": secrets.token_hex(32),
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 1,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 5,
        # An edited DAG file is parsed at the next refresh all the same; parsing the others again only costs time.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 600,
        "LOGGING__BASE_LOG_FOLDER": home / "logs" / "tasks",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": home / "logs" / "dag_processor",
        "LOGGING__COLORED_CONSOLE_LOG": False,
        "WORKERS__EXECUTION_API_TIMEOUT": 30,
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW__", "AIRFLOW_HOME"))
    }
    connections = connection_environment(services)
    if "AIRFLOW_CONN_AWS_DEFAULT" not in inherited:
        inherited = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
    loopback = "127.0.0.1,localhost"
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), loopback]))
    return {
        **connections,
        **inherited,
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
        "AIRFLOW_HOME": str(home / "airflow"),
        "PATH": f"{home / 'airflow' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "NO_COLOR": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
    }
