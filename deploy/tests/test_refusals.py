"""Values that render, and would lose or expose something, are refused in words that name them."""

from typing import Any

import pytest
from helm_python import HelmError
from rendering import MINIMAL, containers, named, render

FOLDER = "file:///var/lib/guiche/files"


def refusal(wrong: dict[str, Any]) -> str:
    with pytest.raises(HelmError) as refused:
        render({**MINIMAL, **wrong})
    return str(refused.value)


@pytest.mark.parametrize("url", [FOLDER, "file:///tmp/files"])
def test_a_folder_for_files_without_a_claim_is_refused(url: str) -> None:
    assert "needs objectStore.existingClaim" in refusal({"objectStore": {"url": url}})


@pytest.mark.parametrize("folder", ["/tmp", "/tmp/files"])
def test_a_claim_is_not_mounted_where_each_pod_has_a_folder_of_its_own(folder: str) -> None:
    wrong = {"objectStore": {"url": f"file://{folder}", "existingClaim": "files"}}
    assert "objectStore.url must not be at or below /tmp" in refusal(wrong)


@pytest.mark.parametrize(
    "folder",
    ["", "/", "var/files", "/var//files", "/var/files/", "/var/../tmp/files", "/t%6dp/files", "localhost/files"],
)
def test_a_folder_that_could_be_mounted_elsewhere_than_it_is_written_is_refused(folder: str) -> None:
    wrong = {"objectStore": {"url": f"file://{folder}", "existingClaim": "files"}}
    assert "objectStore.url must be file:///folder" in refusal(wrong)


def test_a_claim_that_nothing_would_be_kept_in_is_refused() -> None:
    wrong = {"objectStore": {"url": "s3://guiche/sac", "existingClaim": "files"}}
    assert "objectStore.existingClaim is for a folder" in refusal(wrong)


def test_files_in_memory_are_refused() -> None:
    assert "objectStore.url must not be memory" in refusal({"objectStore": {"url": "memory:///"}})


def test_a_folder_whose_name_only_begins_like_that_of_each_pod_is_taken() -> None:
    taken = render({**MINIMAL, "objectStore": {"url": "file:///tmpfiles", "existingClaim": "files"}})
    mounts = {mount["mountPath"] for _, _, container in containers(taken) for mount in container["volumeMounts"]}
    assert "/tmpfiles" in mounts


@pytest.mark.parametrize("secret", [{"password": "x"}, {"existingSecret": "relay"}])
def test_a_password_that_no_user_would_give_is_refused(secret: dict[str, str]) -> None:
    assert "need relay.user" in refusal({"relay": {"address": "relay.example.com:587", **secret}})


def test_more_replicas_at_least_than_at_most_are_refused() -> None:
    wrong = {"autoscaling": {"ingest": {"enabled": True, "minReplicas": 5, "maxReplicas": 2}}}
    assert "autoscaling.ingest.minReplicas, 5, must not be above" in refusal(wrong)
    wrong["autoscaling"]["ingest"]["maxReplicas"] = 5
    scaled = named(render({**MINIMAL, **wrong}), "ScaledObject", "guiche-mail-ingest")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (5, 5)
