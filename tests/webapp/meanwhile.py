"""What another request does meanwhile, in the middle of a transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection


def meanwhile(work: Callable[[], object]) -> None:
    """Do something in another thread, with a connection of its own, to its end."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
