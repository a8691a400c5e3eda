"""Checks an installation before it goes live: what is unsafe or missing."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.deploy import certificate, settings_file

MIN_SECRET_LENGTH = 32
MIN_DIFFERENT_CHARACTERS = 12
USUAL_WORDS = ("password", "secret", "changeme", "change-me", "example", "default", "12345", "retinote")
MIN_FREE_GB = 20
COMPOSE_FILES = ("docker-compose.yml", "docker-compose.override.yml", "docker-compose.override.yaml")
GATEWAY = "nginx"
ON = ("1", "true", "yes")
IMAGES = (
    "NGINX_IMAGE",
    "MONGODB_IMAGE",
    "REDIS_IMAGE",
    "PROMETHEUS_IMAGE",
    "GRAFANA_IMAGE",
    "RETINOTE_WEB_IMAGE",
    "RETINOTE_MODEL_SERVER_IMAGE",
)


@dataclass(frozen=True)
class Finding:
    """Something to fix: `what` names the variable, file or service, and `why` is a sentence with what to do."""

    what: str
    why: str


def findings(folder: Path) -> list[Finding]:
    """All that is unsafe or missing in the installation at `folder`. Raises OperationsError if it has no `.env`."""
    path = folder / settings_file.NAME
    settings = settings_file.read(path)
    tls = folder / (settings.get("RETINOTE_TLS_DIR") or "deploy/tls")
    host = settings.get("RETINOTE_HOST", "")
    return [
        *_of_file(path),
        *_of_secrets(settings),
        *_of_switches(settings),
        *_of_host(settings),
        *(Finding("certificate", f"{problem}.") for problem in certificate.problems(tls, host)),
        *_of_images(settings),
        *_of_disk(folder),
        *(finding for name in COMPOSE_FILES for finding in _of_ports(folder / name)),
    ]


def published_ports(compose: str) -> dict[str, list[str]]:
    """The `ports:` of each service in the text of a compose file; services without any are left out."""
    published: dict[str, list[str]] = {}
    section = service = key = ""
    for line in compose.splitlines():
        text = line.split(" #")[0].rstrip()
        if not text or text.lstrip().startswith("#"):
            continue
        depth = len(text) - len(text.lstrip())
        if depth == 0:
            section = text
        elif section == "services:" and depth == 2:
            service, key = text.strip().rstrip(":"), ""
        elif section == "services:" and depth == 4 and not text.strip().startswith("-"):
            key, _, value = text.strip().partition(":")
            if key == "ports" and value.strip():
                published.setdefault(service, []).append(value.strip())
        elif section == "services:" and key == "ports":
            published.setdefault(service, []).append(text.strip().lstrip("- ").strip("\"'"))
    return published


def _of_file(path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(
            str(path), f"Its mode is {mode:o}, so others can read the secrets in it: chmod 600 {path}."
        )


def _of_secrets(settings: Mapping[str, str]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in settings_file.SECRETS:
        value = settings.get(name, "")
        if not value:
            yield Finding(name, "It is missing; take one from ./retinote deploy init in another folder.")
            continue
        usual = next((word for word in USUAL_WORDS if word in value.lower()), None)
        if usual:
            yield Finding(name, f"It contains '{usual}', as passwords do that are guessed first.")
        elif len(value) < MIN_SECRET_LENGTH or len(set(value)) < MIN_DIFFERENT_CHARACTERS:
            yield Finding(name, f"It is weak: use at least {MIN_SECRET_LENGTH} random characters.")
        if value in seen:
            yield Finding(name, f"It is the same as {seen[value]}: who learns one has both.")
        seen.setdefault(value, name)


def _of_switches(settings: Mapping[str, str]) -> Iterator[Finding]:
    if settings.get("RETINOTE_DEBUG", "0").lower() in ON:
        yield Finding(
            "RETINOTE_DEBUG", "It is on: every error shows settings and code to everybody. Set it to 0."
        )
    if settings.get("RETINOTE_HTTPS", "1").lower() not in ON:
        yield Finding("RETINOTE_HTTPS", "It is off: cookies would travel without encryption. Set it to 1.")


def _of_host(settings: Mapping[str, str]) -> Iterator[Finding]:
    host = settings.get("RETINOTE_HOST", "")
    if not host:
        yield Finding("RETINOTE_HOST", "It is missing: the name by which browsers reach this server.")
    elif "*" in host or "," in host:
        yield Finding("RETINOTE_HOST", "It must be one name: any other that requests carry is refused.")
    elif host == "localhost" or host.startswith("127."):
        yield Finding("RETINOTE_HOST", "Nobody but this machine reaches it under that name.")
    if "*" in settings.get("RETINOTE_ALLOWED_HOSTS", ""):
        yield Finding("RETINOTE_ALLOWED_HOSTS", "It lets every name in; leave it out.")


def _of_images(settings: Mapping[str, str]) -> Iterator[Finding]:
    for name in IMAGES:
        image = settings.get(name, "")
        if (
            image
            and "@sha256:" not in image
            and (":" not in image.split("/")[-1] or image.endswith(":latest"))
        ):
            yield Finding(name, f"{image} names no version, so the next start may bring another; add a tag.")


def _of_disk(folder: Path) -> Iterator[Finding]:
    for place in (folder, Path("/var/lib/docker"), Path("/var/lib/containers")):
        if not place.is_dir():
            continue
        free_gb = shutil.disk_usage(place).free // 2**30
        if free_gb < MIN_FREE_GB:
            yield Finding(
                str(place), f"Only {free_gb} GB are free; images and a start take {MIN_FREE_GB}, scans more."
            )


def _of_ports(compose: Path) -> Iterator[Finding]:
    if not compose.is_file():
        if compose.name == COMPOSE_FILES[0]:
            yield Finding(str(compose), "It is missing.")
        return
    for service, ports in published_ports(compose.read_text(encoding="utf-8")).items():
        if service != GATEWAY:
            yield Finding(
                compose.name,
                f"{service} publishes {', '.join(port.strip('[]') for port in ports)}: "
                f"only {GATEWAY} may be reached from outside.",
            )
