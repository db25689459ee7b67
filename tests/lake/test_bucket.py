"""The bucket itself and S3's errors: moto over HTTP, behind a stand-in that rejects and fails like S3."""

import io
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from include.errors import ManifestInvalid, SettingInvalid, StorageUnavailable
from include.lake import bucket as bucket_module
from include.lake.bucket import Bucket
from include.lake.bucket_setup import ensure_bucket
from sandbox.services import Services

Rejection = tuple[int, str]


@dataclass
class StandIn:
    """S3 with faults. `reject` returns the status and code that a request is rejected with, or None."""

    reject: Callable[[str, str, Any], Rejection | None] = lambda method, path, headers: None
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    s3: Any = None


@pytest.fixture
def failing(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """moto behind a stand-in; there are no waits between tries."""
    monkeypatch.setattr(bucket_module, "WAITS", (0.0, 0.0))
    stand_in = StandIn()
    moto = urlsplit(services.aws.endpoint_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            stand_in.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            rejected = stand_in.reject(self.command, self.path, self.headers)
            if rejected == (0, "reset"):
                self.close_connection = True
                self.connection.close()
                return
            if rejected:
                status, code = rejected
                body = f"<Error><Code>{code}</Code><Message>as S3 says</Message></Error>".encode()
                headers: list[tuple[str, str]] = [("Content-Type", "application/xml")]
            else:
                onward = HTTPConnection(moto.hostname or "", moto.port, timeout=30)
                onward.request(self.command, self.path, content, dict(self.headers))
                response = onward.getresponse()
                status, body = response.status, response.read()
                headers = [
                    (name, value)
                    for name, value in response.getheaders()
                    if name.lower() not in ("content-length", "connection", "transfer-encoding")
                ]
                if self.command == "HEAD":
                    headers.append(("Content-Length", response.getheader("Content-Length") or "0"))
                onward.close()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD" or rejected:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        stand_in.s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                proxies={},
            ),
        )
        yield stand_in
        server.shutdown()


def fresh() -> str:
    return f"test-{uuid.uuid4()}"


def rules_of(s3: Any, name: str) -> dict[str, Any]:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return {rule["ID"]: rule for rule in rules}


def assert_protected(s3: Any, name: str, days: int) -> None:
    closed = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert len(closed) == 4
    assert all(closed.values())
    [encryption] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = rules_of(s3, name)
    raw = rules["raw responses expire"]
    assert (raw["Filter"], raw["Expiration"]) == ({"Prefix": "raw/"}, {"Days": days})
    assert raw["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rules["abandoned uploads go"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_a_missing_bucket_is_created_and_protected(s3: Any) -> None:
    name = fresh()
    ensure_bucket(Bucket(s3, name), 9)
    assert_protected(s3, name, 9)


def test_a_bucket_used_over_tls_rejects_anything_else(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = fresh()
    monkeypatch.setattr(s3.meta, "_endpoint_url", "https://s3.amazonaws.com")  # only what is asked of it
    ensure_bucket(Bucket(s3, name), 9)
    [statement] = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_is_created_in_the_region_of_the_connection(services: Services) -> None:
    s3, name = replace(services.aws, region_name="eu-central-1").client("s3"), fresh()
    ensure_bucket(Bucket(s3, name), 9)
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"


def test_a_bucket_whose_creation_was_interrupted_is_completed(s3: Any, bucket: str) -> None:
    ensure_bucket(Bucket(s3, bucket), 9)
    assert_protected(s3, bucket, 9)


@pytest.mark.parametrize("interrupted", ["publicAccessBlock", "encryption", "lifecycle"])
def test_a_bucket_whose_protection_was_interrupted_is_completed(failing: StandIn, interrupted: str) -> None:
    bucket = Bucket(failing.s3, fresh())
    failing.reject = lambda method, path, headers: (
        (503, "SlowDown") if method == "PUT" and interrupted in path else None
    )
    with pytest.raises(StorageUnavailable):
        ensure_bucket(bucket, 9)
    failing.reject = lambda method, path, headers: None
    ensure_bucket(bucket, 9)
    assert_protected(failing.s3, bucket.name, 9)


def test_a_bucket_with_other_objects_only_gets_an_expiry_for_raw(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="theirs", Body=b"")
    ensure_bucket(Bucket(s3, bucket), 9)
    assert rules_of(s3, bucket)["raw responses expire"]["Expiration"] == {"Days": 9}
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


def test_changing_the_setting_changes_the_expiry_and_no_other_rule(s3: Any, bucket: str) -> None:
    ensure_bucket(Bucket(s3, bucket), 9)
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, theirs]})
    ensure_bucket(Bucket(s3, bucket), 5)
    assert rules_of(s3, bucket)["raw responses expire"]["Expiration"] == {"Days": 5}
    assert rules_of(s3, bucket)["theirs"] == theirs


