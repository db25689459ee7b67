"""The stack, created, changed and deleted in moto's CloudFormation over HTTP.

What moto 5.2.5 lacks is added to its responses here: Redshift Serverless, batches of the Data API (their SQL runs
in the sandbox's Redshift), the secrets of the stack and of the admin, and termination protection.
"""

import ast
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import redshift_connector
from botocore.exceptions import ClientError

from include.errors import ProvisioningFailed, SettingInvalid
from include.provision import commands
from include.provision.__main__ import main
from include.provision.aws import Aws
from include.provision.options import Options
from include.provision.stack import TEMPLATE
from sandbox.services import Services

OFFICE = IPv4Network("203.0.114.0/24")
KINDS = ("serverless", "provisioned")
WORKGROUP = "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/1f2e"


class KeptSession(boto3.Session):
    """A session that creates each client only once, because that is slow."""

    def __init__(self) -> None:
        super().__init__(region_name="us-east-1")
        self.kept: dict[str, Any] = {}

    def client(self, service: str, **options: Any) -> Any:
        if service not in self.kept:
            self.kept[service] = super().client(service, **options)
        return self.kept[service]


class HookedSession(KeptSession):
    """The session of the commands, whose calls go through the hooks of the test's cloud."""

    HOOKS = {
        "before-call.redshift-serverless": "answer",
        "before-call.redshift-data": "answer",
        "before-call.cloudformation.UpdateTerminationProtection": "protect",
        "before-call.secrets-manager.GetSecretValue": "make_secret",
        "before-parameter-build.redshift": "name_cluster",
        "after-call.redshift.DescribeClusters": "add_secret",
        "after-call.cloudformation.DescribeStacks": "roll_back",
        "after-call.cloudformation.DescribeStackEvents": "fail",
        "before-call": "note",
    }

    def __init__(self) -> None:
        super().__init__()
        self.cloud: Any = None
        for event, hook in self.HOOKS.items():
            self.events.register(event, lambda hook=hook, **given: getattr(self.cloud, hook)(**given))


