"""Events: the broker transports, the database remembers. See docs/architecture.md › Events.

publish() writes an outbox row in the transaction of the change; the relay (relay.py) delivers it, by RabbitMQ
(rabbitmq.py) or straight into the neighbours' inbox tables (direct.py); the inbox worker (inbox.py) handles it.
"""
