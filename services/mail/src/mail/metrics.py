"""What is measured of mail, besides what every service measures."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
ROWS = (1, 2, 5, 10, 20, 30, 40, 50)

ANSWERS = Counter(
    "guiche_mail_smtp_answers_total", "Answers to recipients and mails, and refusals, by code", ["command", "code"]
)
DUPLICATES = Counter("guiche_mail_duplicates_total", "Mails accepted again and kept once")
CONNECTIONS = Gauge("guiche_mail_smtp_connections", "Open SMTP connections")
HELD_BYTES = Gauge("guiche_mail_smtp_held_bytes", "Bytes of mails in memory that have not been answered yet")
RECEIVE_SECONDS = Histogram(
    "guiche_mail_receive_seconds", "From the last byte of a mail to the answer", buckets=SECONDS
)
RECEIVE_BATCH = Histogram("guiche_mail_receive_batch_mails", "Mails committed together on arrival", buckets=ROWS)

INGEST_SECONDS = Histogram("guiche_mail_ingest_seconds", "Time of a stage of a batch", ["stage"], buckets=SECONDS)
INGEST_BATCH = Histogram("guiche_mail_ingest_batch_mails", "Mails claimed together for ingestion", buckets=ROWS)
INGESTED = Counter("guiche_mail_ingested_total", "Mails that became messages")
JOINED = Counter(
    "guiche_mail_joined_total", "Mails by the rule that found their conversation; NONE: it began", ["rule"]
)
POSTPONED = Counter("guiche_mail_postponed_total", "Mails put back for a moment, since the one they answer still waits")
INGEST_RETRIES = Counter("guiche_mail_ingest_retries_total", "Mails put back to be tried again")
LATENCY = Histogram("guiche_mail_to_message_seconds", "From acceptance of a mail to its message", buckets=SECONDS)
SET_ASIDE = Counter("guiche_mail_set_aside_total", "Mails put into quarantine", ["reason"])

# Set by the scheduler.
WAITING_AGE = Gauge("guiche_mail_waiting_age_seconds", "Age of the oldest mail that is not ingested yet; 0: none")
WAITING = Gauge("guiche_mail_waiting_mails", "Mails not ingested yet, counted up to 10,000")
QUARANTINED = Gauge("guiche_mail_quarantined_mails", "Mails in quarantine")

DELIVERIES = Counter(
    "guiche_mail_deliveries_total",
    "What became of mails on their way out: sent, failed, unknown, later, returned",
    ["kind", "outcome"],
)
NOT_ACKNOWLEDGED = Counter("guiche_mail_not_acknowledged_total", "Tickets opened without an answer", ["reason"])
SEND_SECONDS = Histogram("guiche_mail_send_seconds", "Time to hand a mail to the relay", ["outcome"], buckets=SECONDS)
SENT_AFTER = Histogram("guiche_mail_sent_after_seconds", "From release to acceptance by the relay", buckets=SECONDS)
RELAY_AWAY = Gauge("guiche_mail_relay_away", "1 while the relay cannot be reached or does not let this process in")
# Set by the scheduler.
OUTGOING = Gauge("guiche_mail_outgoing_mails", "Mails that have not been sent yet, counted up to 10,000")
OUTGOING_AGE = Gauge(
    "guiche_mail_outgoing_age_seconds", "Age of the oldest mail neither sent nor refused for now; 0: none"
)