@dataclass
class Cloud:
    """A warehouse of its own in moto, with what moto lacks."""

    services: Services
    options: Options
    plain: KeptSession
    """For the test's own calls."""
    hooked: HookedSession
    runs_sql: bool = False
    said: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """The actions that changed something, in order."""
    limits: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    snapshot_status: str = "AVAILABLE"
    is_protected: bool = False
    sql: list[tuple[str, list[str]]] = field(default_factory=list)
    """Who ran which statements."""
    rolled_back: bool = False
    """Whether what moto created is reported as failed."""
    failure: list[tuple[str, str, str]] = field(default_factory=list)
    """The events of a failing stack: resource (empty for the stack itself), status, reason."""

    def aws(self) -> Aws:
        self.hooked.cloud = self
        return Aws(self.hooked, self.said.append, poll_seconds=0)

    def create(self, agrees: bool = True, **options: Any) -> None:
        commands.create(self.aws(), replace(self.options, **options), self.asked(agrees))

    def delete(self, agrees: bool = True, final_snapshot: bool = True) -> None:
        commands.delete(self.aws(), self.options, self.asked(agrees), final_snapshot=final_snapshot)

    def status(self) -> str:
        self.said.clear()
        commands.status(self.aws(), self.options)
        return "\n".join(self.said)

    def asked(self, agrees: bool) -> Callable[[str], bool]:
        return lambda question: self.questions.append(question) is None and agrees

    def client(self, service: str) -> Any:
        return self.plain.client(service)

    def stack(self) -> dict[str, Any] | None:
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.options.name)["Stacks"]
        except ClientError:
            return None
        return dict(stacks[0])

    # What moto lacks

    def note(self, model: Any, **_: Any) -> None:
        if not re.match("Get|List|Describe|BatchExecute", model.name):
            self.calls.append(f"{model.service_model.signing_name}:{model.name}")

    def answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        self.note(model)
        given = json.loads(params["body"])
        if model.name in ("GetWorkgroup", "GetNamespace") and (
            self.stack() is None or self.options.kind == "provisioned"
        ):
            error = {"Code": "ResourceNotFoundException", "Message": "There is none."}
            return SimpleNamespace(status_code=404), {"Error": error, "ResponseMetadata": {}}
        return SimpleNamespace(status_code=200), getattr(self, f"_{model.name}")(**given)

    def protect(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        self.note(model)
        self.is_protected = params["body"]["EnableTerminationProtection"] == "true"
        return SimpleNamespace(status_code=200), {}

    def make_secret(self, params: dict[str, Any], **_: Any) -> None:
        """The loader's secret, which moto does not create with the stack: it is created when it is read."""
        secrets = self.client("secretsmanager")
        name = json.loads(params["body"])["SecretId"]
        if not secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]:
            login = {"username": "musician_loader", "password": f"Secret-{uuid.uuid4()}"}
            secrets.create_secret(Name=name, SecretString=json.dumps(login))

    def name_cluster(self, params: dict[str, Any], **_: Any) -> None:
        """moto's CloudFormation gives the cluster a name of its own."""
        held = self.client("redshift").describe_clusters()["Clusters"]
        ours = [
            found["ClusterIdentifier"] for found in held if self.options.name in found["ClusterIdentifier"]
        ]
        if ours and "ClusterIdentifier" in params:
            params["ClusterIdentifier"] = ours[0]

    def add_secret(self, parsed: dict[str, Any], **_: Any) -> None:
        for cluster in parsed.get("Clusters", []):
            cluster["MasterPasswordSecretArn"] = "the admin"
            cluster["Endpoint"]["Address"] = f"{self.options.name}.1f2e.us-east-1.redshift.amazonaws.com"

    def roll_back(self, parsed: dict[str, Any], **_: Any) -> None:
        if self.rolled_back and "cloudformation:DeleteStack" not in self.calls and "Stacks" in parsed:
            parsed["Stacks"][0]["StackStatus"] = "ROLLBACK_COMPLETE"

    def fail(self, parsed: dict[str, Any], **_: Any) -> None:
        if self.failure and "cloudformation:ExecuteChangeSet" in self.calls:
            first = parsed["StackEvents"][0]
            parsed["StackEvents"] = [
                first
                | {"EventId": what, "LogicalResourceId": what, "ResourceStatus": status}
                | {"PhysicalResourceId": "" if what else first["StackId"], "ResourceStatusReason": reason}
                for what, status, reason in reversed(self.failure)
            ]

    def _GetWorkgroup(self, workgroupName: str) -> dict[str, Any]:
        host = f"{workgroupName}.123456789012.us-east-1.redshift-serverless.amazonaws.com"
        found = {"workgroupId": "1f2e", "workgroupArn": WORKGROUP, "status": "AVAILABLE", "baseCapacity": 4}
        return {"workgroup": found | {"endpoint": {"address": host, "port": 5439}}}

    def _GetNamespace(self, namespaceName: str) -> dict[str, Any]:
        return {"namespace": {"dbName": "musician", "adminPasswordSecretArn": "the admin"}}

    def _ListUsageLimits(self, **_: Any) -> dict[str, Any]:
        return {"usageLimits": self.limits}

    def _CreateUsageLimit(self, **given: Any) -> dict[str, Any]:
        self.limits.append(given | {"usageLimitId": "limit"})
        return {}

    def _UpdateUsageLimit(self, usageLimitId: str, amount: int) -> dict[str, Any]:
        self.limits[0]["amount"] = amount
        return {}

    def _CreateSnapshot(self, namespaceName: str, snapshotName: str) -> dict[str, Any]:
        self.snapshots.append(snapshotName)
        return {}

    def _GetSnapshot(self, snapshotName: str) -> dict[str, Any]:
        return {"snapshot": {"status": self.snapshot_status}}

    def _BatchExecuteStatement(self, Sqls: list[str], SecretArn: str, **_: Any) -> dict[str, Any]:
        login = self.services.redshift
        if SecretArn != "the admin":
            held = json.loads(
                self.client("secretsmanager").get_secret_value(SecretId=SecretArn)["SecretString"]
            )
            login = login | {"user": held["username"], "password": held["password"]}
        self.sql.append((login["user"], Sqls))
        self.error = None
        if not self.runs_sql:
            return {"Id": "batch"}
        with redshift_connector.connect(**login, ssl=False) as connection, connection.cursor() as cursor:
            try:
                for statement in Sqls:
                    cursor.execute(statement)
                connection.commit()
            except redshift_connector.Error as error:
                connection.rollback()
                self.error = f"ERROR: {error.args[0]['M']}"
        return {"Id": "batch"}

    def _DescribeStatement(self, Id: str) -> dict[str, Any]:
        return {"Status": "FAILED", "Error": self.error} if self.error else {"Status": "FINISHED"}


