"""Training frames are seen through cameras that are drawn at random, and stay what they show."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from test_cameras import KIRUNA, MINUTES, NIGHT

from norrsken.config.models import Network
from norrsken.models import classifiers, network
from norrsken.models.random_cameras import RANGES, compressed, seen_by_others
from norrsken.nights.images import process
from norrsken.simulation.night import scene

FRAMES = np.stack([process(scene(NIGHT, minute, KIRUNA).photograph(), KIRUNA) for minute in MINUTES])
BATCH = torch.from_numpy(FRAMES).permute(0, 3, 1, 2)


def seen(strength: str, seed: int = 0) -> np.ndarray:
    return seen_by_others(BATCH, torch.Generator().manual_seed(seed), strength).numpy()


@pytest.mark.parametrize("strength", RANGES)
def test_a_frame_stays_what_it_shows_but_looks_otherwise(strength: str) -> None:
    changed = seen(strength)
    assert changed.shape == tuple(BATCH.shape)
    assert changed.min() >= 0
    assert changed.max() <= 255
    for before, after in zip(FRAMES, changed, strict=True):
        correlation = np.corrcoef(before[..., 1].ravel(), after[1].ravel())[0, 1]
        assert 0.6 < correlation < 0.999
        assert np.abs(after - before.transpose(2, 0, 1)).mean() > 1


def test_strong_cameras_differ_more_than_mild_ones() -> None:
    differences = [
        np.mean([np.abs(seen(strength, seed) - BATCH.numpy()).mean() for seed in range(8)]) for strength in RANGES
    ]
    assert differences[1] > 1.5 * differences[0]


def test_each_frame_has_a_camera_of_its_own_and_the_seed_decides_it() -> None:
    twice = torch.cat([BATCH[:1], BATCH[:1]])
    one, other = seen_by_others(twice, torch.Generator().manual_seed(3), "mild").numpy()
    assert np.abs(one - other).mean() > 1
    np.testing.assert_array_equal(seen("mild", 3), seen("mild", 3))


def test_half_of_a_batch_stays_as_the_camera_took_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "augment", lambda frames, random: frames)
    settings = Network(kind="network", architecture="resnet18", cameras="mild", epochs=1)
    batch = torch.cat([BATCH, BATCH])[: 2 * len(BATCH) - 1]
    changed = network.augmentation_of(settings)(batch, torch.Generator().manual_seed(0))
    differ = [not torch.equal(before.float(), after) for before, after in zip(batch, changed, strict=True)]
    assert differ == [True] * len(BATCH) + [False] * (len(BATCH) - 1)
    plain = settings.model_copy(update={"cameras": None})
    assert torch.equal(network.augmentation_of(plain)(batch, torch.Generator()), batch)


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_compression_is_that_of_jpeg(quality: int) -> None:
    """Pillow's JPEG without coarser colours differs from the frame as much, and in the same places."""
    file = io.BytesIO()
    Image.fromarray(FRAMES[0]).save(file, "JPEG", quality=quality, subsampling=0)
    expected = np.asarray(Image.open(file)).astype(float)
    found = compressed(BATCH[:1].float(), torch.tensor([float(quality)]))[0].permute(1, 2, 0).numpy()
    lost, ours = (np.abs(frame - FRAMES[0]).mean() for frame in (expected, found))
    assert ours == pytest.approx(lost, rel=0.35, abs=0.3)
    assert np.abs(found - expected).mean() < 0.8 * lost + 0.3


def test_a_network_learns_through_cameras() -> None:
    settings = {"kind": "network", "architecture": "shufflenet_v2_x0_5", "epochs": 1, "batch_size": 3, "threads": 1}
    fits = []
    for cameras in (None, "mild", "mild"):
        classifier = classifiers.build(Network.model_validate(settings | {"cameras": cameras}), 0, 3)
        classifier.fit(FRAMES, np.arange(3))
        fits.append(classifier.predict(FRAMES).probabilities)
    assert not np.allclose(fits[0], fits[1])
    np.testing.assert_array_equal(fits[1], fits[2])
