"""Settings, read once at start from the environment (GUICHE_…) and refused loudly where they are missing."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)


def port(first: int) -> BeforeValidator:
    def checked(value: Any) -> int:
        number = int(value) if str(value).isdecimal() else -1
        if not first <= number <= 65535:
            raise ValueError(f"must be a port, a whole number from {first} to 65535")
        return number

    return BeforeValidator(checked)


def known_level(value: str) -> str:
    if value.upper() not in logging.getLevelNamesMapping():
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return value


# 0: a free port.
Port = Annotated[int, port(0)]
# One that others have to know.
KnownPort = Annotated[int, port(1)]


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
    watch_port: Port = 0
    watch_host: str = "127.0.0.1"
    # OTLP/HTTP traces endpoint, e.g. http://collector:4318/v1/traces; empty: none are exported.
    otlp_endpoint: str = ""
    log_level: Annotated[str, AfterValidator(known_level)] = "INFO"


def read(kind: Callable[[], S]) -> S:
    """The settings; where one is wrong or missing the process ends, with a line for each."""
    try:
        return kind()
    except ValidationError as error:
        raise SystemExit("\n".join(mistakes(error))) from None


def variable_of(setting: str) -> str:
    return f"GUICHE_{setting.upper()}"


def mistakes(error: ValidationError, *, missing: bool = True) -> list[str]:
    """Each by the name of its variable, with its rule and without its value, which may be secret.

    missing: also what is not set.
    """
    found = []
    for one in error.errors():
        variable = variable_of("_".join(map(str, one["loc"])))
        if one["type"] != "missing":
            rule = one["msg"].removeprefix("Value error, ").replace("Input should", "must")
            found.append(f"{variable} {rule}.")
        elif missing:
            found.append(f"{variable} is not set.")
    return found