@pytest.fixture(scope="module")
def sessions() -> tuple[KeptSession, HookedSession]:
    return KeptSession(), HookedSession()


@pytest.fixture
def make_cloud(
    services: Services,
    sessions: tuple[KeptSession, HookedSession],
    redshift: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Cloud]]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", services.aws.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", services.aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", services.aws.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", services.aws.region_name)
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    def make(kind: str = "serverless", *, runs_sql: bool = False) -> Cloud:
        name = f"musician-{uuid.uuid4().hex[:8]}"
        options = Options(bucket=f"lake-{name}", name=name, kind=kind)
        return Cloud(services, options, *sessions, runs_sql)

    yield make
    with redshift.cursor() as cursor:
        cursor.execute("select count(*) from pg_user where usename = 'musician_loader'")
        if cursor.fetchone()[0]:
            cursor.execute("drop owned by musician_loader cascade")
            cursor.execute("drop user musician_loader")
    redshift.commit()


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()


def environment(cloud: Cloud) -> dict[str, str]:
    """The variables that the lines for .env set."""
    pairs = (line.split("=", 1) for line in cloud.said if re.match(r"[A-Z_]+=", line))
    return {name: value.strip("'") for name, value in pairs}


@pytest.mark.parametrize("kind", KINDS)
def test_create_ends_with_a_loader_that_owns_its_schemas_and_the_lines_for_the_environment(
    make_cloud: Callable[..., Cloud], redshift: Any, kind: str
) -> None:
    cloud = make_cloud(kind, runs_sql=True)
    cloud.create()
    lines = environment(cloud)
    connection = json.loads(lines["AIRFLOW_CONN_REDSHIFT"])
    assert connection["host"].startswith(f"{cloud.options.name}.")
    assert (connection["port"], connection["schema"], set(connection["extra"])) == (
        5439, "musician", {"secret_arn"}
    )  # fmt: skip
    assert json.loads(lines["AIRFLOW_CONN_AWS_DEFAULT"])["extra"] == {"region_name": "us-east-1"}
    role = f"arn:aws:iam::123456789012:role/{cloud.options.name}-copy"
    assert (lines["MUSICIAN_BUCKET"], lines["MUSICIAN_COPY_ROLE_ARN"]) == (cloud.options.bucket, role)
    secret = cloud.client("secretsmanager").get_secret_value(SecretId=connection["extra"]["secret_arn"])
    assert json.loads(secret["SecretString"])["username"] == "musician_loader"
    with redshift.cursor() as cursor:
        cursor.execute(
            "select nspname, nspowner::regrole::text from pg_namespace "
            "where nspname in ('staging', 'audit', 'dwh', 'analytics')"
        )
        assert dict(cursor.fetchall()) == dict.fromkeys(
            ("staging", "audit", "dwh", "analytics"), "musician_loader"
        )
        cursor.execute("select usesuper or usecreatedb from pg_user where usename = 'musician_loader'")
        assert cursor.fetchall() == ([False],)
    assert cloud.is_protected


