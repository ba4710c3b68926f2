"""Settings, read once at start from the environment (GUICHE_…) and refused loudly where they are missing."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every process knows. A service adds its own in its config.py. Addresses are gRPC targets."""

    model_config = SettingsConfigDict(env_prefix="GUICHE_", frozen=True)

    # The folder with <service>.public.pem of every service and <service>.private.pem of this one.
    keys: Path
    # Empty: events go straight into the neighbours' inbox tables (the all-in-one process).
    rabbitmq_url: str = ""
    ticket_address: str = "127.0.0.1:7101"
    routing_address: str = "127.0.0.1:7102"
    mail_address: str = "127.0.0.1:7103"
    publisher_address: str = "127.0.0.1:7104"
    # Where the API of this process listens; empty: at the service's own address above.
    listen: str = ""
    # Where /metrics, /livez and /readyz of this process listen; 0: a free port.
    watch_port: int = 0
    watch_host: str = "127.0.0.1"
    # OTLP/HTTP traces endpoint, e.g. http://collector:4318/v1/traces; empty: none are exported.
    otlp_endpoint: str = ""
    log_level: str = "INFO"
