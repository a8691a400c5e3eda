"""`manage.py receive_dicom`: the process that receives over the DICOM network protocol."""

from __future__ import annotations

import signal
import ssl
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.receiver.listening import Options, Receiver, tls_context


class Command(BaseCommand):
    """Listens for devices and a PACS until it is stopped."""

    help = "Receive instances over the DICOM network protocol (C-STORE) from the senders of the allow-list."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=11112, help="port (default: %(default)s)")

    def handle(self, **options: Any) -> None:
        """Listen. Raises CommandError for files of TLS, or an address, that can't be used."""
        try:
            tls = tls_context(
                settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY, settings.DICOM_TLS_CLIENTS
            )
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"The certificate of RETINOTE_DICOM_TLS_… can't be used: {error}") from error
        try:
            receiver = Receiver(
                Options(
                    host=options["host"],
                    port=options["port"],
                    ae_title=settings.DICOM_AE_TITLE,
                    associations=settings.DICOM_ASSOCIATIONS,
                    idle_s=settings.DICOM_IDLE_SECONDS,
                    tls=tls,
                )
            )
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Can't listen on {options['host']} port {options['port']}: {error}"
            ) from error
        signal.signal(signal.SIGTERM, lambda *_: receiver.stop())
        signal.signal(signal.SIGINT, lambda *_: receiver.stop())
        secured = "TLS" if tls else "no TLS"
        self.stdout.write(
            f"{settings.DICOM_AE_TITLE} listens on {options['host']} port {receiver.port}, {secured}"
        )
        receiver.serve()
