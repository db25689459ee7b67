"""All calls to AWS: makes them, waits for their effect, and explains every error.

Credentials come from where boto3 looks for them (AWS_PROFILE, the environment, the machine's role); so does a
custom endpoint (AWS_ENDPOINT_URL).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import boto3
import botocore.exceptions as boto
from botocore import xform_name
from botocore.config import Config

from include.errors import ProvisioningFailed
from include.provision.permissions import CALLS

_Found = TypeVar("_Found")


@dataclass
class Aws:
    """Calls to one account and region."""

    session: Any
    """A boto3 session."""
    say: Callable[[str], None] = print
    """Receives the lines that report progress."""
    poll_seconds: float = 5.0
    timeout_seconds: float = 60 * 60.0
    """How long `wait` waits for one thing."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def connect(cls, region: str | None, say: Callable[[str], None]) -> Self:
        """The account of the credentials that boto3 finds. Raises `ProvisioningFailed` without a region."""
        try:
            session = boto3.Session(region_name=region)
        except boto.BotoCoreError as error:
            raise _explained("the AWS profile", error) from error
        if not session.region_name:
            raise ProvisioningFailed("No AWS region is set: give --region or set AWS_DEFAULT_REGION.")
        return cls(session, say)

    @property
    def region(self) -> str:
        """Such as eu-west-1."""
        return str(self.session.region_name)

    def call(self, action: str, **arguments: Any) -> dict[str, Any]:
        """The response to an action, spelled as in IAM, `service:Operation`. Raises `ProvisioningFailed`."""
        try:
            return self._send(action, arguments)
        except (boto.ClientError, boto.BotoCoreError) as error:
            raise _explained(action, error) from error

    def find(self, action: str, missing: str, **arguments: Any) -> dict[str, Any] | None:
        """Like `call`, but None if AWS returns the error code `missing`."""
        try:
            return self.call(action, **arguments)
        except ProvisioningFailed as error:
            if isinstance(error.__cause__, boto.ClientError) and _code(error.__cause__) == missing:
                return None
            raise

    def wait(self, what: str, look: Callable[[], _Found | None]) -> _Found:
        """Polls `look` until it returns something other than None. Raises `ProvisioningFailed` when time is up."""
        started = time.monotonic()
        while (found := look()) is None:
            if time.monotonic() - started > self.timeout_seconds:
                raise ProvisioningFailed(
                    f"{what} is not finished after {self.timeout_seconds / 60:.0f} minutes. AWS continues with it: "
                    "run the same command again to follow it."
                )
            time.sleep(self.poll_seconds)
        return found

    def _send(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if action not in CALLS:
            raise LookupError(f"{action} is not in CALLS of include/provision/permissions.py.")
        service, operation = action.split(":")
        if service not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=20)
            self._clients[service] = self.session.client(service, config=config)
        response: dict[str, Any] = getattr(self._clients[service], xform_name(operation))(**arguments)
        return response


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


_ADVICE = {
    "AccessDenied AccessDeniedException UnauthorizedOperation": (
        "Your credentials lack this permission; `make redshift-policy` prints all permissions needed."
    ),
    "ExpiredToken ExpiredTokenException RequestExpired InvalidClientTokenId AuthFailure "
    "UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException": (
        "Your AWS credentials are invalid or have expired: log in again (aws sso login) or renew the keys."
    ),
    "ServiceQuotaExceededException LimitExceededException ClusterSnapshotQuotaExceeded": (
        "A quota of the account is used up: raise it in the Service Quotas console, or delete what is not needed."
    ),
}
"""What to do about AWS's error codes."""


def _explained(action: str, error: Exception) -> ProvisioningFailed:
    if isinstance(error, boto.ClientError):
        said = error.response.get("Error", {}).get("Message", "")
        advice = next((advice for codes, advice in _ADVICE.items() if _code(error) in codes.split()), "")
        return ProvisioningFailed(
            f"AWS rejected {action} ({_code(error)}): {said.rstrip('.')}. {advice}".strip()
        )
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return ProvisioningFailed(
            f"No AWS credentials for {action}: set AWS_PROFILE, or run `aws configure` or `aws sso login`."
        )
    if isinstance(error, boto.SSOError | boto.TokenRetrievalError | boto.CredentialRetrievalError):
        return ProvisioningFailed(f"No AWS credentials for {action}: {error} Log in again: aws sso login.")
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return ProvisioningFailed(
            f"AWS cannot be reached for {action}: {error} "
            "Check the network, and that the region offers the service."
        )
    return ProvisioningFailed(f"{action} failed: {error}")
