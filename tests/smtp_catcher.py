"""A mail server as a process of its own: it keeps one line for each message that it has accepted.

python smtp_catcher.py PORT FILE [DELAY_SECONDS]
"""

from __future__ import annotations

import email
import json
import os
import sys
import time
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope


class Catcher:
    """Accepts everything; a message counts once its line is written, before the answer goes out."""

    def __init__(self, path: str, delay: float) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._delay = delay

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message."""
        if self._delay:
            time.sleep(self._delay)
        letter = email.message_from_bytes(envelope.original_content or b"")
        line = {"id": letter["Message-ID"], "to": envelope.rcpt_tos, "subject": letter["Subject"]}
        os.write(self._file, (json.dumps(line) + "\n").encode())
        return "250 queued"


def main() -> None:
    """Serve until killed."""
    port, path = int(sys.argv[1]), sys.argv[2]
    delay = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    controller = Controller(Catcher(path, delay), hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
