"""What composing costs a process."""

import threading

from mail.handlers import composing
from mail.outgoing.compose import Mail


def test_large_mails_are_composed_one_at_a_time_and_small_ones_meanwhile(
    api, ticket, replied, send, customer, monkeypatch
):
    """Four at once would hold half a gigabyte."""
    compose, lock = composing.compose, threading.Lock()
    beside, small_went = list[int](), threading.Event()

    def watched(mail: Mail) -> bytes:
        if not mail.files:
            small_went.set()
            return compose(mail)
        assert small_went.wait(20), "a small mail waits for a large one"
        alone = lock.acquire(blocking=False)
        beside.append(0 if alone else 1)
        try:
            return compose(mail)
        finally:
            if alone:
                lock.release()

    monkeypatch.setattr(composing, "compose", watched)
    for _ in range(3):
        replied(ticket, attachment_ids=[api.upload(ticket, *[b"x" * 1024 * 1024] * 5).id])
    replied(ticket)
    threads = [threading.Thread(target=send, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (beside, len(customer.got)) == ([0, 0, 0], 4)
