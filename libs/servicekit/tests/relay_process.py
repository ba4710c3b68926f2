"""A relay as a process of its own, to be killed: relay_process.py OWNER_URL (TARGET_URL | AMQP_URL)."""

import sys
import threading

from scene import TOPOLOGY

from servicekit.database import Database
from servicekit.events.direct import DirectDelivery
from servicekit.events.rabbitmq import RabbitDelivery
from servicekit.events.relay import Delivery, relay

owner, target = sys.argv[1:]
delivery: Delivery = (
    RabbitDelivery(target, TOPOLOGY)
    if target.startswith("amqp")
    else DirectDelivery({"sample": Database(target, pool=2)}, TOPOLOGY)
)
relay(Database(owner, pool=2), "publisher", delivery)(threading.Event())
