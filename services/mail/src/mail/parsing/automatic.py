"""Whether a machine sent a mail, by what it says of itself (RFC 3834, RFC 3464, RFC 8098, RFC 2919)."""

from mail.parsing.headers import first
from mail.parsing.structure import Part, parameters


def automatic(root: Part) -> str:
    fields = root.fields

    def word(name: str) -> str:
        value = first(fields, name)[:500].decode("latin-1")
        return value.partition("(")[0].partition(";")[0].strip().lower()

    present = {name for name, _ in fields}
    precedence = word("precedence")
    if _is_delivery_report(root) or "x-failed-recipients" in present:
        return "bounce"
    if word("auto-submitted") not in ("", "no") or precedence == "auto_reply":
        return "auto-submitted"
    if (
        present & {"x-autoreply", "x-autorespond", "x-autoresponder"}
        or _report_type(root) == "disposition-notification"
    ):
        return "auto-submitted"
    if present & {"list-id", "list-post", "mailing-list"} or precedence == "list":
        return "list"
    return "bulk" if precedence in ("bulk", "junk") else ""


def _report_type(root: Part) -> str:
    if root.kind != "multipart/report":
        return ""
    try:
        value = parameters(root.fields, "content-type").get_param("report-type", "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return value.strip().lower() if isinstance(value, str) else ""


def _is_delivery_report(root: Part) -> bool:
    if _report_type(root) == "delivery-status" or root.kind == "message/delivery-status":
        return True
    return root.kind == "multipart/report" and any(part.kind == "message/delivery-status" for part in root.children)
