"""The warehouse at AWS: IAM, EC2, S3, Secrets Manager and clusters are moto's over HTTP.

moto 5.2.5 has neither Redshift Serverless nor the batches of the Data API: redshift_serverless.py in
tests/support/ stands in for both, also over HTTP. Its clusters do not tell the secret of their admin
password, which is added to what they answer.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import boto3
import pytest

from include.errors import PipelineError, ProvisioningFailed, SettingInvalid
from include.provision import commands
from include.provision.__main__ import main
from include.provision.aws import TAGS, Aws
from include.provision.options import ADMIN, Options
from include.provision.permissions import CALLS, policy
from sandbox.services import Services
from tests.support.redshift_serverless import RedshiftServerless, running

KINDS = ("serverless", "provisioned")
OFFICE = IPv4Network("203.0.114.0/24")


class Killed(BaseException):
    """The process dies just after a call took effect."""


class KeptSession(boto3.Session):
    """A session that makes each client once, because that takes long."""

    def __init__(self) -> None:
        super().__init__(region_name="us-east-1")
        self.kept: dict[str, Any] = {}

    def client(self, service: str, **options: Any) -> Any:
        if service not in self.kept:
            self.kept[service] = super().client(service, **options)
        return self.kept[service]

    def listen(self, event: str, handler: Callable[..., None]) -> Callable[[], None]:
        """Registers a handler of botocore's events; the value takes it away."""
        emitters = [self.events, *(client.meta.events for client in self.kept.values())]
        for emitter in emitters:
            emitter.register(event, handler)

        def forget() -> None:
            for emitter in emitters:
                emitter.unregister(event, handler)

        return forget


class Recorder:
    """The session of all runs; tells the cloud that runs of every answer."""

    def __init__(self) -> None:
        self.session = KeptSession()
        self.cloud: Cloud | None = None
        self.session.listen("after-call", self.called)

    def called(self, **event: Any) -> None:
        if self.cloud:
            self.cloud.called(**event)


@dataclass
class Cloud:
    """A fresh, empty corner of the stand-ins' AWS."""

    serverless: RedshiftServerless
    recorder: Recorder
    unrecorded: KeptSession
    options: Options
    cluster_secret: str
    said: list[str] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    """The actions that were called, recorded by botocore."""
    changes: list[str] = field(default_factory=list)
    """Those that changed something, in order."""
    dies_after: int | None = None
    """The process is killed after this many changes."""

    def aws(self) -> Aws:
        """What one run of the command holds."""
        self.recorder.cloud = self
        return Aws(self.recorder.session, self.said.append, poll_seconds=0)

    def create(self, **options: Any) -> None:
        commands.create(self.aws(), replace(self.options, **options))

    def delete(self, *, final_snapshot: bool = True, agrees: bool = True) -> None:
        commands.delete(
            self.aws(), self.options, final_snapshot=final_snapshot, confirm=lambda _question: agrees
        )

    def status(self) -> str:
        self.said.clear()
        commands.status(self.aws(), self.options)
        return "\n".join(self.said)

    def client(self, service: str) -> Any:
        """For the test itself: its calls are not recorded."""
        return self.unrecorded.client(service)

    def foreign(self) -> set[str]:
        """The kinds of what exists of this name and was created by somebody else."""
        lines = self.status().splitlines()
        return {line.split("  ")[1] for line in lines if "created by somebody else" in line}

    def called(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        """botocore's event after every answer."""
        action = f"{model.service_model.signing_name}:{model.name}"
        self.calls.add(action)
        if action == "redshift:DescribeClusters":
            for cluster in parsed.get("Clusters", []):
                cluster["MasterPasswordSecretArn"] = self.cluster_secret
        is_change = not re.match(r"Get|List|Describe|BatchExecute", model.name)
        if is_change and "Error" not in parsed:
            self.changes.append(action)
            if len(self.changes) == self.dies_after:
                raise Killed(action)


@pytest.fixture(scope="module")
def serverless(services: Services) -> Iterator[RedshiftServerless]:
    with running(services, services.aws.client("secretsmanager")) as account:
        yield account


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def unrecorded() -> KeptSession:
    return KeptSession()


@pytest.fixture
def listen(recorder: Recorder) -> Iterator[Callable[[str, Callable[..., None]], None]]:
    """Registers a handler of botocore's events for this test."""
    with contextlib.ExitStack() as stack:

        def listen(event: str, handler: Callable[..., None]) -> None:
            stack.callback(recorder.session.listen(event, handler))

        yield listen


@pytest.fixture
def make_cloud(
    services: Services,
    serverless: RedshiftServerless,
    recorder: Recorder,
    unrecorded: KeptSession,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Cloud]]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", services.aws.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS", serverless.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_DATA", serverless.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", services.aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", services.aws.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", services.aws.region_name)
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    def make(kind: str = "serverless", *, runs_sql: bool = False) -> Cloud:
        serverless.runs_sql = runs_sql
        name = f"musician-{uuid.uuid4().hex[:8]}"
        options = Options(bucket=f"lake-{name}", name=name, kind=kind)
        secret = {"username": ADMIN, "password": f"Secret-{uuid.uuid4()}"}
        arn = serverless.secrets.create_secret(
            Name=f"redshift!cluster-{name}", SecretString=json.dumps(secret)
        )["ARN"]
        return Cloud(serverless, recorder, unrecorded, options, arn)

    yield make
    serverless.refuse.clear()
    serverless.stuck, serverless.capacities, serverless.runs_sql = False, (4, 8, 16), True


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()


