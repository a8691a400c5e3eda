"""Certificates for nginx: makes a self-signed one for trying, and checks the installed one."""

import os
import subprocess
from pathlib import Path

from operations.errors import OperationsError

CERTIFICATE, KEY = "certificate.pem", "key.pem"
TRIAL_DAYS = 90
RENEW_BEFORE_DAYS = 21
DAY_S = 24 * 3600


def make_self_signed(folder: Path, host: str) -> bool:
    """Make a self-signed certificate, of which browsers warn. Returns False, and makes none, if the folder has one.

    Raises OperationsError if the program openssl is missing or fails.
    """
    if (folder / CERTIFICATE).exists() or (folder / KEY).exists():
        return False
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
        *("-days", str(TRIAL_DAYS), "-subj", f"/CN={host}"),
        *("-addext", f"subjectAltName={'IP' if _is_address(host) else 'DNS'}:{host}"),
        *("-keyout", str(folder / KEY), "-out", str(folder / CERTIFICATE)),
    )
    if made.returncode:
        raise OperationsError(f"openssl made no certificate: {made.stderr.strip()}")
    os.chmod(folder / KEY, 0o600)
    return True


def problems(folder: Path, host: str) -> list[str]:
    """The problems of the certificate in `folder` for a server of that name; empty if there are none."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    missing = [str(path) for path in (certificate, key) if not path.is_file()]
    if missing:
        return [f"{' and '.join(missing)} missing: nginx won't start"]
    facts = _openssl("x509", "-in", str(certificate), "-noout", "-subject", "-issuer", "-enddate")
    if facts.returncode:
        return [f"{certificate} is no certificate"]
    return [
        *_problems_of_time(certificate, facts.stdout),
        *_problems_of_name(certificate, host),
        *_problems_of_issuer(certificate, facts.stdout),
        *_problems_of_key(certificate, key),
    ]


def _problems_of_time(certificate: Path, facts: str) -> list[str]:
    ends = facts.partition("notAfter=")[2].strip()
    if _check(certificate, "-checkend", "0"):
        return [f"{certificate} has expired ({ends})"]
    if _check(certificate, "-checkend", str(RENEW_BEFORE_DAYS * DAY_S)):
        return [f"{certificate} expires within {RENEW_BEFORE_DAYS} days ({ends})"]
    return []


def _problems_of_name(certificate: Path, host: str) -> list[str]:
    option = "-checkip" if _is_address(host) else "-checkhost"
    checked = _openssl("x509", "-in", str(certificate), "-noout", option, host)
    return [f"{certificate} is not for {host}"] if "does match" not in checked.stdout else []


def _problems_of_issuer(certificate: Path, facts: str) -> list[str]:
    lines = dict(line.partition("=")[::2] for line in facts.splitlines())
    if lines.get("subject", "").strip() == lines.get("issuer", "").strip():
        return [f"{certificate} is self-signed: browsers warn of it, and people learn to click that away"]
    return []


def _problems_of_key(certificate: Path, key: Path) -> list[str]:
    problems = []
    of_certificate = _openssl("x509", "-in", str(certificate), "-noout", "-pubkey")
    of_key = _openssl("pkey", "-in", str(key), "-pubout", "-passin", "pass:")
    if of_key.returncode:
        problems.append(f"{key} is no private key without a password")
    elif of_key.stdout != of_certificate.stdout:
        problems.append(f"{key} does not belong to {certificate}")
    if key.stat().st_mode & 0o007:
        problems.append(f"{key} can be read by everybody on this machine: chmod 600 {key}")
    return problems


def _check(certificate: Path, *arguments: str) -> bool:
    return _openssl("x509", "-in", str(certificate), "-noout", *arguments).returncode != 0


def _openssl(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        # The user's PATH decides which openssl that is.
        return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)  # nosec B607
    except OSError as error:
        raise OperationsError("The program openssl is needed for certificates, and was not found.") from error


def _is_address(host: str) -> bool:
    return host.isascii() and host.replace(".", "").isdigit()
