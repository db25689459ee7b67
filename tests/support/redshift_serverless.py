"""Redshift Serverless and the Redshift Data API on loopback, because moto has neither (5.2.5).

Every request, and every answer given, is checked against botocore's model of the service. States take one
more look to settle, as they take minutes at AWS. SQL runs in the sandbox's Redshift; the admin's secret is
created in moto's Secrets Manager, and goes with its namespace.
"""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import redshift_connector
from botocore.validate import ParamValidator

from sandbox.services import Services

ACCOUNT = "123456789012"
_MODELS = {
    "RedshiftServerless": botocore.session.get_session().get_service_model("redshift-serverless"),
    "RedshiftData": botocore.session.get_session().get_service_model("redshift-data"),
}


class Refused(Exception):
    """An error answer: its code and its message."""


@dataclass
class Held:
    """An object and what becomes of its status at the next look but one."""

    fields: dict[str, Any]
    becomes: str | None = "AVAILABLE"
    looks: int = 0

    def settle(self) -> bool:
        """One look; whether the object still exists."""
        self.looks += 1
        if self.looks > 1 and self.fields["status"] != self.becomes:
            if self.becomes is None:
                return False
            self.fields["status"] = self.becomes
        return True

    def change(self, status: str, becomes: str | None) -> None:
        self.fields["status"], self.becomes, self.looks = status, becomes, 0


