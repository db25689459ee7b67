"""How the connection `redshift` logs in, depending on its extra:

    nothing                                                  its login and password
    {"secret_arn": "arn:…"}                                  user and password from AWS Secrets Manager
    {"iam": true, "cluster_identifier": "…"}                 its login and a temporary IAM password (one hour)
    {"iam": true, "is_serverless": true,
     "serverless_work_group": "…"}                           the user of the IAM identity and such a password

AWS is called with the credentials of `aws_default`. All other keys of the extra are passed to the driver, with
`"sslmode": "verify-full"` unless it says otherwise: left to itself, the driver warns of a server with another
name's certificate and sends it the password.
"""

import json
import logging
from typing import Any

from include.errors import ConnectionMissing

_LOGIN = (
    "secret_arn",
    "iam",
    "cluster_identifier",
    "is_serverless",
    "serverless_work_group",
    "serverless_token_duration_seconds",
)
"""The keys of the extra about the login; the driver does not know them, or takes them for something else."""
_NOT_CURED = ("AccessDenied", "AccessDeniedException", "ResourceNotFoundException", "DecryptionFailure")


def logged_in(hook: Any) -> Any:
    """The `RedshiftSQLHook` with user and password filled in.

    Raises `ConnectionMissing` if the secret cannot be read or does not contain a user and password.
    """
    from airflow.sdk import Connection
    from airflow.sdk.log import mask_secret

    quieten()
    given = hook.conn
    extra = given.extra_dejson
    login, password, port = given.login, given.password, given.port
    if extra.get("secret_arn"):
        login, password = _secret(extra["secret_arn"])
    elif extra.get("iam"):
        login, password, port = hook.get_iam_token(given)
    mask_secret(password)
    hook.conn = Connection(
        conn_id=given.conn_id,
        conn_type=given.conn_type,
        host=given.host,
        port=port or 5439,
        schema=given.schema,
        login=login,
        password=password,
        extra=json.dumps(_verified({key: value for key, value in extra.items() if key not in _LOGIN})),
    )
    return hook


def _verified(extra: dict[str, Any]) -> dict[str, Any]:
    return extra if extra.get("ssl", True) is False else {"sslmode": "verify-full", **extra}


def quieten() -> None:
    """Raises these loggers to WARNING: below, they log session tokens and passwords before Airflow can mask them."""
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    for name in ("botocore", "redshift_connector", AwsConnectionWrapper.__module__):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))
    # Airflow's loggers know nothing of these levels.
    quiet: Any = logging.getLogger(AwsConnectionWrapper.__module__)
    AwsConnectionWrapper._log = quiet


def _secret(arn: str) -> tuple[str, str]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from botocore.exceptions import ClientError

    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    client: Any = AwsBaseHook("aws_default", client_type="secretsmanager", region_name=region).conn
    try:
        secret = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        return str(secret["username"]), str(secret["password"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in _NOT_CURED:
            raise
        raise ConnectionMissing(
            f"The secret {arn} of the connection `redshift` cannot be read ({code}). Correct `secret_arn` in "
            "its extra, or allow the identity of `aws_default` secretsmanager:GetSecretValue."
        ) from None
    except (KeyError, TypeError, ValueError):
        raise ConnectionMissing(
            f"The secret {arn} of the connection `redshift` is not JSON with `username` and `password`."
        ) from None
