"""How tasks are retried: what a retry can cure, when it may help."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.errors import PipelineError


def task_retries() -> dict[str, Any]:
    """How every task retries, as arguments of an Airflow operator: up to 3 times, after 1, 2 and 4 minutes.

    A `PipelineError` that a retry cannot cure fails its task at once. One that says `not_before` is retried
    then. Anything unforeseen is retried.
    """
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
    from airflow.sdk.definitions.retry_policy import RetryDecision

    class RetryPolicy(ExceptionRetryPolicy):
        """Evaluated in the worker, which has the error itself."""

        def evaluate(self, exception: BaseException, *arguments: Any, **context: Any) -> RetryDecision:
            decision = super().evaluate(exception, *arguments, **context)
            not_before = getattr(exception, "not_before", None)
            if decision.action is RetryAction.RETRY and not_before:
                wait = max(not_before - datetime.now(UTC), timedelta()) + timedelta(seconds=1)
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
                RetryRule(exception=curable, action=RetryAction.RETRY, reason="the source may answer later"),
                RetryRule(
                    exception=PipelineError, action=RetryAction.FAIL, reason="a retry cannot cure this"
                ),
            ]
        ),
    }
