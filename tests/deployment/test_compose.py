"""docker-compose.yml: what is published, who reaches whom, how confined the containers are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from gunicorn.config import GracefulTimeout

from operations.deploy import settings_file
from operations.deploy.checks import published_ports
from webapp.core.environment import Environment

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
INTERNAL = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}


def networks(service: str) -> set[str]:
    """The networks that a service is in; `migrate` shares MongoDB's."""
    mode = SERVICES[service].get("network_mode", "")
    return networks(mode.removeprefix("service:")) if mode else set(SERVICES[service]["networks"])


def further(folder: str, file: str = "compose.yml") -> dict[str, Any]:
    """A compose file that is given beside docker-compose.yml."""
    return dict(yaml.safe_load((ROOT / "deploy" / folder / file).read_text(encoding="utf-8")))


def test_nginx_alone_publishes_ports() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert list(published_ports(TEXT)) == ["nginx"]


def test_all_others_are_in_networks_without_a_way_out() -> None:
    assert networks("nginx") - INTERNAL == {"edge"}
    for name in SERVICES.keys() - {"nginx"}:
        assert networks(name) <= INTERNAL, name


def test_the_gateway_and_the_model_server_reach_no_database() -> None:
    for name in ("nginx", "model-server", "prometheus", "grafana"):
        assert not networks(name) & (networks("mongodb") | networks("redis")), name


