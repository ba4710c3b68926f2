"""The mails that would have left, where no relay takes them: pages for trying Guichê out."""

import os
from collections.abc import Mapping

from all_in_one.outbox.views import pages
from gateway.pages import View
from mail.config import MailSettings


def shown() -> bool:
    """Whether mails stay here, as the environment says."""
    return not os.environ.get("GUICHE_SMTP_RELAY")


def pages_where_needed(settings: MailSettings) -> Mapping[str, View]:
    """None where a relay takes the mails."""
    return pages(settings.mail_outbox) if settings.mail_outbox and not settings.smtp_relay else {}
