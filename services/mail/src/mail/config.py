"""Settings of the mail service."""

from pathlib import Path

from servicekit.config import Settings


class MailSettings(Settings):
    mail_database_url: str
    # Where files live: an absolute folder as file:///…, or s3://bucket/prefix and whatever else obstore can open.
    mail_files_url: str

    smtp_host: str = "127.0.0.1"
    # 0: a free port.
    smtp_port: int = 2525
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