@pytest.mark.parametrize("kind", KINDS)
def test_creating_again_changes_nothing_and_prints_the_same_lines(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind, runs_sql=True)
    cloud.create(allow_cidr=(OFFICE,))
    lines = environment(cloud)
    assert cloud.questions == ["Make these changes?"]
    cloud.said.clear()
    cloud.create(kind=None, bucket=None)
    assert cloud.questions == ["Make these changes?"]
    assert f"The stack {cloud.options.name} is up to date." in cloud.said
    assert environment(cloud) == lines
    assert f"open to {OFFICE}" in cloud.status()


def test_the_changes_are_shown_and_not_made_without_consent(cloud: Cloud) -> None:
    cloud.create(agrees=False)
    shown = "\n".join(cloud.said)
    for part in (r"Add +LakeBucket +AWS::S3::Bucket", r"Add +CopyRole +AWS::IAM::Role", r"Add +Workgroup "):
        assert re.search(part, shown)
    assert cloud.said[-1] == "Nothing was changed."
    assert cloud.stack() is None
    cloud.create()
    assert re.search(r"\d\d:\d\d:\d\d .* CREATE_COMPLETE", "\n".join(cloud.said))


def test_the_role_of_copy_trusts_the_loader_of_this_workgroup_and_reads_the_lake(cloud: Cloud) -> None:
    cloud.create()
    parameters = (cloud.stack() or {})["Parameters"]
    assert {"ParameterKey": "WorkgroupId", "ParameterValue": "1f2e"} in parameters
    cloud.client("cloudformation").delete_stack(StackName=cloud.options.name)
    cloud.client("cloudformation").create_stack(  # moto changes no role when only a parameter changes
        StackName=cloud.options.name, TemplateBody=TEMPLATE.read_text(), Parameters=parameters
    )
    iam, name = cloud.client("iam"), f"{cloud.options.name}-copy"
    [trust] = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    user = "arn:aws:redshift:us-east-1:123456789012:dbuser"
    assert trust["Principal"] == {"Service": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": [
        f"{user}:{cloud.options.name}/musician_loader",
        f"{user}:serverless-123456789012-1f2e/musician_loader",
    ]}}  # fmt: skip
    lake = f"arn:aws:s3:::{cloud.options.bucket}"
    [policy] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    statements = ast.literal_eval(document)[
        "Statement"
    ]  # moto stores what CloudFormation gave it, unserialized
    assert [(s["Effect"], s["Action"], s["Resource"]) for s in statements] == [
        ("Allow", ["s3:GetBucketLocation", "s3:ListBucket"], lake),
        ("Allow", "s3:GetObject", [f"{lake}/{each}" for each in ("lake/*", "manifests/*", "rehearsal_*")]),
    ]


def test_the_port_is_closed_until_it_is_opened_to_ranges_and_can_be_closed_again(cloud: Cloud) -> None:
    cloud.create()
    assert "Its port is closed" in "\n".join(cloud.said)
    assert Options.parse({"allow_cidr": "none"}, {}).parameters()["Ranges"] == "-,-,-,-"
    opened = Options.parse({"allow_cidr": f"{OFFICE},10.0.0.0/8"}, {}).parameters()
    assert (opened["Ranges"], opened["Public"]) == (f"{OFFICE},10.0.0.0/8,-,-", "true")
    assert Options.parse({"allow_cidr": "172.31.0.0/16"}, {}).parameters()["Public"] == "false"


def test_a_range_opens_the_port_to_it_alone(cloud: Cloud) -> None:
    cloud.create(allow_cidr=(OFFICE,))
    filters = [{"Name": "group-name", "Values": [cloud.options.name]}]
    [group] = cloud.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    [rule] = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (5439, 5439)
    assert [given["CidrIp"] for given in rule["IpRanges"]] == [str(OFFICE)]


def test_a_serverless_warehouse_has_a_daily_limit_which_changes_only_on_request(cloud: Cloud) -> None:
    cloud.create()
    [limit] = cloud.limits
    assert (limit["period"], limit["amount"], limit["breachAction"]) == ("daily", 8, "deactivate")
    assert limit["resourceArn"] == WORKGROUP
    shown = cloud.status()
    for part in ("AVAILABLE, 4 RPU", "UPDATE_COMPLETE", "$1.50 an hour while queries run", "$3.00 a day"):
        assert part in shown
    cloud.create(daily_rpu_hours=20)
    cloud.create()
    assert [limit["amount"] for limit in cloud.limits] == [20]


