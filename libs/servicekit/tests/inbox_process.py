"""An inbox worker as a process of its own, whose handler ends it: inbox_process.py DATABASE_URL."""

import os
import sys
import threading

from google.protobuf.message import Message
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sample import keep
from sqlalchemy import Connection

from servicekit.database import Database
from servicekit.events.inbox import inbox_worker
from servicekit.events.watchdog import EXIT_CODE


def handle(connection: Connection, event: Message) -> None:
    assert isinstance(event, PublisherChanged)
    if event.name == "dies":
        os._exit(EXIT_CODE)
    if event.name == "hangs":
        threading.Event().wait()
    keep(connection, event)


worker = inbox_worker(Database(sys.argv[1], pool=2), "sample", {PublisherChanged: handle}, handler_seconds=1.0)
worker(threading.Event())
