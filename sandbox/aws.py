"""AWS on this machine: moto's server (S3, IAM, the Redshift control plane, Secrets Manager) on 127.0.0.1."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COPY_ROLE = "musician-warehouse-copy"


@dataclass(frozen=True)
class Aws:
    """How to reach AWS. moto accepts any credentials and uses the account 123456789012."""

    endpoint_url: str
    region_name: str = "us-east-1"
    access_key_id: str = "sandbox-access-key"
    secret_access_key: str = "sandbox-secret-key"

    def client(self, service: str) -> Any:
        """A boto3 client that ignores this machine's AWS configuration."""
        import boto3
        from botocore.config import Config

        session: Any = boto3.session.Session()
        return session.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(max_pool_connections=32, proxies={}, retries={"total_max_attempts": 2}),
        )


def _slow(application: Any, seconds: float) -> Any:
    def respond(environ: Any, start_response: Any) -> Any:
        time.sleep(seconds)
        return application(environ, start_response)

    return respond


def _create_copy_role(iam: Any) -> None:
    """The role that the settings name by default; Redshift here needs none, but the doctor looks at it."""

    def document(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    trust = document(Principal={"Service": "redshift.amazonaws.com"}, Action="sts:AssumeRole")
    iam.create_role(RoleName=COPY_ROLE, AssumeRolePolicyDocument=trust)
    read = document(Action=["s3:GetObject", "s3:ListBucket"], Resource="arn:aws:s3:::*")
    iam.put_role_policy(RoleName=COPY_ROLE, PolicyName="read", PolicyDocument=read)


@contextlib.contextmanager
def running(latency: float = 0) -> Iterator[Aws]:
    """Runs an empty moto on a free port of 127.0.0.1 until the context ends. Its state is in memory.

    Each request takes `latency` seconds longer.
    """
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # takes a second to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    if latency:
        inner: Any = server._server
        inner.app = _slow(inner.app, latency)
    host, port = server.get_host_and_port()
    cloud = Aws(f"http://{host}:{port}")
    _create_copy_role(cloud.client("iam"))
    try:
        yield cloud
    finally:
        server.stop()
