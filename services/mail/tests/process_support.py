"""The service as its processes."""

import json
import subprocess
import sys
from pathlib import Path

from servicekit.testing import eventually


class Process:
    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "mail", name], env=environment, stdout=output, stderr=output
            )

    def port(self) -> int:
        """Of SMTP, once it listens."""

        def said() -> list[int]:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            return [line["port"] for line in lines if line["event"] == "smtp_listening"]

        return eventually(said, 60)[0]

    def stop(self) -> int:
        self.popen.terminate()
        return self.popen.wait(20)


def run(environment, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mail", *words], env=environment, capture_output=True, text=True, check=False
    )