@dataclass
class RedshiftServerless:
    """The account's namespaces, workgroups and usage limits; `refuse` makes operations fail."""

    services: Services
    secrets: Any
    """moto's Secrets Manager, as a boto3 client."""
    endpoint_url: str = ""
    refuse: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Error code and message by operation; the operation is refused as long as it is here."""
    capacities: tuple[int, ...] = (4, 8, 16)
    stuck: bool = False
    """Whether states no longer change."""
    namespaces: dict[str, Held] = field(default_factory=dict)
    workgroups: dict[str, Held] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs_sql: bool = True
    """Whether SQL runs, or is only taken to have run."""

    def answer(self, service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        model = _MODELS[service].operation_model(operation)
        if problems := ParamValidator().validate(given, model.input_shape).generate_report():
            raise Refused("ValidationException", problems)
        if operation in self.refuse:
            raise Refused(*self.refuse[operation])
        result: dict[str, Any] = getattr(self, f"_{operation}")(**given)
        problems = ParamValidator().validate(result, model.output_shape).generate_report()
        assert not problems, f"{operation} answered with {problems}"
        return result

    # Namespaces

    def _CreateNamespace(
        self, namespaceName: str, tags: list[dict[str, str]], **given: Any
    ) -> dict[str, Any]:
        self._must_be_new(self.namespaces, namespaceName)
        assert given.pop("manageAdminPassword")
        password = f"Secret-{uuid.uuid4()}"
        secret = self.secrets.create_secret(
            Name=f"redshift!{namespaceName}-admin",
            SecretString=json.dumps({"username": given["adminUsername"], "password": password}),
        )
        arn = f"arn:aws:redshift-serverless:us-east-1:{ACCOUNT}:namespace/{uuid.uuid4()}"
        fields = {**given, "namespaceName": namespaceName, "namespaceArn": arn, "status": "MODIFYING"}
        fields["adminPasswordSecretArn"] = secret["ARN"]
        self.namespaces[namespaceName], self.tags[arn] = Held(fields), tags
        return {"namespace": fields}

    def _GetNamespace(self, namespaceName: str) -> dict[str, Any]:
        return {"namespace": self._look(self.namespaces, namespaceName)}

    def _DeleteNamespace(self, namespaceName: str, finalSnapshotName: str | None = None) -> dict[str, Any]:
        fields = self._look(self.namespaces, namespaceName)
        if any(held.fields["namespaceName"] == namespaceName for held in self.workgroups.values()):
            raise Refused("ConflictException", "The namespace has a workgroup.")
        if fields["status"] != "AVAILABLE":
            raise Refused("ConflictException", f"The namespace is {fields['status']}.")
        if finalSnapshotName:
            self.snapshots.append(finalSnapshotName)
        self.namespaces[namespaceName].change("DELETING", None)
        self.secrets.delete_secret(SecretId=fields["adminPasswordSecretArn"], ForceDeleteWithoutRecovery=True)
        return {"namespace": fields}

    # Workgroups

    def _CreateWorkgroup(
        self, workgroupName: str, tags: list[dict[str, str]], **given: Any
    ) -> dict[str, Any]:
        self._must_be_new(self.workgroups, workgroupName)
        if self._look(self.namespaces, given["namespaceName"])["status"] != "AVAILABLE":
            raise Refused("ConflictException", "The namespace is not available.")
        if given["baseCapacity"] not in self.capacities:
            raise Refused("ValidationException", "The base capacity is not offered in this region.")
        arn = f"arn:aws:redshift-serverless:us-east-1:{ACCOUNT}:workgroup/{uuid.uuid4()}"
        fields = {**given, "workgroupName": workgroupName, "workgroupArn": arn, "status": "CREATING"}
        self.workgroups[workgroupName], self.tags[arn] = Held(fields), tags
        return {"workgroup": fields}

    def _GetWorkgroup(self, workgroupName: str) -> dict[str, Any]:
        fields = self._look(self.workgroups, workgroupName)
        if fields["status"] == "AVAILABLE":
            host = f"{workgroupName}.{ACCOUNT}.us-east-1.redshift-serverless.amazonaws.com"
            fields["endpoint"] = {"address": host, "port": fields["port"]}
        return {"workgroup": fields}

    def _UpdateWorkgroup(self, workgroupName: str, **given: Any) -> dict[str, Any]:
        fields = self._look(self.workgroups, workgroupName)
        fields.update(given)
        self.workgroups[workgroupName].change("MODIFYING", "AVAILABLE")
        return {"workgroup": fields}

    def _DeleteWorkgroup(self, workgroupName: str) -> dict[str, Any]:
        fields = self._look(self.workgroups, workgroupName)
        if fields["status"] != "AVAILABLE":
            raise Refused("ConflictException", f"The workgroup is {fields['status']}.")
        self.workgroups[workgroupName].change("DELETING", None)
        self.limits = {k: v for k, v in self.limits.items() if v["resourceArn"] != fields["workgroupArn"]}
        return {"workgroup": fields}

    # Usage limits and tags

    def _CreateUsageLimit(self, **given: Any) -> dict[str, Any]:
        if any(limit["resourceArn"] == given["resourceArn"] for limit in self.limits.values()):
            raise Refused("ConflictException", "There is such a limit.")
        limit = {**given, "usageLimitId": str(uuid.uuid4())}
        self.limits[limit["usageLimitId"]] = limit
        return {"usageLimit": limit}

    def _UpdateUsageLimit(self, usageLimitId: str, **given: Any) -> dict[str, Any]:
        self.limits[usageLimitId].update(given)
        return {"usageLimit": self.limits[usageLimitId]}

    def _DeleteUsageLimit(self, usageLimitId: str) -> dict[str, Any]:
        if usageLimitId not in self.limits:
            raise Refused("ResourceNotFoundException", "There is no such limit.")
        return {"usageLimit": self.limits.pop(usageLimitId)}

    def _ListUsageLimits(self, resourceArn: str, usageType: str) -> dict[str, Any]:
        of_type = [limit for limit in self.limits.values() if limit["usageType"] == usageType]
        found = [limit for limit in of_type if limit["resourceArn"] == resourceArn]
        return {"usageLimits": found} if found else {}  # the model has no empty list

    def _ListTagsForResource(self, resourceArn: str) -> dict[str, Any]:
        return {"tags": self.tags[resourceArn]}

    # The Data API

    def _BatchExecuteStatement(
        self, Sqls: list[str], Database: str, SecretArn: str, **given: Any
    ) -> dict[str, Any]:
        if name := given.get("WorkgroupName"):
            workgroup = self._look(self.workgroups, name)
            namespace = self._look(self.namespaces, workgroup["namespaceName"])
            assert (workgroup["status"], namespace["dbName"]) == ("AVAILABLE", Database)
            assert namespace["adminPasswordSecretArn"] == SecretArn
        self.secrets.get_secret_value(SecretId=SecretArn)
        identity = str(uuid.uuid4())
        self.batches[identity] = {"Id": identity, "Status": "FINISHED"}
        if not self.runs_sql:
            return {"Id": identity}
        with redshift_connector.connect(**self.services.redshift, ssl=False) as connection:
            try:
                with connection.cursor() as cursor:
                    for statement in Sqls:
                        cursor.execute(statement)
                connection.commit()
            except redshift_connector.Error as error:
                connection.rollback()
                self.batches[identity] |= {"Status": "FAILED", "Error": f"ERROR: {error.args[0]['M']}"}
        return {"Id": identity}

    def _DescribeStatement(self, Id: str) -> dict[str, Any]:
        return self.batches[Id]

    def _GetCredentials(self, workgroupName: str, dbName: str, durationSeconds: int) -> dict[str, Any]:
        self._look(self.workgroups, workgroupName)
        return {"dbUser": self.services.redshift["user"], "dbPassword": self.services.redshift["password"]}

    # What they share

    def _must_be_new(self, held: dict[str, Held], name: str) -> None:
        if name in held:
            raise Refused("ConflictException", f"{name} exists already.")

    def _look(self, held: dict[str, Held], name: str) -> dict[str, Any]:
        if name in held and not self.stuck and not held[name].settle():
            del held[name]
        if name not in held:
            raise Refused("ResourceNotFoundException", f"{name} does not exist.")
        return held[name].fields


@contextlib.contextmanager
def running(services: Services, secrets: Any) -> Iterator[RedshiftServerless]:
    """Both services on a free port of 127.0.0.1."""
    account = RedshiftServerless(services, secrets)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service, operation = self.headers["X-Amz-Target"].split(".")
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                with lock:
                    status, body = 200, account.answer(service, operation, given)
            except Refused as refused:
                status, body = 400, {"__type": refused.args[0], "message": refused.args[1]}
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        account.endpoint_url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield account
        finally:
            server.shutdown()
