"""Everything in one process, without broker and relay, as when trying out; and with nowhere to send to."""

import threading

import pytest

from mail.main import build
from servicekit.events import topology
from servicekit.testing import eventually


def test_a_reply_becomes_a_file_soon_after_its_release_and_all_ends_when_told(
    ticket, api, tell, settings, tmp_path, state_of
):
    service = build(settings(mail_outbox=tmp_path / "outbox"))
    stop = threading.Event()
    loops = [loop for name in ("send", "ingest", "scheduler") for loop in service.loops[name]]
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    for number in range(3):
        message_id = api.prepare(ticket, text=f"resposta {number}")
        with service.database.transaction() as connection:
            event = ticket.released(message_id)
            service.consumes[type(event)](connection, event)
        eventually((tmp_path / "outbox" / f"{message_id}.eml").exists, 20)
        eventually(lambda sent=message_id: state_of(sent) == "SENT")
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    service.database.close()


def test_a_sender_that_could_send_nowhere_does_not_begin(settings):
    service = build(settings())
    with pytest.raises(ValueError, match="nowhere to go"):
        service.loops["send"][0](threading.Event())
    service.database.close()


def test_the_service_handles_what_is_sent_to_it(settings):
    service = build(settings())
    topology.check("mail", service.consumes)
    service.database.close()
