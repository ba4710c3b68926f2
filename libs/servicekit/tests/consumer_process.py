"""A consumer as a process of its own, to be stopped or killed: consumer_process.py AMQP_URL DATABASE_URL."""

import sys

from scene import TOPOLOGY

from servicekit.database import Database
from servicekit.events.rabbitmq import consumer
from servicekit.process import stopping_on_signals

consumer(sys.argv[1], "sample", Database(sys.argv[2], pool=2), TOPOLOGY)(stopping_on_signals())
