"""When tasks are retried: only for errors that a retry can cure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from include.clock import utc_now
from include.errors import PipelineError


def task_retries(now: Callable[[], datetime] = utc_now) -> dict[str, Any]:
    """The retries of every task, as arguments of an Airflow operator: up to 3, after 1, 2 and 4 minutes.

    A `PipelineError` that a retry cannot cure fails the task at once. One with a `not_before` is retried at that
    time. Any other exception is retried.
    """
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
    from airflow.sdk.definitions.retry_policy import RetryDecision

    class RetryPolicy(ExceptionRetryPolicy):
        """Evaluated in the worker, which has the exception object."""

        def evaluate(self, exception: BaseException, *arguments: Any, **context: Any) -> RetryDecision:
            decision = super().evaluate(exception, *arguments, **context)
            not_before = getattr(exception, "not_before", None)
            if decision.action is RetryAction.RETRY and not_before:
                wait = max(not_before - now(), timedelta()) + timedelta(seconds=1)
                return RetryDecision.retry(wait, reason=f"not before {not_before:%Y-%m-%d %H:%M:%S} UTC")
            return decision

    curable: list[type[BaseException] | str] = [
        kind for kind in PipelineError.__subclasses__() if kind.retryable
    ]
    return {
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=15),
        "retry_policy": RetryPolicy(
            rules=[
                RetryRule(exception=curable, action=RetryAction.RETRY, reason="a later try may succeed"),
                RetryRule(
                    exception=PipelineError, action=RetryAction.FAIL, reason="a retry cannot cure this"
                ),
            ]
        ),
    }