@pytest.mark.parametrize(
    ("node_type", "nodes", "said"),
    [
        ("ra3.large", 2, "It costs $1.09 an hour (2 x ra3.large), used or not"),
        (
            "ra3.4xlarge",
            3,
            "It costs 3 times the hourly price of ra3.4xlarge, used or not, which is not known here",
        ),
    ],
)
def test_the_status_of_a_cluster_says_what_an_hour_costs_or_where_to_look(
    make_cloud: Callable[..., Cloud], node_type: str, nodes: int, said: str
) -> None:
    cloud = make_cloud("provisioned")
    cloud.create(node_type=node_type, nodes=nodes)
    shown = cloud.status()
    assert said in shown
    assert f"{nodes} x {node_type}" in shown
    assert "https://aws.amazon.com/redshift/pricing/" in shown


def test_no_password_is_printed_or_in_a_statement(cloud: Cloud) -> None:
    cloud.create()
    assert "Secret-" not in repr((cloud.said, cloud.sql))
    assert {user for user, _ in cloud.sql} == {"musician", "musician_loader"}
    created = [statement for user, batch in cloud.sql for statement in batch if user == "musician"]
    assert not [
        statement for statement in created if statement.startswith("create table")
    ]  # they are the loader's


def test_an_existing_bucket_is_used_and_stays_outside_the_stack(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket=cloud.options.bucket)
    cloud.create()
    assert "stays outside the stack" in "\n".join(cloud.said)
    assert environment(cloud)["MUSICIAN_BUCKET"] == cloud.options.bucket


def test_a_bucket_in_another_region_is_rejected_before_anything_is_created(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(
        Bucket=cloud.options.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(ProvisioningFailed, match=r"is in eu-west-1.*--region eu-west-1"):
        cloud.create()
    assert cloud.stack() is None


def test_a_stack_that_another_tool_created_is_neither_changed_nor_deleted(cloud: Cloud) -> None:
    template = {
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}}
    }
    cloud.client("cloudformation").create_stack(
        StackName=cloud.options.name, TemplateBody=json.dumps(template)
    )
    for command in (cloud.create, cloud.delete, cloud.status):
        with pytest.raises(ProvisioningFailed, match="this command did not create it"):
            command()
    assert cloud.calls == []


def test_a_warehouse_of_the_other_kind_stops_create(cloud: Cloud) -> None:
    cloud.create()
    with pytest.raises(ProvisioningFailed, match=r"is serverless: delete it first"):
        cloud.create(kind="provisioned")


@pytest.mark.parametrize("kind", KINDS)
def test_delete_takes_a_snapshot_first_and_leaves_the_bucket(
    make_cloud: Callable[..., Cloud], kind: str
) -> None:
    cloud = make_cloud(kind)
    cloud.create()
    cloud.calls.clear()
    cloud.delete()
    take = {
        "serverless": "redshift-serverless:CreateSnapshot",
        "provisioned": "redshift:CreateClusterSnapshot",
    }
    assert cloud.calls == [
        take[kind], "cloudformation:UpdateTerminationProtection", "cloudformation:DeleteStack"
    ]  # fmt: skip
    assert cloud.stack() is None
    assert "There is no warehouse" in cloud.status()


def test_delete_shows_what_it_would_delete_and_deletes_nothing_without_consent(cloud: Cloud) -> None:
    cloud.create()
    cloud.said.clear()
    cloud.delete(agrees=False)
    shown = "\n".join(cloud.said)
    assert re.search(rf"^  CopyRole +{cloud.options.name}-copy$", shown, re.MULTILINE)
    assert "LakeBucket" not in shown
    assert cloud.said[-1] == "Nothing was deleted."
    assert cloud.stack() is not None
    assert cloud.is_protected


