"""Batches of mixed requests, answered with one forward."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.answer import WITHOUT_STATISTICS, as_json
from handlers.engines.compiled import has_compiler
from handlers.engines.engine import Forward
from handlers.engines.settings import EngineSettings
from handlers.gradcam import HeadGradCam
from handlers.network import load_network
from handlers.predictor import Predictor
from handlers.preprocessing import normalise, to_square, to_tensor
from handlers.request import Options, Request
from imaging.decoding import decode
from imaging.errors import Busy, CodedError, EmptyImage, ImageTooSmall
from imaging.heat import enlarged
from imaging.pixels import grey_to_rgb
from imaging.quality import QualityLimits, quality
from tests.images import bscan, encoded, from_base64, png_bytes
from tests.models import LABELS, give_statistics, make_model
from tests.services import engines

# Each engine is loaded, the first time in a checkout compiled, in one process only.
pytestmark = pytest.mark.xdist_group("engines")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("store"))


@pytest.fixture(
    scope="module",
    params=[
        "eager",
        pytest.param("openvino"),
        pytest.param(
            "compiled", marks=pytest.mark.skipif(not has_compiler(), reason="no C++ compiler is installed")
        ),
    ],
)
def predictor(folder: Path, request: pytest.FixtureRequest) -> Predictor:
    loaded = Predictor.load(folder, settings=EngineSettings(request.param, engines()))
    assert loaded.engine.description.startswith(request.param)
    return loaded


def answer(predictor: Predictor, content: bytes, **options: Any) -> dict[str, Any]:
    """The answer as JSON that a caller reads."""
    (outcome,) = predictor.answer([Request(content, None, Options(**options))])
    assert not isinstance(outcome, CodedError), outcome
    read: dict[str, Any] = json.loads(as_json(outcome))
    return read


def test_an_answer_has_everything_the_contract_names(predictor: Predictor) -> None:
    content = png_bytes(640, 400)
    found = answer(predictor, content)
    assert set(found) == {
        "model",
        "prediction",
        "probabilities",
        "familiarity",
        "known",
        "prediction_set",
        "state",
        "because",
        "group",
        "nearest",
        "calibration",
        "gradcam",
        "findings",
        "caveats",
        "quality",
        "image",
        "timing_ms",
    }
    card = predictor.card
    assert found["model"] == {
        "name": "retina-oct",
        "version": "1.0.0",
        "architecture": "convnext_atto",
        "weights_sha256": card.weights_sha256,
    }
    assert tuple(found["probabilities"]) == LABELS
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    best = max(found["probabilities"], key=lambda label: found["probabilities"][label])
    assert found["prediction"] == {"label": best, "confidence": found["probabilities"][best]}
    assert found["quality"] == quality(decode(content).pixels)
    assert found["quality"]["acceptable"]
    # This model has neither a map of findings nor statistics.
    assert found["findings"] is None
    assert [found[name] for name in ("familiarity", "known", "prediction_set", "group", "calibration")] == [
        None
    ] * 5
    assert (found["state"], found["because"], found["nearest"]) == ("answered", "no_statistics", [])
    assert found["caveats"] == [WITHOUT_STATISTICS]
    assert found["image"] == {"width": 640, "height": 400, "sha256": hashlib.sha256(content).hexdigest()}
    assert set(found["timing_ms"]) == {"decode", "forward", "explain", "encode"}
    assert all(value >= 0 for value in found["timing_ms"].values())
    assert found["gradcam"]["label"] == best
    assert found["gradcam"]["media_type"] == "image/png"
    assert from_base64(found["gradcam"]["overlay"]).size == (640, 400)
    heatmap = from_base64(found["gradcam"]["heatmap"])
    assert (heatmap.format, heatmap.mode, heatmap.size) == ("PNG", "L", (640, 400))


def test_a_card_of_another_modality_judges_by_its_own_limits(tmp_path: Path) -> None:
    own = make_model(tmp_path, name="chest-xray")
    limits = QualityLimits("a chest X-ray", "chest X-rays", least_side=500)
    give_statistics(own, modality="chest-xray", quality=limits, notes=("A demonstration.",))
    predictor = Predictor.load(own, settings=EngineSettings("eager", engines()))
    found = answer(predictor, png_bytes(640, 400))
    assert found["modality"] == "chest-xray"
    assert found["caveats"] == ["A demonstration."]
    assert found["quality"] == quality(decode(png_bytes(640, 400)).pixels, limits)
    assert [reason.split(":")[0] for reason in found["quality"]["reasons"]] == ["The image is too small"]


def test_probabilities_are_the_networks_own_at_its_temperature(predictor: Predictor, folder: Path) -> None:
    card, network = load_network(folder)
    assert card.temperature != 1
    with torch.inference_mode():
        logits = network(to_tensor(grey_to_rgb(bscan(500, 300, seed=4)), card.input)[None])[0]
    expected = (logits / card.temperature).softmax(0).tolist()
    found = answer(predictor, png_bytes(500, 300, seed=4))["probabilities"]
    assert list(found.values()) == pytest.approx(expected, abs=0.01)


def test_the_pooled_features_are_the_mean_of_the_networks_last_ones(
    predictor: Predictor, folder: Path
) -> None:
    card, network = load_network(folder)
    pixels = torch.stack(
        [to_square(grey_to_rgb(bscan(500, 300, seed)), card.input.size) for seed in range(3)]
    )
    with torch.inference_mode():
        expected = network.forward_features(normalise(pixels, card.input)).mean((2, 3))  # type: ignore[operator]
    found = predictor.engine(pixels).pooled
    assert found is not None and found.shape == (3, 320)
    assert float((found - expected).abs().max()) <= 0.02 * float(expected.abs().max())


def test_an_asked_label_is_explained(predictor: Predictor) -> None:
    content = png_bytes()
    first = answer(predictor, content)
    other = next(label for label in LABELS if label != first["prediction"]["label"])
    asked = answer(predictor, content, label=other)
    assert asked["gradcam"]["label"] == other
    assert asked["gradcam"]["heatmap"] != first["gradcam"]["heatmap"]
    assert asked["prediction"] == first["prediction"]


def test_no_explanation_when_none_is_wanted(predictor: Predictor) -> None:
    assert "gradcam" not in answer(predictor, png_bytes(), explain=False)


def test_no_overlay_is_drawn_for_who_does_without(predictor: Predictor) -> None:
    whole, less = (answer(predictor, png_bytes(), overlay=wanted)["gradcam"] for wanted in (True, False))
    assert whole.keys() - less.keys() == {"overlay", "media_type"}
    assert all(whole[name] == less[name] for name in less)


@pytest.mark.parametrize(("width", "height"), [(640, 400), (37, 901)])
def test_who_asks_for_the_grid_of_a_heat_map_makes_the_same_pixels_of_it(
    predictor: Predictor, width: int, height: int
) -> None:
    content = png_bytes(width, height)
    whole = answer(predictor, content, overlay=False)["gradcam"]
    less = answer(predictor, content, overlay=False, heatmap="grid")["gradcam"]
    grid = less.pop("grid")
    assert (grid["width"], grid["height"]) == (width, height)
    assert len(grid["cells"]) < 30
    made = enlarged(np.array(grid["cells"], np.uint8), width, height)
    assert np.array_equal(made, np.asarray(from_base64(whole.pop("heatmap"))))
    assert less == whole


def test_an_overlay_can_be_jpeg(predictor: Predictor) -> None:
    gradcam = answer(predictor, png_bytes(), overlay_format="jpeg")["gradcam"]
    assert gradcam["media_type"] == "image/jpeg"
    assert from_base64(gradcam["overlay"]).format == "JPEG"


def test_a_turned_photo_is_answered_in_the_pixels_that_are_seen(predictor: Predictor) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = answer(predictor, encoded(bscan(400, 200), "JPEG", exif=exif))
    assert (found["image"]["width"], found["image"]["height"]) == (200, 400)
    assert from_base64(found["gradcam"]["overlay"]).size == (200, 400)


def test_a_batch_mixes_sizes_options_and_faults(predictor: Predictor) -> None:
    contents = [png_bytes(300 + 40 * number, 200 + 10 * number, number) for number in range(4)]
    requests = [
        Request(contents[0]),
        Request(b""),
        Request(contents[1], None, Options(explain=False)),
        Request(contents[2], None, Options(label="MH")),
        Request(encoded(np.zeros((10, 10), np.uint8))),
        Request(contents[3], None, Options(), explanation_only=True),
    ]
    outcomes: list[Any] = predictor.answer(requests)
    assert isinstance(outcomes[1], EmptyImage)
    assert isinstance(outcomes[4], ImageTooSmall)
    assert outcomes[3]["gradcam"]["label"] == "MH"
    assert set(outcomes[5]) == {"model", "gradcam"}
    for number, place in enumerate((0, 2, 3)):
        alone = answer(predictor, contents[number])
        assert outcomes[place]["image"] == alone["image"]
        assert list(outcomes[place]["probabilities"].values()) == pytest.approx(
            list(alone["probabilities"].values()), abs=0.005
        )
    assert outcomes[0]["timing_ms"]["forward"] == outcomes[3]["timing_ms"]["forward"]


def test_a_batch_takes_one_forward(folder: Path) -> None:
    loaded = Predictor.load(folder, settings=EngineSettings("eager"))
    seen: list[tuple[int, ...]] = []

    class Counted:
        description = "counted"

        def __call__(self, pixels: torch.Tensor) -> Forward:
            seen.append(tuple(pixels.shape))
            return loaded.engine(pixels)

    network = load_network(folder)[1]
    counting = Predictor(loaded.card, Counted(), HeadGradCam(network.get_submodule("head")))
    counting.answer([Request(png_bytes(200 + 50 * number, 150)) for number in range(5)])
    assert seen == [(5, 3, 224, 224)]


def test_more_images_than_fit_in_memory_follow_one_another(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [png_bytes(seed=1), b"hello", png_bytes(seed=2), png_bytes(seed=3), b"hello"]
    requests = [Request(scan, options=Options(explain=False)) for scan in scans]
    at_once = predictor.answer(requests)

    monkeypatch.setattr("handlers.predictor.AT_ONCE", 2)

    for one, other in zip(at_once, predictor.answer(requests), strict=True):
        assert type(one) is type(other)
        if not isinstance(one, CodedError):
            assert one["image"] == other["image"]  # type: ignore[typeddict-item]


def test_an_answer_without_finite_probabilities_is_an_error_of_its_own(folder: Path) -> None:
    loaded = Predictor.load(folder, settings=EngineSettings("eager"))

    class Broken:
        description = "broken"

        def __call__(self, pixels: torch.Tensor) -> Forward:
            forward = loaded.engine(pixels)
            logits = forward.logits.clone()
            logits[1] = torch.nan
            return Forward(logits, forward.features)

    network = load_network(folder)[1]
    broken = Predictor(loaded.card, Broken(), HeadGradCam(network.get_submodule("head")))
    first, second = broken.answer([Request(png_bytes(seed=seed)) for seed in range(2)])
    assert not isinstance(first, CodedError)
    assert isinstance(second, CodedError) and second.status == 500


def test_a_batch_of_faults_alone_is_answered(predictor: Predictor) -> None:
    outcomes = predictor.answer([Request(b""), Request(b"nonsense")])
    assert [outcome.code for outcome in outcomes if isinstance(outcome, CodedError)] == [
        "empty_image",
        "unreadable_image",
    ]


def test_other_architectures_are_served_too(tmp_path: Path) -> None:
    predictor = Predictor.load(make_model(tmp_path, architecture="resnet18"))
    gradcam = answer(predictor, png_bytes(), label="DME")["gradcam"]
    assert gradcam["label"] == "DME"
    assert from_base64(gradcam["heatmap"]).size == (512, 384)


LARGE = encoded(np.zeros((2500, 2500, 3), np.uint8))


def test_a_large_picture_is_answered_alone(folder: Path) -> None:
    predictor = Predictor.load(folder, settings=EngineSettings("eager"))
    small, busy, faulty = predictor.answer([Request(png_bytes()), Request(LARGE), Request(b"")])
    assert not isinstance(small, CodedError)
    assert isinstance(busy, Busy) and busy.status == 503
    assert isinstance(faulty, EmptyImage)


def test_large_pictures_take_turns(folder: Path) -> None:
    predictor = Predictor.load(folder, settings=EngineSettings("eager"))
    for _ in range(2):  # nobody else asks
        first, second = predictor.answer([Request(LARGE, options=Options(explain=False)) for _ in range(2)])
        assert not isinstance(first, CodedError)
        assert isinstance(second, Busy)
    predictor.answer([Request(png_bytes())])
    assert isinstance(predictor.answer([Request(LARGE)])[0], Busy), "somebody else asks"


def test_small_pictures_of_every_format_are_answered_together(folder: Path) -> None:
    predictor = Predictor.load(folder, settings=EngineSettings("eager"))
    outcomes = predictor.answer([Request(png_bytes()), Request(encoded(bscan(64, 48), "WEBP"))])
    assert not any(isinstance(outcome, CodedError) for outcome in outcomes)
