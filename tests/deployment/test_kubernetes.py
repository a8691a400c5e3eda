"""deploy/kubernetes/: do the manifests fit each other, and is everybody confined to what they need?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.deploy import settings_file
from webapp.core.environment import Environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
NAME = "app.kubernetes.io/name"
Manifest = dict[str, Any]


def kustomization(folder: Path) -> Manifest:
    return dict(yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8")))


def load() -> list[Manifest]:
    """All manifests that the base names."""
    files = [BASE / name for name in kustomization(BASE)["resources"]]
    return [
        manifest
        for file in files
        if file.is_file()
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]


MANIFESTS = load()


def of_kind(*kinds: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in MANIFESTS if found["kind"] in kinds}


WORKLOADS = of_kind("Deployment", "StatefulSet", "Job")
SERVED = {name: found for name, found in WORKLOADS.items() if found["kind"] != "Job"}
POLICIES = of_kind("NetworkPolicy")
SERVICES = of_kind("Service")


def pod(name: str) -> Manifest:
    return dict(WORKLOADS[name]["spec"]["template"]["spec"])


def ports(name: str) -> dict[str, int]:
    """The ports that a workload's containers name."""
    return {
        port["name"]: port["containerPort"]
        for container in pod(name)["containers"]
        for port in container.get("ports", [])
    }


def callers(name: str, port: int) -> set[str]:
    """Who may reach a port of a workload: names of workloads, `ns:` and a namespace, or `anybody`."""
    found: set[str] = set()
    for rule in POLICIES[name]["spec"].get("ingress", []):
        if port not in [entry["port"] for entry in rule["ports"]]:
            continue
        for peer in rule.get("from", [{}]):
            if "podSelector" in peer:
                found.add(peer["podSelector"]["matchLabels"][NAME])
            elif "namespaceSelector" in peer:
                found.add(f"ns:{peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}")
            else:
                found.add("anybody")
    return found


@pytest.mark.parametrize("name", SERVED)
def test_a_workload_selects_its_own_pods(name: str) -> None:
    spec = SERVED[name]["spec"]

    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == {NAME: name}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_leads_to_a_port_that_is_there(name: str) -> None:
    spec = SERVICES[name]["spec"]
    target = spec["selector"][NAME]

    for port in spec["ports"]:
        assert port["targetPort"] in ports(target)


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_are_confined(name: str) -> None:
    spec = pod(name)

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_is_mounted_is_there(name: str) -> None:
    spec = pod(name)
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    volumes |= {
        claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])
    }
    generated = {
        generator["name"]
        for resource in kustomization(BASE)["resources"]
        if (BASE / resource).is_dir()
        for generator in kustomization(BASE / resource)["configMapGenerator"]
    }

    for container in spec["containers"]:
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            assert volume["configMap"]["name"] in generated
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in of_kind("PersistentVolumeClaim")