@pytest.mark.parametrize(
    ("prefix", "warned"), [("", False), ("raw/", False), ("lake/", True), ("raw/x", True)]
)
def test_other_rules_are_kept_and_a_warning_is_logged_if_raw_does_not_expire(
    s3: Any, bucket: str, caplog: pytest.LogCaptureFixture, prefix: str, warned: bool
) -> None:
    rules = [{"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": 1}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    ensure_bucket(Bucket(s3, bucket), 9)
    assert list(rules_of(s3, bucket).values()) == rules
    assert ("none that lets raw/ expire" in caplog.text) == warned


@pytest.mark.parametrize("noncurrent", [False, True])
def test_in_a_versioned_bucket_noncurrent_versions_must_expire_too(
    s3: Any, bucket: str, caplog: pytest.LogCaptureFixture, noncurrent: bool
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules: list[Any] = [
        {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
        {"ID": "versions", "Status": "Enabled", "Filter": {"Prefix": "raw/" if noncurrent else "lake/"},
         "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
    ]  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    ensure_bucket(Bucket(s3, bucket), 9)
    assert ("none that lets raw/ expire" in caplog.text) == (not noncurrent)


@pytest.mark.parametrize(
    "fault",
    [
        (500, "InternalError"),
        (503, "SlowDown"),
        (400, "ExpiredToken"),
        (403, "RequestTimeTooSkewed"),
        (0, "reset"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda bucket: bucket.put("key", b"content"),
        lambda bucket: bucket.get("key"),
        lambda bucket: bucket.size("key"),
        lambda bucket: list(bucket.sizes("k")),
        lambda bucket: ensure_bucket(bucket, 9),
    ],
    ids=["put", "get", "size", "sizes", "ensure"],
)
def test_temporary_errors_are_retried_and_all_others_are_named(
    failing: StandIn, bucket: str, fault: Rejection, use: Callable[[Bucket], object]
) -> None:
    used = Bucket(failing.s3, bucket)
    used.put("key", b"content")
    left = [fault, fault]  # a HEAD is followed by a GET that says why
    failing.reject = lambda method, path, headers: left.pop() if left else None
    use(used)
    failing.reject = lambda method, path, headers: fault
    with pytest.raises(StorageUnavailable, match="S3") as raised:
        use(used)
    assert raised.value.retryable
    assert "MUSICIAN_BUCKET" not in str(raised.value)


@pytest.mark.parametrize(
    "rejection",
    [
        (400, "KeyTooLongError"),
        (403, "InvalidObjectState"),
        (400, "InvalidRequest"),
        (400, "KMS.DisabledException"),
        (400, "KMS.NotFoundException"),
        (400, "KMS.KMSInvalidStateException"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda bucket: bucket.get("key"),
        lambda bucket: bucket.find("key"),
        lambda bucket: bucket.tail("key", 10),
        lambda bucket: bucket.download("key", io.BytesIO()),
        lambda bucket: bucket.get_json("key", dict, "Do this."),
    ],
    ids=["get", "find", "tail", "download", "json"],
)
def test_an_object_that_s3_does_not_hand_out_costs_only_itself(
    failing: StandIn, bucket: str, rejection: Rejection, use: Callable[[Bucket], object]
) -> None:
    """It is archived, or encrypted with a key that is not ours or is gone. Its run is parked, and the next goes on."""
    used = Bucket(failing.s3, bucket)
    used.put("key", b"content")
    failing.reject = lambda method, path, headers: rejection if method == "GET" and "key" in path else None
    with pytest.raises(ManifestInvalid, match=f"{used.url('key')}.*{rejection[1]}"):
        use(used)


def test_a_rejected_head_is_tried_again_while_the_bucket_can_be_listed(failing: StandIn, bucket: str) -> None:
    """The response to a HEAD does not say why, and a token expires between two requests."""
    used = Bucket(failing.s3, bucket)
    used.put("key", b"content")
    left = [(403, "")]
    failing.reject = lambda method, path, headers: left.pop() if left and method == "HEAD" else None
    assert used.size("key") == 7
    failing.reject = lambda method, path, headers: (403, "") if method == "HEAD" else None
    with pytest.raises(SettingInvalid, match="MUSICIAN_BUCKET"):
        used.size("key")


@pytest.mark.parametrize("use", ["put", "get", "size"])
def test_an_endpoint_that_does_not_listen_is_unavailable(
    failing: StandIn, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        getattr(Bucket(s3, "nowhere"), use)("key", *([b""] if use == "put" else []))


def test_credentials_that_cannot_be_had_are_named_and_the_task_is_retried(
    failing: StandIn, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setattr(failing.s3._request_signer, "_credentials", None)
    with pytest.raises(StorageUnavailable, match="aws_default"):
        Bucket(failing.s3, bucket).get("key")


def test_a_bucket_of_another_account_is_rejected_and_named(failing: StandIn, bucket: str) -> None:
    def reject(method: str, path: str, headers: Any) -> Rejection | None:
        owner = headers.get("x-amz-expected-bucket-owner")
        return None if owner == "123456789012" else (403, "AccessDenied")

    failing.reject = reject
    ours = Bucket(failing.s3, bucket, "123456789012")
    ensure_bucket(ours, 9)
    ours.put("key", b"content")
    assert (ours.get("key"), ours.size("key"), list(ours.sizes(""))) == (b"content", 7, [("key", 7)])
    ours.delete(["key"])
    theirs = Bucket(failing.s3, bucket, "999999999999")
    for use in (lambda: ensure_bucket(theirs, 9), lambda: theirs.get("key"), lambda: theirs.put("key", b"")):
        with pytest.raises(SettingInvalid, match=rf"{bucket}.*999999999999.*MUSICIAN_BUCKET_OWNER"):
            use()


@pytest.mark.parametrize(
    ("encryption", "sent"),
    [
        ("AES256", {"x-amz-server-side-encryption": "AES256"}),
        ("aws:kms", {"x-amz-server-side-encryption": "aws:kms"}),
        (
            "alias/lake",
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/lake",
            },
        ),
    ],
)
def test_a_bucket_that_requires_encryption_works_with_the_setting_and_is_named_without_it(
    failing: StandIn, bucket: str, encryption: str, sent: dict[str, str]
) -> None:
    def reject(method: str, path: str, headers: Any) -> Rejection | None:
        put = method == "PUT" and "key" in path
        return (403, "AccessDenied") if put and any(headers.get(k) != v for k, v in sent.items()) else None

    failing.reject = reject
    with pytest.raises(SettingInvalid, match="MUSICIAN_BUCKET_ENCRYPTION"):
        Bucket(failing.s3, bucket).put("key", b"content")
    encrypting = Bucket(failing.s3, bucket, encryption=encryption)
    encrypting.put("key", b"content")
    assert encrypting.get("key") == b"content"
