"""One type for every expected failure, and its way over gRPC: Status with ErrorInfo and BadRequest (AIP-193)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "guiche"


class Violation(NamedTuple):
    """One field that breaks one rule. field: dotted path as in the contract; rule: e.g. "string.max_len"."""

    field: str
    rule: str
    description: str


class Failure(Exception):
    """Something that may happen and that the caller can act on.

    Subclasses name it: `code` is what kind of failure it is for machinery (retries, HTTP status), `reason` what it is
    for the caller, in UPPER_SNAKE_CASE and never changed. `metadata` holds what a screen needs to word it.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.FAILED_PRECONDITION
    reason: ClassVar[str] = "FAILED"

    def __init__(
        self, detail: str, metadata: Mapping[str, str] | None = None, violations: Iterable[Violation] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.metadata = dict(metadata or {})
        self.violations = list(violations)


class InvalidRequest(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_REQUEST"


class Unauthenticated(Failure):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class NotAllowed(Failure):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "NOT_ALLOWED"


class Stale(Failure):
    """The resource has changed since the caller read it."""

    code = grpc.StatusCode.ABORTED
    reason = "STALE"


class BrokenOff(Failure):
    """The caller went away in the middle of what it was sending."""

    # Not CANCELLED, after which a caller that is still there would send everything again.
    code = grpc.StatusCode.ABORTED
    reason = "BROKEN_OFF"


class RemoteFailure(Failure):
    """A failure another service answered, with its own code and reason."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        detail: str,
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[Violation] = (),
    ) -> None:
        super().__init__(detail, metadata, violations)
        self.code = code  # type: ignore[misc]  # of the instance here, since it came over the wire
        self.reason = reason  # type: ignore[misc]


def to_status(failure: Failure) -> grpc.Status:
    status = status_pb2.Status(code=failure.code.value[0], message=failure.detail)
    details = [error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)]
    if failure.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, reason=v.rule, description=v.description)
            for v in failure.violations
        ]
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=fields))
    status.details.add().Pack(details[0])
    return rpc_status.to_status(status)


CODES = {code.value[0]: code for code in grpc.StatusCode}


def from_rpc_error(error: grpc.RpcError) -> Failure:
    """The failure a call ended with. Without ErrorInfo (the neighbour is away, slow, broken) the code is the reason."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    if status is None:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        return RemoteFailure(code, code.name, "The service behind this did not answer as it should.")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    unpack(status.details, info, bad)
    violations = [Violation(v.field, v.reason, v.description) for v in bad.field_violations]
    code = CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason = info.reason or code_pb2.Code.Name(code_pb2.Code.ValueType(status.code))
    return RemoteFailure(code, reason, status.message, dict(info.metadata), violations)


def unpack(
    details: Iterable[any_pb2.Any], info: error_details_pb2.ErrorInfo, bad: error_details_pb2.BadRequest
) -> None:
    for detail in details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
