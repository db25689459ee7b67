"""What moto does not create from the template is checked in it: cfn-lint resolves its functions."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from include.lake.bucket import Bucket
from include.lake.bucket_setup import ensure_bucket
from include.provision.stack import TEMPLATE

_LOADED = cfn_yaml.load(str(TEMPLATE))
RESOURCES: dict[str, Any] = _LOADED["Resources"]
PARAMETERS: dict[str, Any] = _LOADED["Parameters"]


def test_cfn_lint_finds_nothing_to_object_to() -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([lint, TEMPLATE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_bucket_is_protected_like_one_that_the_pipeline_creates(s3: Any) -> None:
    ensure_bucket(Bucket(s3, "protected-by-the-pipeline"), 14)
    of_bucket = {"Bucket": "protected-by-the-pipeline"}
    properties = RESOURCES["LakeBucket"]["Properties"]
    closed = s3.get_public_access_block(**of_bucket)["PublicAccessBlockConfiguration"]
    assert closed == dict(properties["PublicAccessBlockConfiguration"])
    [rule] = s3.get_bucket_encryption(**of_bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert [{"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}] == encryption
    ours = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(**of_bucket)["Rules"]}
    theirs = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert set(ours) == set(theirs)
    for name, rule in theirs.items():
        assert (ours[name]["Filter"]["Prefix"], ours[name]["Status"]) == (rule["Prefix"], rule["Status"])
        for key in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
            assert ours[name].get(key) == rule.get(key)
    [statement] = RESOURCES["LakeBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


@pytest.mark.parametrize("resource", ["LakeBucket", "LakeBucketPolicy"])
def test_what_stores_the_lake_outlives_the_stack(resource: str) -> None:
    assert RESOURCES[resource]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[resource]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(
    ("ranges", "opens"),
    [
        ("-,-,-,-", True),
        ("203.0.114.0/24,10.0.0.0/8,198.51.100.7/32,-", True),
        ("0.0.0.0/0,-,-,-", False),
        ("203.0.114.0/24,-,-,0.0.0.0/0", False),
        ("0.0.0.0/1,128.0.0.0/1,-,-", False),
        ("::/0,-,-,-", False),
        ("-,2001:db8::/32,-,-", False),
        ("0.0.0.0,-,-,-", False),
    ],
)
def test_the_template_itself_opens_the_port_to_no_range_wider_than_8_bits(ranges: str, opens: bool) -> None:
    """CloudFormation rejects a parameter that does not match, also one that was typed into its console."""
    assert bool(re.fullmatch(PARAMETERS["Ranges"]["AllowedPattern"], ranges)) == opens


def test_every_range_is_a_parameter_of_ipv4_and_leads_to_redshifts_port_alone() -> None:
    rules = [each["Properties"] for each in RESOURCES.values() if "Ingress" in each["Type"]]
    assert len(rules) == 4
    for rule in rules:
        assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (5439, 5439, "tcp")
        assert "CidrIp" in rule and not {"CidrIpv6", "SourcePrefixListId"} & set(rule)
    assert "SecurityGroupIngress" not in RESOURCES["SecurityGroup"]["Properties"]


def test_redshift_keeps_the_admins_password_itself_and_is_encrypted_and_speaks_tls() -> None:
    namespace, cluster = RESOURCES["Namespace"]["Properties"], RESOURCES["Cluster"]["Properties"]
    assert namespace["ManageAdminPassword"] is cluster["ManageMasterPassword"] is cluster["Encrypted"] is True
    assert not {"AdminUserPassword", "MasterUserPassword"} & {*namespace, *cluster}
    [setting] = RESOURCES["Workgroup"]["Properties"]["ConfigParameters"]
    assert setting == {"ParameterKey": "require_ssl", "ParameterValue": "true"}
