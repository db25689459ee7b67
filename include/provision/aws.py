"""The one gate to AWS: makes the calls, waits for their effect, and explains every error.

Credentials come from where boto3 looks for them (AWS_PROFILE, the environment, the machine's role), and so
does another endpoint (AWS_ENDPOINT_URL).
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
import botocore.exceptions as boto
from botocore import xform_name
from botocore.config import Config

from include.errors import ProvisioningFailed
from include.provision.permissions import CALLS, OWNER_TAG

_TAG = {"Key": OWNER_TAG[0], "Value": OWNER_TAG[1]}
TAGS = (_TAG,)
"""The owner's tag in the form of IAM, EC2 and Redshift."""
SERVERLESS_TAGS = tuple({key.lower(): value for key, value in tag.items()} for tag in TAGS)
"""The owner's tag in the form of Redshift Serverless."""


def is_ours(tags: Sequence[Mapping[str, str]]) -> bool:
    """Whether these tags, in either form, say that this package created their object."""
    return OWNER_TAG in {(tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value"))) for tag in tags}


def not_ours(kind: str, name: str) -> ProvisioningFailed:
    """The error for an object of our name that somebody else created."""
    return ProvisioningFailed(
        f"The {kind} {name} exists, but this command did not create it: it lacks the tag "
        f"{OWNER_TAG[0]}={OWNER_TAG[1]}. It was left alone. Choose another name with --name."
    )


@dataclass
class Aws:
    """Calls to one account and region."""

    session: Any
    """A boto3 session."""
    say: Callable[[str], None] = print
    """Receives the lines that say what happens."""
    poll_seconds: float = 10.0
    timeout_seconds: float = 45 * 60.0
    """How long `wait` waits for one thing."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def connect(cls, region: str | None) -> Self:
        """The account of the credentials that boto3 finds. Raises `ProvisioningFailed` without a region."""
        try:
            session = boto3.Session(region_name=region)
        except boto.BotoCoreError as error:
            raise _explained("the AWS profile", error) from error
        if not session.region_name:
            raise ProvisioningFailed("No AWS region is set: give --region or set AWS_DEFAULT_REGION.")
        return cls(session)

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
        """As `call`, but None when AWS returns the error code `missing`."""
        try:
            return self._send(action, arguments)
        except boto.ClientError as error:
            if code(error) == missing:
                return None
            raise _explained(action, error) from error
        except boto.BotoCoreError as error:
            raise _explained(action, error) from error

    def wait(
        self,
        what: str,
        state: Callable[[], str | None],
        until: str | None,
        *,
        never: Collection[str] = (),
        every: float = 60.0,
    ) -> None:
        """Asks for the state, None being gone, until it is `until`; says it when it changes and every minute.

        Asks every `poll_seconds`, or `every` when that is less. Raises `ProvisioningFailed` when time is up,
        or the state is one of `never`, from which it does not get there.
        """
        started = time.monotonic()
        said: tuple[str, float] | None = None
        while (now := state()) != until:
            waited = time.monotonic() - started
            if now is None or now in never:
                raise ProvisioningFailed(
                    f"{what} is {now or 'gone'} and was to become {until}. "
                    f"Look at it in the AWS console of {self.region}."
                )
            if waited > self.timeout_seconds:
                raise ProvisioningFailed(
                    f"{what} is still {now} after {waited / 60:.0f} minutes. Run the same command again "
                    f"to go on waiting, or look at it in the AWS console of {self.region}."
                )
            if said != (now, waited // 60):
                self.say(f"  {what}: {now} ({waited:.0f} s)")
                said = (now, waited // 60)
            time.sleep(min(self.poll_seconds, every))

    def _send(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if action not in CALLS:
            raise LookupError(f"{action} is not in include/provision/permissions.py: list it there first.")
        service, operation = action.split(":")
        if service not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=20)
            self._clients[service] = self.session.client(service, config=config)
        response: dict[str, Any] = getattr(self._clients[service], xform_name(operation))(**arguments)
        return response


def code(error: boto.ClientError) -> str:
    """The error code of AWS, such as `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))


_ADVICE = {
    "AccessDenied AccessDeniedException UnauthorizedOperation DependentServiceAccessDenied": (
        "Your credentials lack this permission; docs/iam-policy.json holds all that are needed."
    ),
    "ExpiredToken ExpiredTokenException RequestExpired InvalidClientTokenId AuthFailure "
    "UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException": (
        "Your AWS credentials are not, or no longer, valid: log in again (aws sso login) or renew the keys."
    ),
    "ServiceQuotaExceededException LimitExceeded LimitExceededException LimitExceededFault "
    "ClusterQuotaExceeded NumberOfNodesQuotaExceeded NumberOfNodesPerClusterLimitExceeded "
    "SecurityGroupLimitExceeded ClusterSubnetGroupQuotaExceeded": (
        "A quota of the account is used up: raise it in the Service Quotas console, delete what is not "
        "needed, or choose another region with --region."
    ),
    "InsufficientCapacityException InsufficientClusterCapacity": (
        "AWS has no capacity for it here now: try later, or choose another size or --region."
    ),
    "ConflictException EntityAlreadyExists ClusterAlreadyExists InvalidGroup.Duplicate "
    "ClusterSubnetGroupAlreadyExists": (
        "Somebody else uses the name or is changing the object: try again, or choose another --name."
    ),
    "ClusterSnapshotAlreadyExists ClusterSnapshotQuotaExceeded": (
        "The final snapshot cannot be taken: delete others, or add --skip-final-snapshot."
    ),
    "DeleteConflict": (
        "Something was attached to it that this command did not attach: detach that, then try again."
    ),
}
"""What to do about AWS's error codes."""


def _explained(action: str, error: Exception) -> ProvisioningFailed:
    if isinstance(error, boto.ClientError):
        said = error.response.get("Error", {}).get("Message", "")
        advice = next((advice for codes, advice in _ADVICE.items() if code(error) in codes.split()), "")
        return ProvisioningFailed(
            f"AWS rejected {action} ({code(error)}): {said.rstrip('.')}. {advice}".strip()
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
            "Check the network, and that the region has the service."
        )
    return ProvisioningFailed(f"{action} failed: {error}")
