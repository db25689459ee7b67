"""What every task of every DAG has in common."""

from datetime import timedelta
from typing import Any

from include.orchestration.notifications import task_alerts
from include.orchestration.retries import task_retries
from include.settings import Settings


def task_arguments(settings: Settings, execution_timeout: timedelta) -> dict[str, Any]:
    """A DAG's `default_args`."""
    return {
        "owner": "data-engineering",
        "execution_timeout": execution_timeout,
        "show_return_value_in_logs": False,  # the tasks say it themselves
        **task_retries(),
        **task_alerts(settings),
    }
