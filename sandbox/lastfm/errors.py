"""The bodies of Last.fm's errors, as recorded: several of them come with HTTP 200."""

from typing import Any

import msgspec

from sandbox.faults import Response

_MESSAGES = {
    3: "Invalid Method - No method with that name in this package",
    6: "Invalid parameters - Your request is missing a required parameter",
    8: "Operation failed - Most likely the backend service failed. Please try again.",
    10: "Invalid API key - You must be granted a valid key by last.fm",
    11: "Service Offline - This service is temporarily offline. Try again later.",
    16: "The service is temporarily unavailable, please try again.",
    26: "Suspended API key - Access for your account has been suspended, please contact Last.fm",
    29: "Rate Limit Exceeded - This application has made too many requests in a short period. If this is "
    "your API key, see https://www.last.fm/api/tos#4.4 for information about raising the limit.",
}  # fmt: skip
_STATUSES = {3: 400, 6: 400, 8: 500, 10: 403, 11: 503, 16: 503, 26: 403}


class ErrorResponse(Exception):
    """Raised where the request gets an error body."""

    def __init__(self, response: Response) -> None:
        self.response = response


def error(
    code: int,
    message: str | None = None,
    status: int | None = None,
    links: bool = False,
    swapped: bool = False,
) -> Response:
    """An error body. Recorded ones differ in the order of their keys, and some have empty links."""
    body: dict[str, Any] = {"error": code, "message": message or _MESSAGES[code]}
    if swapped or code in (3, 29):
        body = {"message": body["message"], "error": code}
    if links:
        body["links"] = []
    return Response(status or _STATUSES[code], msgspec.json.encode(body))


def not_found() -> ErrorResponse:
    """Error 6 of an artist that Last.fm does not have."""
    return ErrorResponse(error(6, "The artist you supplied could not be found", status=200, links=True))
