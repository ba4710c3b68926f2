"""How the service is put together, and what it says where it has nowhere to send to."""

import threading

import pytest

from mail.main import build
from servicekit.events import topology


def test_a_sender_that_could_send_nowhere_does_not_begin(settings):
    service = build(settings())
    with pytest.raises(ValueError, match="nowhere to go"):
        service.loops["send"][0](threading.Event())
    service.database.close()


def test_the_service_handles_what_is_sent_to_it(settings):
    service = build(settings())
    topology.check("mail", service.consumes)
    service.database.close()
