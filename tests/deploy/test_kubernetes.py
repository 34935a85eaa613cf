"""The Kubernetes manifests: by the published schemas, strictly, and by what they promise."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest

from scenarios.control.limits import Limits
from scenarios.control.live_run import ANALYSIS_TIMEOUT_S, STORE_TIMEOUT_S
from tests.deploy.containers import (
    FLEET_KEY_VARIABLE,
    MASTER_PORT,
    ROOT,
    UI_PORT,
    compose,
    container,
    inherited,
    known_variables,
    manifests,
    pods,
)

# The oldest that has all that is used here, and the newest that the schemas are there of.
VERSIONS = ("1.28", kubernetes_validate.latest_version())
MANIFESTS = manifests()
PODS = pods()
MASTERS = [key for key in PODS if key.endswith("wsoak-master")]
WORKERS = [key for key in PODS if key.endswith("wsoak-workers")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("key", list(MANIFESTS))
def test_a_manifest_follows_the_published_schema_and_has_no_property_that_it_does_not_know(
    key: str, version: str
) -> None:
    kubernetes_validate.validate(MANIFESTS[key], version, strict=True)


def test_the_schema_refuses_a_misspelt_property_so_that_the_rule_can_fail() -> None:
    job = MANIFESTS["workers.yaml wsoak-workers"]
    wrong = {**job, "spec": {**job["spec"], "paralelism": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_one_run_is_two_jobs_and_the_ui_two_deployments() -> None:
    assert {key: MANIFESTS[key]["kind"] for key in PODS} == {
        "master.yaml wsoak-master": "Job",
        "workers.yaml wsoak-workers": "Job",
        "ui/master.yaml wsoak-master": "Deployment",
        "ui/workers.yaml wsoak-workers": "Deployment",
    }


def test_a_run_that_ended_badly_is_not_begun_again_and_a_worker_that_crashed_is() -> None:
    assert MANIFESTS["master.yaml wsoak-master"]["spec"]["backoffLimit"] == 0
    assert PODS["master.yaml wsoak-master"]["spec"]["restartPolicy"] == "Never"
    assert PODS["workers.yaml wsoak-workers"]["spec"]["restartPolicy"] == "OnFailure"


def test_the_run_begins_with_as_many_workers_as_there_are() -> None:
    settings = MANIFESTS["settings.yaml wsoak"]["data"]
    job = MANIFESTS["workers.yaml wsoak-workers"]["spec"]
    assert int(settings["LOCUST_EXPECT_WORKERS"]) == job["parallelism"] == job["completions"]


@pytest.mark.parametrize("key", list(PODS))
def test_every_variable_is_one_that_wsoak_or_locust_reads(key: str) -> None:
    variables = {entry["name"] for entry in container(PODS[key])["env"]}
    assert variables <= known_variables()
    assert set(MANIFESTS["settings.yaml wsoak"]["data"]) <= known_variables()


@pytest.mark.parametrize("key", list(PODS))
def test_secrets_come_from_the_secret_by_their_names(key: str) -> None:
    names = set(MANIFESTS["example/secret.yaml wsoak"]["stringData"])
    assert FLEET_KEY_VARIABLE in names
    for entry in container(PODS[key])["env"]:
        reference = entry["valueFrom"]["secretKeyRef"]
        assert reference["name"] == "wsoak"
        assert entry["name"] == reference["key"]
        assert reference["key"] in names
    assert not names & set(MANIFESTS["settings.yaml wsoak"]["data"])


def test_the_example_of_a_secret_holds_no_word_that_somebody_might_use() -> None:
    assert set(MANIFESTS["example/secret.yaml wsoak"]["stringData"].values()) == {""}


def test_the_example_of_a_secret_is_not_applied_with_the_others() -> None:
    kinds = {document["kind"] for key, document in MANIFESTS.items() if "/" not in key}
    assert "Secret" not in kinds


@pytest.mark.parametrize("key", list(PODS))
def test_a_pod_is_nobodys_root_and_writes_only_reports_and_temporary_files(key: str) -> None:
    pod = PODS[key]["spec"]
    user, _, group = str(inherited("base", "USER")).partition(":")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["runAsGroup"] == int(group)
    one = container(PODS[key])
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in one["volumeMounts"]} == {str(inherited("base", "VOLUME")), "/tmp"}
    assert {mount["name"] for mount in one["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("key", MASTERS)
def test_the_reports_of_a_master_are_on_the_claim_that_there_is(key: str) -> None:
    claims = [v["persistentVolumeClaim"]["claimName"] for v in PODS[key]["spec"]["volumes"] if "emptyDir" not in v]
    assert claims == ["wsoak-reports"]
    assert MANIFESTS["reports.yaml wsoak-reports"]["kind"] == "PersistentVolumeClaim"


def test_a_pod_is_given_the_time_to_end_in_order() -> None:
    limits = Limits()
    for key in WORKERS:
        assert PODS[key]["spec"]["terminationGracePeriodSeconds"] > limits.drain_s + limits.alone_s
    for key in MASTERS:
        end_s = limits.drain_s + limits.missing_s + STORE_TIMEOUT_S + ANALYSIS_TIMEOUT_S
        assert PODS[key]["spec"]["terminationGracePeriodSeconds"] > end_s


@pytest.mark.parametrize("key", WORKERS)
def test_a_worker_is_never_throttled_nor_ended_for_having_lost_its_master(key: str) -> None:
    one = container(PODS[key])
    assert "cpu" in one["resources"]["requests"]
    assert "cpu" not in one["resources"]["limits"]
    assert not [name for name in one if name.endswith("Probe")]


@pytest.mark.parametrize("key", MASTERS)
def test_the_service_leads_to_the_masters_port_and_workers_look_for_its_name(key: str) -> None:
    service = MANIFESTS["service.yaml wsoak-master"]
    assert service["spec"]["selector"].items() <= PODS[key]["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    ports = {entry["name"]: entry["containerPort"] for entry in container(PODS[key])["ports"]}
    assert port["port"] == ports[port["targetPort"]] == MASTER_PORT
    assert ports.get("ui", UI_PORT) == UI_PORT
    assert container(PODS[key])["readinessProbe"]["exec"]["command"][-1] == str(MASTER_PORT)
    for worker in WORKERS:
        assert container(PODS[worker])["args"] == ["--worker", "--master-host", service["metadata"]["name"]]


def test_only_workers_reach_the_master_and_nobody_a_worker() -> None:
    def selects(policy: dict[str, Any], key: str) -> bool:
        labels: dict[str, str] = policy["matchLabels"]
        return set(labels.items()) <= set(PODS[key]["metadata"]["labels"].items())

    master = MANIFESTS["network.yaml wsoak-master"]["spec"]
    (rule,) = master["ingress"]
    (peer,) = rule["from"]
    assert [key for key in PODS if selects(master["podSelector"], key)] == MASTERS
    assert [key for key in PODS if selects(peer["podSelector"], key)] == WORKERS
    worker = MANIFESTS["network.yaml wsoak-worker"]["spec"]
    assert [key for key in PODS if selects(worker["podSelector"], key)] == WORKERS
    assert worker["policyTypes"] == ["Ingress"] and "ingress" not in worker


def test_the_images_are_those_that_compose_builds() -> None:
    images = {container(pod)["image"] for pod in PODS.values()}
    assert images == {service["image"] for service in compose()["services"].values()}


def test_the_page_names_the_same_files() -> None:
    page = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    for name in re.findall(r"deploy/[\w/.-]+", page):
        assert (ROOT / name).exists(), name
    assert "deploy/kubernetes" in page
