"""What the terminal says once everything runs."""

# ruff: noqa: T201 -- a command's output.

from pathlib import Path

from all_in_one.demo.company import PASSWORD, PEOPLE


def show(port: int, smtp_port: int, log: Path, outbox: bool, stop: str = "Ctrl-C") -> None:
    address = f"http://localhost:{port}"
    print(f"\n  Guichê is open: {address}\n")
    print(f"  Sign in with the password {PASSWORD!r} as")
    for person in PEOPLE:
        print(f"    {person.username:<7} {person.told}")
    print("\n  Send a mail and watch it arrive in the queue, with any SMTP client or just")
    print("    make mail" + (f" GUICHE_SMTP_PORT={smtp_port}" if smtp_port != 2525 else ""))
    print(f"  (SMTP: 127.0.0.1:{smtp_port}; mailboxes: atendimento@, contato@, suporte@ and financeiro@demo.guiche)")
    if outbox:
        print(f"\n  What leaves as mail stays here, since no GUICHE_SMTP_RELAY is set: {address}/outbox")
    print(f"\n  API reference  {address}/docs")
    print(f"  Log            {log}")
    print(f"  Stop           {stop}\n", flush=True)


def stopping() -> None:
    print("  Stopping: what is under way is finished first…", flush=True)
