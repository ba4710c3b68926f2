from datetime import timedelta

from servicekit.config import Settings


class RoutingSettings(Settings):
    # SQLAlchemy URL of this service's own database.
    routing_database_url: str
    # A session ends when it was not refreshed for so long, and in any case at its full age.
    session_idle: timedelta = timedelta(hours=12)
    session_age: timedelta = timedelta(days=30)
    # Failed sign-ins of one client address within the window before it has to wait. An office behind one address that
    # mistypes more than this needs a higher number.
    sign_in_address_failures: int = 20
    sign_in_address_window: timedelta = timedelta(minutes=15)
    # Failed sign-ins for one name before each further one has to wait, and how long at most.
    sign_in_name_failures: int = 5
    sign_in_name_longest_delay: timedelta = timedelta(minutes=5)
    # argon2id, RFC 9106, one lane: 32 MiB and two passes take about 50 ms on one 2020s server core; OWASP's floor is
    # 19 MiB and two passes. Hashes made with other numbers are made anew at the next sign-in.
    password_memory_kib: int = 32 * 1024
    password_passes: int = 2
