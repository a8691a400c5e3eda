"""Keys of a real TorchServe: read, used, renewed."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from serving.keys import InferenceKey, KeyUnavailable
from tests.serving.conftest import Trial

pytestmark = pytest.mark.xdist_group("trial")


def opens(trial: Trial, key: str) -> bool:
    """Whether TorchServe lets a caller with this key in."""
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(f"{trial.server.inference_url}/ping", headers=headers, timeout=10).ok


def test_the_current_key_opens_the_model_server(trial: Trial) -> None:
    assert opens(trial, trial.inference_key().current())


def test_without_a_key_nobody_gets_in(trial: Trial) -> None:
    answer = requests.get(f"{trial.server.inference_url}/ping", timeout=10)

    assert answer.status_code == 400
    assert answer.json()["type"] == "InvalidKeyException"


def test_a_key_is_valid_for_a_day(trial: Trial) -> None:
    left = trial.inference_key().key().expires - datetime.now(UTC)

    assert timedelta(hours=23) < left <= timedelta(hours=24)


def test_a_renewed_key_replaces_the_old_one_at_once(trial: Trial) -> None:
    key = trial.inference_key()
    old = key.current()

    new = key.renew()

    assert new != old
    assert not opens(trial, old)
    assert opens(trial, new)


def test_another_holder_notices_the_renewal(trial: Trial) -> None:
    mine, theirs = trial.inference_key(), trial.inference_key()
    mine.current()

    new = theirs.renew(rejected=theirs.current())

    assert mine.current() == new


def test_holders_that_were_refused_together_renew_once(trial: Trial) -> None:
    rejected = trial.inference_key().current()

    with ThreadPoolExecutor(8) as pool:
        renewed = set(pool.map(lambda _: trial.inference_key().renew(rejected=rejected), range(8)))

    assert len(renewed) == 1
    assert opens(trial, renewed.pop())


def test_threads_of_one_holder_that_were_refused_together_renew_once(trial: Trial) -> None:
    key = trial.inference_key()
    all_have_it = threading.Barrier(8)

    def refused(_: int) -> str:
        key.current()
        all_have_it.wait(10)
        return key.renew()

    with ThreadPoolExecutor(8) as pool:
        renewed = set(pool.map(refused, range(8)))

    assert len(renewed) == 1
    assert opens(trial, renewed.pop())


def test_a_key_about_to_expire_is_renewed_before_it_is_used(trial: Trial, tmp_path: Path) -> None:
    """The file says that five minutes are left; TorchServe writes the renewed key to its own file, not to this copy."""
    keys = json.loads(trial.server.key_file.read_text())
    soon = datetime.now(UTC) + timedelta(minutes=5)
    keys["inference"]["expiration time"] = soon.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    copy = tmp_path / "key_file.json"
    copy.write_text(json.dumps(keys))

    InferenceKey(copy, trial.server.management_url).current()

    assert not opens(trial, keys["inference"]["key"])


def test_no_key_file_setting_means_no_header() -> None:
    assert InferenceKey(None, "http://127.0.0.1:9").headers() == {}


def test_a_missing_key_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="is the model server running"):
        InferenceKey(tmp_path / "key_file.json", "http://127.0.0.1:9").current()


def test_a_file_that_is_something_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "key_file.json").write_text('{"half":')

    with pytest.raises(KeyUnavailable, match="is not a key file"):
        InferenceKey(tmp_path / "key_file.json", "http://127.0.0.1:9").current()


def test_a_model_server_that_is_gone_is_said(trial: Trial) -> None:
    key = InferenceKey(trial.server.key_file, "http://127.0.0.1:9")

    with pytest.raises(KeyUnavailable, match="does not answer at http://127.0.0.1:9"):
        key.renew(rejected=key.current())
