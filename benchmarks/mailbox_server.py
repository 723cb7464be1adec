"""A mail server as a process of its own, which keeps the subject of each message and when it had accepted it.

Run: python benchmarks/mailbox_server.py PORT FILE
"""

from __future__ import annotations

import email
import os
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """Accepts everything."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Note one message; the clock is that of the whole machine."""
        content = envelope.original_content or b""
        os.write(self._file, f"{time.time()!r} {email.message_from_bytes(content)['Subject']}\n".encode())
        return "250 queued"


def main() -> None:
    """Serve until killed."""
    controller = Controller(Mailbox(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]))
    controller.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