@pytest.mark.parametrize("name", ["web", "worker", "migrate", "model-server"])
def test_what_was_fitted_here_is_written_by_the_web_app_and_read_by_the_model_server(name: str) -> None:
    folder = of_kind("ConfigMap")["retinote"]["data"]["RETINOTE_CALIBRATION_DIR"]
    (container,) = pod(name)["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "calibration"]
    of_the_map = [
        variable["name"] for variable in container.get("env", []) if "configMapKeyRef" in str(variable)
    ]

    assert mount["mountPath"] == folder
    assert mount.get("readOnly", False) is (name == "model-server")
    assert "envFrom" in container or "RETINOTE_CALIBRATION_DIR" in of_the_map


def of_component(name: str, kind: str) -> list[Manifest]:
    """What a component adds of a kind."""
    folder = FOLDER / "components" / name
    files = [folder / file for file in kustomization(folder)["resources"]]
    found = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [one for one in found if one["kind"] == kind]


def all_workloads() -> dict[str, Manifest]:
    """The workloads of the base and of the components."""
    added = of_component("dicom", "Deployment") + of_component("learning", "Deployment")
    return WORKLOADS | {found["metadata"]["name"]: found for found in added}


@pytest.mark.parametrize("name", ["web", "worker", "receiver", "trainer"])
def test_temporary_files_have_room_on_the_disk(name: str) -> None:
    """For two copies of the largest volume in each of two processes, and for a whole export where they are made."""
    spec = all_workloads()[name]["spec"]["template"]["spec"]
    [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == "/tmp"]
    [volume] = [volume for volume in spec["volumes"] if volume["name"] == mount["name"]]

    assert volume["emptyDir"].keys() == {"sizeLimit"}, "in memory it would count against the pod's limit"
    room = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 2**30
    largest_volume = Environment.model_fields["max_volume_bytes"].default
    exports = (ROOT / "webapp" / "exports" / "views.py").read_text(encoding="utf-8")
    [pictures] = re.findall(r"^MOST_PICTURES = (\w+)$", exports, re.MULTILINE)
    export = int(pictures) * 10**6 if name == "web" else 0
    assert room >= 2 * 2 * largest_volume + export


@pytest.mark.parametrize("name", WORKLOADS)
def test_secrets_are_those_that_init_makes(name: str) -> None:
    for container in pod(name)["containers"]:
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if "secretKeyRef" in source:
                assert source["secretKeyRef"]["name"] == "retinote"
                assert source["secretKeyRef"]["key"] in settings_file.SECRETS
            if "configMapKeyRef" in source and not source["configMapKeyRef"].get("optional"):
                assert source["configMapKeyRef"]["key"] in of_kind("ConfigMap")["retinote"]["data"]
            for used in re.findall(r"\$\((\w+)\)", variable.get("value", "")):
                earlier = [other["name"] for other in container["env"]]
                assert used in earlier[: earlier.index(variable["name"])]


@pytest.mark.parametrize(
    ("who", "workload", "container"),
    [("model", "model-server", 0), ("proxy", "gateway", 0), ("db", "mongodb", 1)],
)
def test_a_documented_variable_reaches_whoever_reads_it(who: str, workload: str, container: int) -> None:
    """Those of the ConfigMap and the Secret; where the table says something else of Kubernetes, that holds."""
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    wanted = {
        name
        for names, readers, what, default in rows
        if who in readers.split(", ")
        and "Kubernetes:" not in default
        and "set by the stack itself" not in what
        and "in the image" not in what
        for name in re.findall(r"(?:RETINOTE|MONGODB)_[A-Z_]+", names)
    }
    given = {
        source["key"]
        for variable in pod(workload)["containers"][container]["env"]
        for source in variable.get("valueFrom", {}).values()
        if source["key"] == variable["name"]
    }

    assert wanted
    assert wanted <= given


@pytest.mark.parametrize("name", [name for name in SERVED if name != "worker"])
def test_pods_tell_whether_they_are_alive_and_ready(name: str) -> None:
    main = pod(name)["containers"][0]

    assert {"livenessProbe", "readinessProbe"} <= main.keys()


@pytest.mark.parametrize("name", ["web", "model-server", "gateway"])
def test_what_grows_keeps_a_pod_while_nodes_are_emptied(name: str) -> None:
    budget, scaler = of_kind("PodDisruptionBudget")[name], of_kind("HorizontalPodAutoscaler")[name]

    assert budget["spec"]["selector"]["matchLabels"] == {NAME: name}
    assert scaler["spec"]["scaleTargetRef"]["name"] == name
    assert scaler["spec"]["minReplicas"] > budget["spec"]["minAvailable"]


def test_nobody_is_reached_unless_a_rule_says_so() -> None:
    spec = POLICIES["nobody"]["spec"]

    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in WORKLOADS:
        assert POLICIES[name]["spec"]["podSelector"]["matchLabels"] == {NAME: name}
        assert POLICIES[name]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_gateway_alone_is_reached_from_outside() -> None:
    open_to_all = [
        name for name in WORKLOADS for port in ports(name).values() if "anybody" in callers(name, port)
    ]

    assert set(open_to_all) == {"gateway"}
    assert [name for name, found in SERVICES.items() if found["spec"].get("type")] == ["gateway"]


def test_web_app_and_gateway_alone_reach_predictions() -> None:
    assert callers("model-server", 8080) == {"web", "worker", "gateway"}


def test_nobody_reaches_management() -> None:
    assert callers("model-server", 8081) == set()
    assert 8081 not in ports("model-server").values()
    assert 8081 not in [port["port"] for port in SERVICES["model-server"]["spec"]["ports"]]


def test_the_gateway_reaches_no_database() -> None:
    assert "gateway" not in callers("mongodb", 27017) | callers("redis", 6379)


def test_each_way_out_is_a_way_in() -> None:
    for name in WORKLOADS:
        for rule in POLICIES[name]["spec"].get("egress", []):
            for peer in rule["to"]:
                target = peer["podSelector"]["matchLabels"][NAME]
                for port in rule["ports"]:
                    assert name in callers(target, port["port"]), (name, target)


@pytest.mark.parametrize("overlay", sorted(path.name for path in (FOLDER / "overlays").iterdir()))
def test_overlays_change_what_is_there(overlay: str) -> None:
    folder = FOLDER / "overlays" / overlay
    found = kustomization(folder)

    assert [(folder / resource).resolve() for resource in found["resources"]] == [BASE.resolve()]
    for patch in found["patches"]:
        text = patch.get("patch") or (folder / patch["path"]).read_text(encoding="utf-8")
        target = yaml.safe_load(text)
        assert target["metadata"]["name"] in of_kind(target["kind"])
    images = {container["image"].split(":")[0] for name in WORKLOADS for container in pod(name)["containers"]}
    assert {image["name"] for image in found["images"]} <= images


def test_the_receiver_reaches_databases_and_the_clinic_alone_and_is_confined_like_the_worker() -> None:
    folder = FOLDER / "components" / "dicom"
    assert kustomization(folder)["resources"] == ["receiver.yaml", "clinic.yaml"]
    found = list(yaml.safe_load_all((folder / "receiver.yaml").read_text(encoding="utf-8")))
    [deployment] = [each for each in found if each["kind"] == "Deployment"]
    receiver, worker = deployment["spec"]["template"]["spec"], pod("worker")
    assert receiver["securityContext"] == worker["securityContext"]
    [ours], [theirs] = receiver["containers"], worker["containers"]
    assert ours["securityContext"] == theirs["securityContext"]
    policies = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "NetworkPolicy"}
    spec = policies["receiver"]
    reached = [to for rule in spec["egress"] for to in rule["to"]]
    pods = {to["podSelector"]["matchLabels"][NAME] for to in reached if "podSelector" in to}
    assert pods == {"mongodb", "redis"}
    # Senders, for reports on storage commitment: no other network than the one that may call.
    networks = [to["ipBlock"] for to in reached if "ipBlock" in to]
    assert networks == [each["ipBlock"] for rule in spec["ingress"] for each in rule["from"]]
    assert all("from" in rule for rule in policies["receiver"]["ingress"])