@pytest.mark.parametrize("name", SERVICES)
def test_containers_are_confined(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["mem_limit"] if name != "migrate" else True


@pytest.mark.parametrize(
    "name",
    [name for name in SERVICES if name not in ("migrate", "worker", "trainer", "prometheus", "grafana")],
)
def test_services_tell_their_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    default = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", image)

    assert re.search(r":(local|v?\d+\.\d+\.\d+[\w.-]*)$", default), image


def test_no_secret_has_a_default() -> None:
    for name in settings_file.SECRETS:
        uses = re.findall(rf"\$\{{{name}(:[^}}]*)?\}}", TEXT)
        assert uses, name
        assert any(use.startswith(":?") for use in uses), name
        assert not any(use.startswith(":-") for use in uses), name


def test_the_web_app_can_only_read_the_published_key() -> None:
    for name in ("web", "worker"):
        assert "key:/run/retinote/key:ro" in SERVICES[name]["volumes"]
        assert not any(volume.startswith("models:") for volume in SERVICES[name]["volumes"])
        assert SERVICES[name]["environment"]["RETINOTE_MODEL_MANAGEMENT_URL"] == ""


def test_what_was_fitted_here_is_written_by_the_web_app_and_read_by_the_model_server() -> None:
    folder = "/run/retinote/calibration"
    for name in ("web", "worker", "migrate"):
        assert f"calibration:{folder}" in SERVICES[name]["volumes"]
    assert f"calibration:{folder}:ro" in SERVICES["model-server"]["volumes"]
    for name in ("web", "worker", "migrate", "model-server"):
        assert SERVICES[name]["environment"]["RETINOTE_CALIBRATION_DIR"] == folder
    for name in ("web", "model-server"):  # a volume that is made there gets the folder's owner
        dockerfile = (ROOT / SERVICES[name]["build"]["dockerfile"]).read_text(encoding="utf-8")
        assert re.search(rf"install -d -o retinote .*{folder}\b", dockerfile)


def test_root_of_the_database_is_known_to_the_migration_alone() -> None:
    knowing = [
        name
        for name, service in SERVICES.items()
        if "MONGODB_ROOT_PASSWORD" in service.get("environment", {})
    ]

    assert knowing == ["migrate"]


def test_mounted_files_are_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert mounted
    for path in mounted:
        assert (ROOT / path).exists(), path


def test_volumes_and_networks_are_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith((".", "/", "${")) or source in COMPOSE["volumes"], source
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"])


@pytest.mark.parametrize("name", ["web", "worker", "migrate", "trainer"])
def test_temporary_files_lie_on_the_disk_in_a_volume_of_each_container(name: str) -> None:
    """Uploads, second copies of compressed volumes, and whole exports are too large for a file system in memory."""
    service = SERVICES[name]
    place = service["environment"]["TMPDIR"]

    assert place in service["volumes"], "a volume without a name is each container's own"
    assert not any(place.startswith(tmpfs.split(":")[0]) for tmpfs in service["tmpfs"])
    image = "trainer" if name == "trainer" else "web"
    dockerfile = (ROOT / "deploy" / "images" / f"{image}.Dockerfile").read_text(encoding="utf-8")
    assert re.search(rf"install -d -o retinote -g retinote -m 0700 [^&]*{place}\b", dockerfile)


def test_the_web_app_may_end_its_requests_before_it_is_killed() -> None:
    patience_s = int(SERVICES["web"]["stop_grace_period"].removesuffix("s"))

    assert patience_s > GracefulTimeout.default


def test_limits_of_requests_are_the_web_apps_until_they_are_set() -> None:
    fields = Environment.model_fields.values()
    rates = {field.alias: field.default for field in fields if "RATE" in (field.alias or "")}

    assert rates
    assert {name: SERVICES["web"]["environment"].get(name) for name in rates} == {
        name: f"${{{name}:-{default}}}" for name, default in rates.items()
    }


@pytest.mark.parametrize("name", ["web", "model-server", "trainer"])
def test_images_run_as_nobody_special(name: str) -> None:
    dockerfile = (ROOT / SERVICES[name]["build"]["dockerfile"]).read_text(encoding="utf-8")

    assert dockerfile.rstrip().rpartition("\nUSER ")[2].startswith("10001:10001")
    assert "--require-hashes" in dockerfile


def test_the_trainer_may_write_to_its_cache_whose_mode_some_engines_take_from_the_image() -> None:
    place, _, options = SERVICES["trainer"]["tmpfs"][1].partition(":")
    dockerfile = (ROOT / "deploy" / "images" / "trainer.Dockerfile").read_text(encoding="utf-8")

    assert f"XDG_CACHE_HOME={place}" in dockerfile and "mode=1777" in options
    assert f"install -d -m 1777 {place}\n" in dockerfile


def test_the_trainer_belongs_to_a_profile_and_yields_to_what_answers() -> None:
    trainer = SERVICES["trainer"]
    assert trainer["profiles"] == ["learning"] and trainer["command"] == ["trainer"]
    assert trainer["cpu_shares"] < 1024
    gpu = yaml.safe_load((ROOT / "deploy" / "learning" / "gpu.yml").read_text(encoding="utf-8"))
    assert list(gpu["services"]) == ["trainer"] and list(gpu["services"]["trainer"]) == ["deploy"]


def test_the_receiver_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    services = further("dicom")["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["receiver"]
    receiver = services["receiver"]
    assert receiver["extends"] == {"file": "docker-compose.yml", "service": "worker"}, (
        "from the first file's folder"
    )
    assert receiver["command"] == ["receiver"]
    assert receiver["ports"] == ["${RETINOTE_DICOM_ADDRESS:-127.0.0.1}:${RETINOTE_DICOM_PORT:-11112}:11112"]
    assert set(receiver["networks"]) == {"edge", "data"}
    assert not {"privileged", "cap_add", "read_only", "security_opt"} & receiver.keys()


def test_the_documentation_lets_the_receiver_read_the_key_of_its_certificate() -> None:
    """`deploy init` makes it for its owner alone, as whom nginx reads it; the receiver has no such right."""
    dockerfile = (ROOT / "deploy" / "images" / "web.Dockerfile").read_text(encoding="utf-8")
    (group,) = re.findall(r"^USER \d+:(\d+)$", dockerfile, re.MULTILINE)
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `RETINOTE_DICOM_TLS_DIR` .*$", settings, re.MULTILINE)

    assert f"chgrp -R {group} deploy/tls" in row and "chmod 640 deploy/tls/key.pem" in row


@pytest.mark.parametrize("name", ["web", "worker"])
def test_results_have_a_way_to_the_clinic(name: str) -> None:
    """The worker sends them, and asks the worklist; the web app tries whether a PACS or record answers."""
    added = further("dicom")
    reached = set(added["services"][name]["networks"])

    assert reached > networks(name)
    assert not any(added["networks"][other].get("internal") for other in reached - networks(name))


def test_the_worklist_is_asked_under_the_name_of_the_receiver() -> None:
    services = further("dicom")["services"]
    titles = {services[name]["environment"]["RETINOTE_DICOM_AE_TITLE"] for name in ("worker", "receiver")}

    assert titles == {"${RETINOTE_DICOM_AE_TITLE:-RETINOTE}"}


def test_several_model_servers_share_a_store_and_ask_for_no_key() -> None:
    text = (ROOT / "deploy" / "model-store" / "compose.yml").read_text(encoding="utf-8")
    shared = yaml.safe_load(text)
    for name, service in shared["services"].items():
        assert service["environment"]["RETINOTE_MODEL_STORE"] == "${RETINOTE_MODEL_STORE:-file:///app/store}"
        assert "model-store:/app/store" in service["volumes"]
        assert {*SERVICES[name]["networks"], "store"} == set(service["networks"])
    server = shared["services"]["model-server"]
    assert server["environment"]["RETINOTE_PUBLISHED_KEY"] == ""
    assert "/app/var" in server["volumes"], "two servers would share a data folder"
    assert server["scale"] == "${RETINOTE_MODEL_SERVERS:-1}", (
        "an `up` without an option would stop all but one"
    )
    keys = {
        service["environment"].get("RETINOTE_MODEL_KEY_FILE", "") for service in shared["services"].values()
    }
    assert keys == {""}
    assert not any("ports" in service for service in shared["services"].values())


@pytest.mark.parametrize("name", ["web", "worker", "trainer", "receiver"])
def test_images_in_s3_are_reached_with_its_keys(name: str) -> None:
    added = further("s3")
    started = (SERVICES | {"receiver": SERVICES["worker"] | further("dicom")["services"]["receiver"]})[name]
    inherited = SERVICES["worker"] if name == "receiver" else started  # it extends the worker
    reached = set((added["services"].get(name) or started)["networks"])

    assert {
        "RETINOTE_MEDIA",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    } <= inherited["environment"].keys()
    assert reached >= set(started["networks"])
    known = COMPOSE["networks"] | added["networks"]
    assert [network for network in reached if not known[network].get("internal")]


def test_further_modalities_are_seen_by_all_that_run_the_web_app() -> None:
    added = further("modalities")["services"]
    web = {
        name
        for name, service in SERVICES.items()
        if service.get("image", "").startswith("${RETINOTE_WEB_IMAGE")
    }
    assert web | {"trainer"} == set(added)
    # A file of its own, as there is no receiver but with deploy/dicom/compose.yml.
    of_receiver = further("modalities", "receiver.yml")["services"]
    assert of_receiver.keys() == further("dicom")["services"].keys() - web
    for service in (added | of_receiver).values():
        (volume,) = service["volumes"]
        assert volume.endswith(f":{service['environment']['RETINOTE_MODALITIES']}:ro")
    assert of_receiver["receiver"] == added["worker"]


@pytest.mark.parametrize("page", ["backup.md", "operations.md"])
def test_the_documentation_names_all_that_writes_to_stop_it_before_a_restore(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    writing = {name for name, service in SERVICES.items() if "data:/app/var" in service.get("volumes", [])}

    for name in writing - {"migrate"} | {"receiver"}:  # migrate has ended
        assert re.search(rf"(?i)stop\b[^\n]*\b{name}\b", text), name


def test_the_documented_backup_finds_the_models_where_the_model_server_has_them() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (backup,) = re.findall(r"-v (\S+):ro [^|]*operations\.backup backup - --models-dir (\S+)", text)
    (restore,) = re.findall(r"-v (\S+) [^|]*operations\.backup restore - --replace --models-dir (\S+)", text)

    assert backup == restore
    assert backup[0] == f"{COMPOSE['name']}_models:{backup[1]}"
    assert "models:/app/var" in SERVICES["model-server"]["volumes"]
