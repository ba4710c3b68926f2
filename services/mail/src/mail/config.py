"""Settings of the mail service."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from servicekit.config import Port, Settings


def host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must be host:port, e.g. mail.example.com:25")
    return value


class MailSettings(Settings):
    mail_database_url: str
    # Where files live: an absolute folder as file:///…, or s3://bucket/prefix and whatever else obstore can open.
    mail_files_url: str

    smtp_host: str = "127.0.0.1"
    # 0: a free port.
    smtp_port: Port = 2525
    # The name in the greeting and after EHLO; empty: the machine's own.
    smtp_name: str = ""
    # LMTP (RFC 2033) where another server of ours receives and hands over to this one.
    smtp_lmtp: bool = False
    # Bytes of one mail, announced by the SIZE extension (RFC 1870).
    smtp_max_size: int = 25 * 1024 * 1024
    smtp_max_recipients: int = 100
    smtp_max_connections: int = 500
    # Bytes of all mails held in memory at one moment. A mail is held twice for an instant, when its pieces are joined.
    smtp_max_held: int = 256 * 1024 * 1024
    smtp_idle_seconds: float = 60
    # From DATA to the last byte.
    smtp_data_seconds: float = 300
    # PEM files; both or neither. With them STARTTLS (RFC 3207) is offered.
    smtp_certificate: Path | None = None
    smtp_private_key: Path | None = None

    # Tasks of one ingest process at a time, and children that parse. Together they keep two cores busy.
    ingest_tasks: int = 2
    ingest_parsers: int = 2

    # Where mails are handed over, as host:port; empty: each becomes a file <message id>.eml in the folder mail_outbox.
    smtp_relay: Annotated[str, AfterValidator(host_and_port)] = ""
    # starttls: a connection that is not encrypted is not used. Empty: starttls where there is a user, else none.
    smtp_relay_tls: Literal["", "none", "starttls", "tls"] = ""
    smtp_relay_user: str = ""
    smtp_relay_password: SecretStr = SecretStr("")
    # For connecting, for each answer and each 64 KiB sent; the answer to a mail may take ten times as long.
    smtp_relay_timeout: float = 60
    mail_outbox: Path | None = None
    # Mails sent at a time by one process.
    send_tasks: int = 4

    # Bytes of all attachments of one reply.
    reply_max_bytes: int = 20 * 1024 * 1024
    # More mails of one address within an hour open tickets without an answer.
    acknowledgements_an_hour: int = 5
    # So do more mails to one organization within a minute.
    acknowledgements_a_minute: int = 600