def test_without_a_snapshot_nothing_is_deleted_unless_it_is_to_be_skipped(cloud: Cloud) -> None:
    cloud.create()
    cloud.snapshot_status = "FAILED"
    with pytest.raises(ProvisioningFailed, match=r"nothing was deleted.*--skip-final-snapshot"):
        cloud.delete()
    assert cloud.stack() is not None
    cloud.snapshots.clear()
    cloud.delete(final_snapshot=False)
    assert "Its data will be lost" in "\n".join(cloud.said)
    assert (cloud.stack(), cloud.snapshots) == (None, [])


def test_sql_that_redshift_rejects_is_reported_with_its_reason(
    make_cloud: Callable[..., Cloud], redshift: Any
) -> None:
    cloud = make_cloud(runs_sql=True)
    with redshift.cursor() as cursor:
        cursor.execute("create schema dwh")  # the admin's own
    redshift.commit()
    with pytest.raises(ProvisioningFailed, match=r"Redshift rejected the statements .* permission denied"):
        cloud.create()
    with redshift.cursor() as cursor:
        cursor.execute("drop schema dwh cascade")
    redshift.commit()
    cloud.create()


def test_a_stack_that_fails_is_reported_with_the_first_reason(cloud: Cloud) -> None:
    cloud.failure = [
        ("Workgroup", "CREATE_FAILED", "4 RPU are not offered here."),
        ("SecurityGroup", "CREATE_FAILED", "Resource creation cancelled"),
        ("", "ROLLBACK_COMPLETE", ""),
    ]
    told = "ended as ROLLBACK_COMPLETE. Workgroup: 4 RPU are not offered here. Correct the cause"
    with pytest.raises(ProvisioningFailed, match=re.escape(told)):
        cloud.create()


def test_what_a_failed_creation_left_behind_is_removed_by_the_next(cloud: Cloud) -> None:
    cloud.create()
    cloud.calls.clear()
    cloud.rolled_back = True
    cloud.create(bucket=f"another-{cloud.options.name}")
    assert cloud.calls[:3] == [
        f"cloudformation:{call}" for call in ("DeleteStack", "CreateChangeSet", "ExecuteChangeSet")
    ]
    assert "AIRFLOW_CONN_REDSHIFT" in environment(cloud)


# The command line


def test_the_commands_ask_for_confirmation_unless_given_yes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "")
    name = ["--name", cloud.options.name]
    assert main(["create", *name, "--bucket", "a-lake"]) == 0
    assert "Nothing was changed." in capsys.readouterr().out
    assert main(["delete", *name, "--yes"]) == 0
    assert "There is no warehouse" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given",
    [
        {"allow_cidr": "0.0.0.0/0"}, {"allow_cidr": "203.0.114.0/24,0.0.0.0/1"}, {"allow_cidr": "1.2.3.4/24"},
        {"allow_cidr": "::/0"}, {"allow_cidr": "203.0.114.0/24,::/0"}, {"allow_cidr": "::ffff:0:0/96"},
        {"allow_cidr": "10.0.0.0/9,10.1.0.0/16,10.2.0.0/16,10.3.0.0/16,10.4.0.0/16"},
        {"name": "Two Words"}, {"kind": "large"}, {"nodes": "0"}, {"base_capacity": "5"},
    ],
)  # fmt: skip
def test_a_bad_value_is_named_by_its_option(given: dict[str, str]) -> None:
    [option] = given
    with pytest.raises(SettingInvalid, match="--" + option.replace("_", "-")):
        Options.parse(given, {})


def test_an_option_overrides_its_variable() -> None:
    environ = {"MUSICIAN_REDSHIFT_NAME": "from-environment"}
    assert Options.parse({}, environ).name == "from-environment"
    assert Options.parse({"name": "from-option"}, environ).name == "from-option"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS cannot be reached for sts:GetCallerIdentity"),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "No AWS credentials for sts:GetCallerIdentity",
        ),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_DEFAULT_REGION": ""}, "--region"),
    ],
)
def test_what_prevents_access_to_aws_is_reported(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    changes: dict[str, str], told: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    assert main(["status"]) == 1
    assert told in capsys.readouterr().err
