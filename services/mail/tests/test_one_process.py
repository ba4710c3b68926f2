"""Everything in one process, without a broker, as when trying out."""

import smtplib
import threading

from mail_support import MAILBOX, mail

from mail.main import build
from mail.storage.tables import MESSAGES
from servicekit.testing import eventually


def test_hints_reach_the_workers_within_the_process_and_all_ends_when_told(
    settings, account, rows, free_port, tmp_path
):
    service = build(settings(smtp_port=free_port, mail_outbox=tmp_path / "outbox"))
    stop = threading.Event()
    # A hint that comes before the worker has its queue is lost; the scheduler makes up for it, as everywhere.
    loops = [loop for name in ("receiver", "ingest", "send", "scheduler") for loop in service.loops[name]]
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()

    def sent() -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", free_port, timeout=10) as client:
                client.sendmail("ana@example.com", MAILBOX, mail())
        except ConnectionError:
            return False
        return True

    eventually(sent)
    eventually(lambda: rows(MESSAGES), 20)
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    service.database.close()