def environment(cloud: Cloud) -> dict[str, str]:
    """What the lines for .env set."""
    pairs = (line.split("=", 1) for line in cloud.said if re.match(r"[A-Z_]+=", line))
    return {name: value.strip("'") for name, value in pairs}


# Create


@pytest.mark.parametrize("kind", KINDS)
def test_create_ends_with_tables_that_answer_and_the_lines_for_the_environment(
    make_cloud: Callable[..., Cloud], redshift: Any, kind: str
) -> None:
    cloud = make_cloud(kind, runs_sql=True)
    cloud.create()
    with redshift.cursor() as cursor:
        cursor.execute("select count(*) from dwh.fact_artists")
        assert cursor.fetchone()[0] == 0
        cursor.execute("select count(*) from analytics.artist_events_songs")
    lines = environment(cloud)
    connection = json.loads(lines["AIRFLOW_CONN_REDSHIFT"])
    assert (connection["conn_type"], connection["port"], connection["schema"]) == (
        "redshift",
        5439,
        "musician",
    )
    assert connection["host"].startswith(f"{cloud.options.name}.")
    assert set(connection["extra"]) == {"secret_arn"}
    assert json.loads(lines["AIRFLOW_CONN_AWS_DEFAULT"])["extra"] == {"region_name": "us-east-1"}
    assert lines["MUSICIAN_BUCKET"] == cloud.options.bucket
    assert lines["MUSICIAN_COPY_ROLE_ARN"] == f"arn:aws:iam::123456789012:role/{cloud.options.name}"


@pytest.mark.parametrize("kind", KINDS)
def test_creating_again_changes_nothing_and_prints_the_same_lines(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind, runs_sql=True)
    cloud.create(allow_cidr=(OFFICE,))
    lines = environment(cloud)
    cloud.changes.clear()
    cloud.said.clear()
    cloud.create(allow_cidr=(OFFICE,))
    assert cloud.changes == []
    assert environment(cloud) == lines


