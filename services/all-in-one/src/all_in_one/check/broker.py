"""The broker: a place events pass through, so that nothing should lie there."""

from collections.abc import Iterator

from servicekit.checking import Counter, Finding
from servicekit.events.amqp import DEAD, queue_of
from servicekit.events.rabbitmq import depths
from servicekit.events.topology import CONSUMERS

# Of events on their way into an inbox; a consumer moves thousands in a second.
BACKLOG = 10_000


def nothing_is_dead(url: str, counter: Counter) -> Iterator[Finding]:
    count = depths(url, [DEAD])[DEAD]
    counter.seen += 1
    if count is None:
        yield Finding(DEAD, "this queue does not exist: what the broker refuses would vanish")
    elif count:
        yield Finding(DEAD, f"{count} messages were no events, or could not be moved into an inbox")


def queues_are_short(url: str, counter: Counter) -> Iterator[Finding]:
    for name, count in depths(url, [queue_of(service) for service in CONSUMERS]).items():
        counter.seen += 1
        if count is None:
            yield Finding(name, "this queue does not exist: no relay has declared it, and events would miss it")
        elif count > BACKLOG:
            yield Finding(name, f"{count} events stand here; its consumer is away or too slow")
