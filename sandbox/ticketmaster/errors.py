"""The stand-in's errors, with the bodies as recorded."""

from typing import Literal

import msgspec

from sandbox.faults import Response


def error(
    status: int,
    code: str,
    detail: str,
    text: str = "400 BAD_REQUEST",
    link: Literal["about", "self"] = "about",
) -> Response:
    error = {
        "_links": {link: {"href": f"/discovery/v2/errors.html#{code}"}},
        "code": code,
        "detail": detail,
        "status": text,
    }
    return Response(status, msgspec.json.encode({"errors": [error]}))


def too_deep(limit: int) -> Response:
    detail = f"API Limits Exceeded: Max paging depth exceeded. (page * size) must be less than {limit:,}"
    return error(400, "DIS1035", detail)


def gateway_fault(status: int, text: str, code: str) -> Response:
    body = {"fault": {"faultstring": text, "detail": {"errorcode": code}}}
    return Response(status, msgspec.json.encode(body), {"Content-Type": "application/json"})


def spike_arrest(rate: float) -> Response:
    allowed = (
        f"MessageRate{{messagesPerPeriod={rate:g}, periodInMicroseconds=1000000, maxBurstMessageCount=1.0}}"
    )
    return gateway_fault(
        429, f"Spike arrest violation. Allowed rate : {allowed}", "policies.ratelimit.SpikeArrestViolation"
    )


def quota_violation(key: str) -> Response:
    """The body contains the key in clear text, like the real one."""
    text = f"Rate limit quota violation. Quota limit  exceeded. Identifier : {key}"
    return gateway_fault(429, text, "policies.ratelimit.QuotaViolation")
