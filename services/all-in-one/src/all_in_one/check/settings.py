"""What the checker has to know: the same settings that the services are given, and nothing that could write."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class CheckSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GUICHE_", frozen=True)

    ticket_database_url: str
    routing_database_url: str
    mail_database_url: str
    publisher_database_url: str
    mail_files_url: str
    # Empty: everything in one process, where no broker is; the report says so.
    rabbitmq_url: str = ""

    def database_url(self, owner: str) -> str:
        return str(getattr(self, f"{owner}_database_url"))