@pytest.mark.parametrize("kind", KINDS)
def test_a_create_that_died_after_any_change_is_completed_by_the_next(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    whole = make_cloud(kind)
    whole.create(allow_cidr=(OFFICE,))
    for changes in range(1, len(whole.changes) + 1):
        cloud = make_cloud(kind)
        cloud.dies_after = changes
        with pytest.raises(Killed):
            cloud.create(allow_cidr=(OFFICE,))
        cloud.create(allow_cidr=(OFFICE,))
        assert cloud.changes == whole.changes, f"died after {cloud.changes[changes - 1]}"
        assert set(environment(cloud)) == set(environment(whole))


def test_a_serverless_warehouse_has_the_smallest_capacity_and_stops_at_a_daily_limit(cloud: Cloud) -> None:
    cloud.create()
    workgroup = cloud.serverless.workgroups[cloud.options.name].fields
    assert (workgroup["baseCapacity"], workgroup["publiclyAccessible"]) == (4, False)
    [limit] = [v for v in cloud.serverless.limits.values() if v["resourceArn"] == workgroup["workgroupArn"]]
    assert (limit["period"], limit["amount"], limit["breachAction"]) == ("daily", 8, "deactivate")


def test_where_4_rpu_are_not_offered_the_workgroup_gets_8(cloud: Cloud) -> None:
    cloud.serverless.capacities = (8, 16)
    cloud.create()
    assert cloud.serverless.workgroups[cloud.options.name].fields["baseCapacity"] == 8


def test_a_capacity_or_limit_given_later_is_applied_and_one_not_given_is_kept(cloud: Cloud) -> None:
    cloud.create(base_capacity=8, daily_rpu_hours=20)
    cloud.create(base_capacity=16)
    workgroup = cloud.serverless.workgroups[cloud.options.name].fields
    cloud.create(daily_rpu_hours=30)
    [limit] = [v for v in cloud.serverless.limits.values() if v["resourceArn"] == workgroup["workgroupArn"]]
    assert (workgroup["baseCapacity"], limit["amount"]) == (16, 30)


def test_a_cluster_is_encrypted_private_and_of_the_wanted_size(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud("provisioned")
    cloud.create(node_type="ra3.xlplus", nodes=2)
    cluster = cloud.client("redshift").describe_clusters(ClusterIdentifier=cloud.options.name)["Clusters"][0]
    assert (cluster["Encrypted"], cluster["PubliclyAccessible"]) == (True, False)
    assert (cluster["NodeType"], cluster["NumberOfNodes"]) == ("ra3.xlplus", 2)
    assert "used or not" in cloud.status()


@pytest.mark.parametrize("kind", KINDS)
def test_the_role_may_read_the_lake_and_the_manifests_of_the_bucket_and_nothing_else(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind)
    cloud.create()
    iam, name, lake = cloud.client("iam"), cloud.options.name, f"arn:aws:s3:::{cloud.options.bucket}"
    trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert trusted == {"Service": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]}
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    [inline] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    statements = iam.get_role_policy(RoleName=name, PolicyName=inline)["PolicyDocument"]["Statement"]
    assert [(s["Effect"], s["Action"], s["Resource"]) for s in statements] == [
        ("Allow", ["s3:GetBucketLocation", "s3:ListBucket"], lake),
        ("Allow", "s3:GetObject", [f"{lake}/lake/*", f"{lake}/manifests/*"]),
    ]


def test_another_bucket_replaces_the_one_the_role_may_read(cloud: Cloud) -> None:
    cloud.create()
    cloud.create(bucket="another-lake")
    name = cloud.options.name
    document = cloud.client("iam").get_role_policy(RoleName=name, PolicyName="read-the-lake")[
        "PolicyDocument"
    ]
    assert "another-lake" in json.dumps(document)
    assert cloud.options.bucket not in json.dumps(document)


@pytest.mark.parametrize("kind", KINDS)
def test_the_password_is_neither_printed_nor_sent_by_us(
    make_cloud: Callable[..., Cloud], listen: Callable[..., None], kind: str
) -> None:
    cloud = make_cloud(kind)
    sent: list[str] = []
    listen("before-call", lambda params, **_: sent.append(repr(params["body"])))
    cloud.create()
    cloud.status()
    cloud.delete()
    assert "Secret-" not in "\n".join(cloud.said + sent)
    assert not any(word in text for text in sent for word in ("adminUserPassword", "MasterUserPassword"))


def test_the_reader_may_read_the_star_and_the_views_and_change_nothing(
    make_cloud: Callable[..., Cloud], redshift: Any
) -> None:
    cloud = make_cloud(runs_sql=True)
    cloud.create()
    with redshift.cursor() as cursor:
        cursor.execute(
            "select has_table_privilege('musician_reader', 'dwh.fact_artists', 'select'), "
            "has_table_privilege('musician_reader', 'analytics.artist_events_songs', 'select'), "
            "has_table_privilege('musician_reader', 'dwh.fact_artists', 'insert'), "
            "has_schema_privilege('musician_reader', 'staging', 'usage'), "
            "has_schema_privilege('musician_reader', 'audit', 'usage')"
        )
        assert list(cursor.fetchone()) == [True, True, False, False, False]
        cursor.execute("create table dwh.added (a int)")
        cursor.execute("select has_table_privilege('musician_reader', 'dwh.added', 'select')")
        assert cursor.fetchone()[0]


def test_sql_that_redshift_refuses_is_told_with_what_redshift_said(
    make_cloud: Callable[..., Cloud], redshift: Any
) -> None:
    cloud = make_cloud(runs_sql=True)
    with redshift.cursor() as cursor:
        cursor.execute("create schema dwh")
        cursor.execute("create table dwh.dim_songs (a int)")
        cursor.execute("create schema analytics")
        cursor.execute("create view analytics.artist_events_songs as select 1 as other")
    redshift.commit()
    with pytest.raises(ProvisioningFailed, match=r"Redshift refused the statements .* ERROR: "):
        cloud.create()
    with redshift.cursor() as cursor:
        cursor.execute("drop schema dwh cascade")
        cursor.execute("drop schema analytics cascade")
    redshift.commit()


# Who may connect


def test_the_port_is_closed_unless_a_range_is_given(cloud: Cloud) -> None:
    cloud.create()
    assert "closed to everybody" in "\n".join(cloud.said)
    assert "closed" in cloud.status()


def test_a_public_range_opens_the_port_to_it_alone_and_makes_the_warehouse_public(cloud: Cloud) -> None:
    cloud.create()
    cloud.create(allow_cidr=(OFFICE,))
    [group] = security_groups(cloud)
    [permission] = group["IpPermissions"]
    assert (permission["FromPort"], permission["ToPort"]) == (5439, 5439)
    assert [given["CidrIp"] for given in permission["IpRanges"]] == [str(OFFICE)]
    assert cloud.serverless.workgroups[cloud.options.name].fields["publiclyAccessible"]
    assert f"open to {OFFICE}" in cloud.status()


def test_a_private_range_opens_the_port_without_an_address_in_the_internet(cloud: Cloud) -> None:
    cloud.create(allow_cidr=(IPv4Network("172.31.0.0/16"),))
    assert not cloud.serverless.workgroups[cloud.options.name].fields["publiclyAccessible"]


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "203.0.114.0/24,0.0.0.0/0", "0.0.0.0/1", "1.2.3.4/24", "office"]
)
def test_the_whole_internet_and_what_is_no_range_are_refused(cidr: str) -> None:
    with pytest.raises(SettingInvalid, match="--allow-cidr"):
        Options.parse({"allow_cidr": cidr}, {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_warehouse_in_given_subnets_is_guarded_in_their_vpc(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind)
    vpc, subnets = network(cloud)
    cloud.create(subnet_ids=subnets)
    [group] = security_groups(cloud)
    assert group["VpcId"] == vpc
    cloud.delete()
    assert "Nothing of it exists." in cloud.status()


def network(cloud: Cloud) -> tuple[str, tuple[str, ...]]:
    """A VPC of its own and its three subnets."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{i}.0/24", AvailabilityZone=f"us-east-1{'abc'[i]}")
        for i in range(3)
    ]
    return vpc, tuple(created["Subnet"]["SubnetId"] for created in subnets)


def security_groups(cloud: Cloud) -> list[dict[str, Any]]:
    filters = [{"Name": "group-name", "Values": [cloud.options.name]}]
    return list(cloud.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"])


# What others created


def foreign_role(cloud: Cloud) -> None:
    cloud.client("iam").create_role(RoleName=cloud.options.name, AssumeRolePolicyDocument="{}")


def foreign_security_group(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    ec2.create_security_group(GroupName=cloud.options.name, Description="theirs", VpcId=vpc["VpcId"])


def foreign_namespace(cloud: Cloud) -> None:
    cloud.client("redshift-serverless").create_namespace(
        namespaceName=cloud.options.name,
        adminUsername="theirs",
        manageAdminPassword=True,
        dbName="theirs",
        tags=[{"key": "created-by", "value": "somebody"}],
    )


def foreign_workgroup(cloud: Cloud) -> None:
    foreign_namespace(cloud)
    client = cloud.client("redshift-serverless")
    while client.get_namespace(namespaceName=cloud.options.name)["namespace"]["status"] != "AVAILABLE":
        pass
    arn = cloud.serverless.namespaces[cloud.options.name].fields["namespaceArn"]
    cloud.serverless.tags[arn] = [{"key": "created-by", "value": "musician-warehouse"}]
    client.create_workgroup(
        workgroupName=cloud.options.name, namespaceName=cloud.options.name, baseCapacity=4, port=5439, tags=[]
    )


def foreign_cluster(cloud: Cloud) -> None:
    cloud.client("redshift").create_cluster(
        ClusterIdentifier=cloud.options.name,
        NodeType="ra3.large",
        MasterUsername="theirs",
        ManageMasterPassword=True,
    )


@pytest.mark.parametrize(
    ("kind", "make_foreign"),
    [
        ("serverless", foreign_role),
        ("serverless", foreign_security_group),
        ("serverless", foreign_namespace),
        ("serverless", foreign_workgroup),
        ("provisioned", foreign_cluster),
    ],
)
def test_what_somebody_else_created_stops_create_and_is_left_alone_by_delete(
    make_cloud: Callable[..., Cloud], kind: str, make_foreign: Callable[[Cloud], None]
) -> None:
    cloud = make_cloud(kind)
    make_foreign(cloud)
    before = cloud.foreign()
    assert before
    with pytest.raises(ProvisioningFailed, match="this command did not create it"):
        cloud.create()
    if make_foreign is foreign_workgroup:  # it holds on to a namespace of ours
        with pytest.raises(ProvisioningFailed, match="redshift-serverless:DeleteNamespace"):
            cloud.delete()
    else:
        cloud.delete()
    assert cloud.foreign() == before


def test_a_warehouse_of_the_other_kind_stops_create(cloud: Cloud) -> None:
    cloud.create()
    with pytest.raises(ProvisioningFailed, match=r"serverless warehouse .* delete it first"):
        cloud.create(kind="provisioned")


def test_everything_carries_the_tag_of_its_owner(make_cloud: Callable[..., Cloud]) -> None:
    for kind in KINDS:
        cloud = make_cloud(kind)
        cloud.create()
        assert "somebody else" not in cloud.status()
        role = cloud.client("iam").get_role(RoleName=cloud.options.name)["Role"]
        assert role["Tags"] == list(TAGS)


# Status


def test_status_shows_what_exists_where_it_answers_and_what_it_costs(cloud: Cloud) -> None:
    assert "Nothing of it exists." in cloud.status()
    cloud.create()
    shown = cloud.status()
    for part in (
        "role ",
        "security group ",
        "namespace ",
        "workgroup ",
        "8 RPU-hours a day, then deactivate",
        f"{cloud.options.name}.123456789012.us-east-1.redshift-serverless.amazonaws.com:5439",
        "$1.50 an hour while queries run (4 RPU), nothing while idle",
        "$3.00 a day",
    ):
        assert part in shown


# Delete


@pytest.mark.parametrize("kind", KINDS)
def test_delete_removes_everything_and_leaves_a_snapshot(make_cloud: Callable[..., Cloud], kind: str) -> None:
    cloud = make_cloud(kind)
    cloud.create(allow_cidr=(OFFICE,))
    cloud.delete()
    assert "Nothing of it exists." in cloud.status()
    assert len(snapshots(cloud)) == 1


def snapshots(cloud: Cloud) -> list[str]:
    held = cloud.client("redshift").describe_cluster_snapshots()["Snapshots"]
    names = cloud.serverless.snapshots + [snapshot["SnapshotIdentifier"] for snapshot in held]
    return [name for name in names if name.startswith(f"{cloud.options.name}-final-")]


@pytest.mark.parametrize("kind", KINDS)
def test_delete_takes_no_snapshot_when_told_so(make_cloud: Callable[..., Cloud], kind: str) -> None:
    cloud = make_cloud(kind)
    cloud.create()
    cloud.delete(final_snapshot=False)
    assert "Its data is lost" in "\n".join(cloud.said)
    assert snapshots(cloud) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_delete_that_died_after_any_change_is_completed_by_the_next(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    whole = make_cloud(kind)
    whole.create()
    created = len(whole.changes)
    whole.delete()
    for changes in range(created + 1, len(whole.changes) + 1):
        cloud = make_cloud(kind)
        cloud.create()
        cloud.dies_after = changes
        with pytest.raises(Killed):
            cloud.delete()
        cloud.delete()
        assert cloud.changes == whole.changes, f"died after {cloud.changes[changes - 1]}"
        assert "Nothing of it exists." in cloud.status()
        assert len(snapshots(cloud)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_create_left_when_it_died_can_be_deleted(make_cloud: Callable[..., Cloud], kind: str) -> None:
    whole = make_cloud(kind)
    whole.create()
    for changes in range(1, len(whole.changes) + 1):
        cloud = make_cloud(kind)
        cloud.dies_after = changes
        with pytest.raises(Killed):
            cloud.create()
        cloud.delete()
        assert "Nothing of it exists." in cloud.status(), f"died after {cloud.changes[changes - 1]}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_warehouse_can_be_created_while_its_predecessor_is_being_deleted(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind)
    cloud.create()
    cloud.dies_after = len(cloud.changes) + (2 if kind == "serverless" else 1)
    with pytest.raises(Killed):
        cloud.delete()
    cloud.create()
    assert "AVAILABLE" in cloud.status().upper()


def test_delete_shows_what_will_go_and_deletes_nothing_without_consent(cloud: Cloud) -> None:
    cloud.create()
    before = cloud.status()
    cloud.said.clear()
    cloud.delete(agrees=False)
    told = "\n".join(cloud.said)
    for kind in ("role", "security group", "namespace", "workgroup", "usage limit"):
        assert re.search(rf"^  {kind}\b", told, re.MULTILINE)
    assert "Nothing was deleted." in told
    assert cloud.status() == before


def test_a_security_group_that_aws_still_uses_is_tried_again(
    cloud: Cloud, listen: Callable[..., None]
) -> None:
    cloud.create()
    answers = iter([True, True, False])

    def refuse(parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
        if next(answers, False):
            http_response.status_code = 400
            parsed.clear()
            parsed["Error"] = {"Code": "DependencyViolation", "Message": "in use"}
            parsed["ResponseMetadata"] = {}

    # moto lets a security group go while a workgroup that it does not know is in it.
    listen("after-call.ec2.DeleteSecurityGroup", refuse)
    cloud.delete()
    assert any("in use" in line for line in cloud.said)


# What AWS refuses


@pytest.mark.parametrize(
    ("operation", "refusal", "told"),
    [
        (
            "CreateNamespace",
            "AccessDeniedException",
            r"redshift-serverless:CreateNamespace .*docs/iam-policy.json",
        ),
        ("GetNamespace", "AccessDeniedException", r"redshift-serverless:GetNamespace .*docs/iam-policy.json"),
        ("GetWorkgroup", "ExpiredTokenException", r"redshift-serverless:GetWorkgroup .*log in again"),
        (
            "CreateWorkgroup",
            "InsufficientCapacityException",
            r"redshift-serverless:CreateWorkgroup .*try later",
        ),
        ("CreateWorkgroup", "ConflictException", r"redshift-serverless:CreateWorkgroup .*another --name"),
        (
            "CreateUsageLimit",
            "ServiceQuotaExceededException",
            r"redshift-serverless:CreateUsageLimit .*Quotas",
        ),
        (
            "CreateWorkgroup",
            "ValidationException",
            r"redshift-serverless:CreateWorkgroup .*the message of AWS",
        ),
        (
            "BatchExecuteStatement",
            "AccessDeniedException",
            r"redshift-data:BatchExecuteStatement .*iam-policy",
        ),
    ],
)
def test_a_refusal_names_the_action_and_what_to_do(
    cloud: Cloud, operation: str, refusal: str, told: str
) -> None:
    cloud.serverless.refuse[operation] = (refusal, "the message of AWS")
    with pytest.raises(ProvisioningFailed, match=told):
        cloud.create()


def test_a_final_snapshot_that_cannot_be_taken_can_be_skipped(cloud: Cloud) -> None:
    cloud.create()
    cloud.serverless.refuse["DeleteNamespace"] = ("ValidationException", "no snapshot without a workgroup")
    with pytest.raises(ProvisioningFailed, match="--skip-final-snapshot"):
        cloud.delete()
    cloud.serverless.refuse.clear()
    cloud.delete(final_snapshot=False)
    assert "Nothing of it exists." in cloud.status()


def test_a_refusal_half_way_is_completed_once_it_is_cured(cloud: Cloud) -> None:
    cloud.serverless.refuse["CreateUsageLimit"] = ("ServiceQuotaExceededException", "too many")
    with pytest.raises(ProvisioningFailed):
        cloud.create()
    cloud.serverless.refuse.clear()
    cloud.create()
    assert "RPU-hours a day" in cloud.status()


def test_what_does_not_finish_in_time_is_told_and_can_be_waited_for_again(cloud: Cloud) -> None:
    cloud.serverless.stuck = True
    hurried = Aws(cloud.recorder.session, cloud.said.append, poll_seconds=0, timeout_seconds=0)
    with pytest.raises(
        ProvisioningFailed, match=r"namespace .* is still MODIFYING .*Run the same command again"
    ):
        commands.create(hurried, cloud.options)
    cloud.serverless.stuck = False
    cloud.create()


def test_a_cluster_that_is_paused_is_not_waited_for(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud("provisioned")
    cloud.create()
    cloud.client("redshift").pause_cluster(ClusterIdentifier=cloud.options.name)
    with pytest.raises(ProvisioningFailed, match="is paused"):
        cloud.create()
    cloud.delete()


def test_a_bucket_in_another_region_is_refused_before_anything_is_created(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(
        Bucket=cloud.options.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(ProvisioningFailed, match=r"is in eu-west-1.*--region eu-west-1"):
        cloud.create()
    assert "Nothing of it exists." in cloud.status()


def test_without_credentials_the_command_says_how_to_get_them(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["status"]) == 1
    assert "No AWS credentials for sts:GetCallerIdentity" in capsys.readouterr().err
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main(["status"]) == 1
    assert "nobody" in capsys.readouterr().err


def test_without_a_region_or_a_way_to_aws_the_command_says_so(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["status"]) == 1
    assert "AWS cannot be reached for sts:GetCallerIdentity" in capsys.readouterr().err
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["status"]) == 1
    assert "--region" in capsys.readouterr().err


# The command line


def test_the_command_creates_and_prints_the_lines_for_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    assert main(["create", "--name", cloud.options.name, "--bucket", "my-lake", "--base-capacity", "8"]) == 0
    printed = capsys.readouterr().out
    assert "\nAIRFLOW_CONN_REDSHIFT='{" in printed
    assert "\nMUSICIAN_BUCKET=my-lake\n" in printed
    assert main(["status", "--name", cloud.options.name]) == 0
    assert "8 RPU" in capsys.readouterr().out


def test_the_command_asks_before_it_deletes_unless_told_yes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = cloud.options.name
    cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=list(TAGS))
    monkeypatch.setattr("builtins.input", lambda _question: "")
    assert main(["delete", "--name", name]) == 0
    assert "Nothing was deleted." in capsys.readouterr().out
    assert main(["delete", "--name", name, "--yes"]) == 0
    assert "Deleted the role" in capsys.readouterr().out
    assert main(["delete", "--name", name, "--yes"]) == 0
    assert "Nothing of" in capsys.readouterr().out


def test_an_option_wins_over_its_variable_and_a_bad_value_is_named() -> None:
    environ = {"MUSICIAN_REDSHIFT_NAME": "from-environment", "MUSICIAN_BUCKET": "a-lake"}
    assert Options.parse({}, environ).name == "from-environment"
    assert Options.parse({"name": "from-option"}, environ).name == "from-option"
    for given in ({"name": "Two Words"}, {"kind": "large"}, {"nodes": "0"}, {"base_capacity": "5"}):
        with pytest.raises(PipelineError, match="--" + next(iter(given)).replace("_", "-")):
            Options.parse(given, environ)
    with pytest.raises(SettingInvalid, match="MUSICIAN_REDSHIFT_SUBNET_IDS"):
        Options.parse({}, {"MUSICIAN_REDSHIFT_SUBNET_IDS": "here"})


# The policy of the person who runs it


def test_the_policy_in_the_docs_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "--name", "musician-warehouse", "--bucket", "musician-warehouse"]) == 0
    document = Path(__file__).parents[2] / "docs" / "iam-policy.json"
    assert document.read_text() == capsys.readouterr().out


def test_the_policy_allows_every_call_that_is_made_and_lists_none_that_is_not(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud("serverless")
    cloud.create()
    cloud.create(base_capacity=8, daily_rpu_hours=9, allow_cidr=(OFFICE,))
    cloud.status()
    cloud.delete()
    other = make_cloud("provisioned")
    _, subnets = network(other)
    other.create(subnet_ids=subnets)
    other.create(subnet_ids=subnets, allow_cidr=(OFFICE,))
    other.delete()
    assert cloud.calls | other.calls == CALLS
    allowed = [action for statement in policy("a", "b")["Statement"] for action in statement["Action"]]
    assert cloud.calls | other.calls <= set(allowed)


def test_the_policy_names_no_action_twice_and_limits_what_it_can() -> None:
    statements = policy("some-name", "some-lake")["Statement"]
    actions = [action for statement in statements for action in statement["Action"]]
    assert len(actions) == len(set(actions))
    by_sid = {statement["Sid"]: statement for statement in statements}
    assert by_sid["CopyRole"]["Resource"] == ["arn:aws:iam::*:role/some-name"]
    assert by_sid["LakeRegion"]["Resource"] == ["arn:aws:s3:::some-lake"]
