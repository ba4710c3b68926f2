"""What the gateway itself refuses."""

from collections.abc import Iterable

import grpc

from servicekit.errors import Failure, Violation


class BadInput(Failure):
    """The request does not have the form that the contract asks for. `field` of a violation is a pointer already."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_REQUEST"

    def __init__(self, detail: str, pointer: str, code: str = "INVALID_VALUE", allowed: Iterable[str] = ()) -> None:
        super().__init__(detail, {"allowed": ",".join(allowed)} if allowed else {}, [Violation(pointer, code, detail)])


class UnknownField(BadInput):
    reason = "UNKNOWN_FIELD"


class InvalidJson(BadInput):
    """pointer "": the whole body (RFC 6901)."""

    reason = "INVALID_JSON"

    def __init__(self, detail: str, pointer: str = "", code: str = "INVALID_JSON") -> None:
        super().__init__(detail, pointer, code)


class TooLarge(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "BODY_TOO_LARGE"


class TooManyHeaders(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "TOO_MANY_HEADERS"


class BodyTooSlow(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "BODY_TOO_SLOW"


class MediaTypeUnsupported(BadInput):
    reason = "MEDIA_TYPE_UNSUPPORTED"


class NotSignedIn(Failure):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class CsrfHeaderMissing(Failure):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "CSRF_HEADER_MISSING"


class TooManyRequests(Failure):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_REQUESTS"

    def __init__(self, seconds: float) -> None:
        retry_after = max(1, round(seconds + 0.5))
        super().__init__("Too many requests; wait a moment.", {"retry_after": str(retry_after)})


class TooManyConnections(Failure):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_CONNECTIONS"


class Busy(Failure):
    code = grpc.StatusCode.UNAVAILABLE
    reason = "BUSY"


class AttachmentTooLarge(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "ATTACHMENT_TOO_LARGE"