def test_results_have_a_way_to_the_clinic() -> None:
    """The worker sends them, and asks the worklist; the web app tries whether a PACS or record answers."""
    policies = {each["metadata"]["name"]: each["spec"] for each in of_component("dicom", "NetworkPolicy")}
    clinic, receiver = policies["clinic"], policies["receiver"]

    assert clinic["policyTypes"] == ["Egress"]
    assert clinic["podSelector"]["matchExpressions"] == [
        {"key": NAME, "operator": "In", "values": ["web", "worker"]}
    ]
    # To the network from which the receiver may be called.
    assert [each for rule in clinic["egress"] for each in rule["to"]] == receiver["ingress"][0]["from"]
    assert all("ports" not in rule for rule in clinic["egress"])


@pytest.mark.parametrize("name", ["web", "worker", "model-server"])
def test_models_are_in_one_store_for_all_servers(name: str) -> None:
    store = of_kind("ConfigMap")["retinote"]["data"]["RETINOTE_MODEL_STORE"]
    mounts = {mount["name"]: mount for mount in pod(name)["containers"][0]["volumeMounts"]}

    assert store == f"file://{mounts['model-store']['mountPath']}"
    assert of_kind("PersistentVolumeClaim")["model-store"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_with_s3_nothing_of_the_volume_is_left() -> None:
    patches = [
        yaml.safe_load(patch["patch"]) for patch in kustomization(FOLDER / "components" / "s3")["patches"]
    ]
    named = {(patch["kind"], patch["metadata"]["name"]): patch for patch in patches}
    assert named["ConfigMap", "retinote"]["data"]["RETINOTE_MODEL_STORE"].startswith("s3://")
    assert named["PersistentVolumeClaim", "model-store"]["$patch"] == "delete"
    mounting = {
        name: found["spec"]["template"]["spec"]["containers"][0]["name"]
        for name, found in all_workloads().items()
        if "'claimName': 'model-store'" in str(found)
    }
    assert mounting.keys() == {"web", "worker", "trainer", "model-server"}
    for name, of_container in mounting.items():
        spec = named["Deployment", name]["spec"]["template"]["spec"]
        [container] = spec["containers"]
        assert container["name"] == of_container
        assert spec["volumes"] == [{"name": "model-store", "$patch": "delete"}]
        assert container["volumeMounts"] == [{"mountPath": "/app/store", "$patch": "delete"}]


@pytest.mark.parametrize("name", ["web", "worker", "migrate", "receiver", "trainer", "model-server"])
def test_whatever_uses_s3_has_its_keys_and_a_way_there(name: str) -> None:
    """Models, and the images of scans where RETINOTE_MEDIA is set, which all that run the web app read in the map."""
    [container] = all_workloads()[name]["spec"]["template"]["spec"]["containers"]
    patches = [
        yaml.safe_load(patch["patch"]) for patch in kustomization(FOLDER / "components" / "s3")["patches"]
    ]
    patched = [
        patch for patch in patches if (patch["kind"], patch["metadata"]["name"]) == ("Deployment", name)
    ]
    [policy] = of_component("s3", "NetworkPolicy")
    [selected] = policy["spec"]["podSelector"]["matchExpressions"]

    given = [one["spec"]["template"]["spec"]["containers"][0].get("envFrom") for one in patched]
    sources = next((one for one in given if one), container.get("envFrom", []))
    assert {"secretRef": {"name": "retinote-s3", "optional": True}} in sources
    assert ({"configMapRef": {"name": "retinote"}} in sources) is (name != "model-server")
    assert (selected["key"], selected["operator"]) == (NAME, "In")
    assert name in selected["values"]
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert [rule["ports"] for rule in policy["spec"]["egress"]] == [[{"port": 443}]]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl")
@pytest.mark.parametrize(
    "components", [["s3"], ["dicom", "s3"], ["learning", "s3"], ["dicom", "learning", "s3"]], ids="-".join
)
def test_no_pod_mounts_a_claim_that_is_gone_however_components_are_combined(
    tmp_path: Path, components: list[str]
) -> None:
    shutil.copytree(FOLDER.parent, tmp_path / "deploy")
    site = tmp_path / "deploy" / "kubernetes" / "overlays" / "site"
    site.mkdir()
    named = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in components]}
    (site / "kustomization.yaml").write_text(yaml.safe_dump(named), encoding="utf-8")
    built = subprocess.run(["kubectl", "kustomize", site], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    manifests = list(yaml.safe_load_all(built.stdout))
    claims = {one["metadata"]["name"] for one in manifests if one["kind"] == "PersistentVolumeClaim"}

    assert "model-store" not in claims
    assert set(re.findall(r"claimName: (\S+)", built.stdout)) <= claims
    deployments = {one["metadata"]["name"] for one in manifests if one["kind"] == "Deployment"}
    assert ("trainer" in deployments) is ("learning" in components)


def test_the_trainer_runs_once_and_is_confined_like_the_worker() -> None:
    folder = FOLDER / "components" / "learning"
    assert kustomization(folder)["resources"] == ["trainer.yaml"]
    found = list(yaml.safe_load_all((folder / "trainer.yaml").read_text(encoding="utf-8")))
    [deployment] = [each for each in found if each["kind"] == "Deployment"]
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    trainer, worker = deployment["spec"]["template"]["spec"], pod("worker")
    assert trainer["securityContext"] == worker["securityContext"]
    [ours], [theirs] = trainer["containers"], worker["containers"]
    assert ours["securityContext"] == theirs["securityContext"]
    assert {mount["name"] for mount in ours["volumeMounts"]} == {
        volume["name"] for volume in trainer["volumes"]
    }
    policies = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "NetworkPolicy"}
    assert policies["trainer"]["ingress"] == []
    reached = {
        to["podSelector"]["matchLabels"][NAME] for rule in policies["trainer"]["egress"] for to in rule["to"]
    }
    assert reached == {"mongodb", "redis", "model-server"}
    for target in reached:
        let_in = policies[f"{target}-for-trainer"]
        assert let_in["podSelector"]["matchLabels"][NAME] == target
