"""Trains the network and the model of the sky's condition that come with norrsken, on the simulated sky alone.

Usage: python tools/fit_condition.py FOLDER

FOLDER is that of `many_cameras.py`, whose frames are drawn where they are not there. Five of seven nights are trained
on; the others, and their cameras, are new. Writes `norrsken/classify/condition.safetensors` and `condition.json`, with
how well it does on the new nights: through the reference camera, through random ones, and at other latitudes.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from many_cameras import Drawn, drawn
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from torch import Generator, Tensor, nn
from tqdm import tqdm

from norrsken.classes import CONDITIONS
from norrsken.classify import condition
from norrsken.classify.sky_measures import MEASURES, WIDTH
from norrsken.classify.sky_network import ARCHITECTURE, WEIGHTS, SkyNetwork
from norrsken.models.random_cameras import compressed, seen_by_others
from norrsken.models.weights import create
from norrsken.simulation.weather import SPOILING

#: What the measures count beside the network. They know the brightness of the reference camera's skies, and little of
#: other cameras.
SHARE = 0.15

#: What is added to the scores of the conditions: a clear frame that is taken for cloudy is lost, and one that is
#: wrongly taken for clear meets a classifier that may refuse it. This and SHARE were set with frames of two cameras in
#: view, AuroraMAX and Lenghu, to which nothing is fitted.
ADVANTAGE = (1.5, 0.0, -0.5, 0.0)

#: What spoilt frames that were looked for count in the fit: more than their share, or it would not be worth while.
SPOILT_WEIGHT = 0.5

#: Passes over the frames; frames in a step; the highest learning rate and the decay of AdamW; dropout before the end.
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 6, 32, 8e-4, 0.02, 0.1

#: Frames of each kind in an epoch; `clean` ones show an aurora of one class, and are clear.
PER_EPOCH = {"clear": 1800, "cloudy": 1900, "bright": 1400, "bad": 700, "clean": 1000}

#: Shares of the frames that are changed, in ways that cameras, archives and skies differ; see `changed`.
OTHER_CAMERA, STRETCHED, PALE, STARRY, FILMED, COVERED, CAPPED = 0.4, 0.4, 0.4, 0.5, 0.25, 0.25, 0.03


def changed(frames: Tensor, codes: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Frames (n, 3, 128, 128) of 0…255 as other cameras and archives would have them, and the codes of conditions."""
    n = len(frames)

    def some(share: float) -> Tensor:
        return torch.rand(n, generator=random) < share

    frames = frames.clone()
    # Long exposures under a dark sky show stars everywhere; cloud hides them.
    rows = some(STARRY) & (codes != CONDITIONS.index("cloudy")) & (codes != CONDITIONS.index("bad"))
    if rows.any():
        frames[rows] = with_stars(frames[rows], random)
    changes: tuple[tuple[float, Callable[[Tensor], Tensor]], ...] = (
        (OTHER_CAMERA, lambda part: seen_by_others(part, random, "strong")),
        (STRETCHED, lambda part: stretched(part, random)),
        (PALE, lambda part: pale(part, random)),
        (FILMED, lambda part: filmed(part, random)),
        (COVERED, lambda part: covered(part, random)),
    )
    for share, change in changes:
        rows = some(share)
        if rows.any():
            frames[rows] = change(frames[rows])
    capped = some(CAPPED)
    if capped.any():
        frames[capped] = caps(int(capped.sum()), random)
        codes = torch.where(capped, CONDITIONS.index("bad"), codes)
    if torch.rand((), generator=random) < 0.5:
        frames = frames.flip(3)
    turned = torch.rot90(frames, int(torch.randint(4, (), generator=random)), (2, 3))
    return turned.clamp(0, 255).contiguous(memory_format=torch.channels_last), codes


def uniform(low: float, high: float, *shape: int, random: Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random)


def with_stars(frames: Tensor, random: Generator) -> Tensor:
    """Stars of all brightness, and for one half a Milky Way: a mottled band."""
    n, _, height, width = frames.shape
    stars = torch.zeros(n, 1, height, width)
    for i in range(n):
        number = int(10 ** float(uniform(1.5, 3.6, 1, random=random)))
        at = torch.randint(height * width, (number,), generator=random)
        light = uniform(0.004, 1, number, random=random) ** -0.9
        stars[i].view(-1).index_add_(0, at, light)
    blur = torch.tensor([[0.08, 0.12, 0.08], [0.12, 0.2, 0.12], [0.08, 0.12, 0.08]]).view(1, 1, 3, 3)
    colours = uniform(0.8, 1.2, n, 3, 1, 1, random=random)
    light = nn.functional.conv2d(stars, blur, padding=1).clamp(max=60) * uniform(0.5, 6, n, 1, 1, 1, random=random)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    way = uniform(0, math.pi, n, 1, 1, random=random)
    away = torch.cos(way) * x + torch.sin(way) * y - uniform(-0.7, 0.7, n, 1, 1, random=random)
    mottled = nn.functional.interpolate(torch.rand(n, 1, 24, 24, generator=random), (height, width), mode="bicubic")
    band = torch.exp(-((away / uniform(0.1, 0.35, n, 1, 1, random=random)) ** 2))[:, None] * (0.5 + mottled)
    strength = uniform(0, 45, n, 1, 1, 1, random=random) * (torch.rand(n, 1, 1, 1, generator=random) < 0.5)
    return frames + light * colours + strength * band * colours


def stretched(frames: Tensor, random: Generator) -> Tensor:
    """Frames with another contrast and other dark levels, as archives publish them."""
    n = len(frames)
    dark = frames[..., ::4, ::4].flatten(2).quantile(0.03, dim=-1)[..., None, None]
    bright = frames.mean(dim=1)[..., ::4, ::4].flatten(1).quantile(0.995, dim=-1)[:, None, None, None]
    contrast = (bright - dark.mean(dim=1, keepdim=True)).clamp(min=5)
    wanted = uniform(30, 250, n, 1, 1, 1, random=random)
    balance = (1 + 0.2 * torch.randn(n, 3, 1, 1, generator=random)).clamp(0.4, 1.8)
    level = 90 * torch.rand(n, 1, 1, 1, generator=random) ** 2
    levels = level * (1 + 0.35 * torch.randn(n, 3, 1, 1, generator=random)).clamp(min=0)
    return ((frames - dark) / contrast * wanted * balance + levels).clamp(0, 255)


def pale(frames: Tensor, random: Generator) -> Tensor:
    """Frames with less colour."""
    grey = frames.mean(dim=1, keepdim=True)
    return grey + uniform(0.05, 1, len(frames), 1, 1, 1, random=random) * (frames - grey)


def filmed(frames: Tensor, random: Generator) -> Tensor:
    """Frames as a film has them: blurred, perhaps dark, in whole levels, and compressed hard."""
    n = len(frames)
    small = nn.functional.interpolate(frames, scale_factor=0.5, mode="bilinear", antialias=True)
    blurred = nn.functional.interpolate(small, frames.shape[-2:], mode="bilinear")
    mixed = torch.lerp(frames, blurred, uniform(0, 1, n, 1, 1, 1, random=random))
    gain = torch.where(torch.rand(n, generator=random) < 0.5, uniform(0.04, 0.6, n, random=random), torch.ones(n))
    dark = mixed * gain.view(-1, 1, 1, 1) + uniform(0, 6, n, 1, 1, 1, random=random)
    return compressed(dark.round().clamp(0, 255), uniform(20, 80, n, random=random))


def covered(frames: Tensor, random: Generator) -> Tensor:
    """Frames into which things of any colour stand from their edges."""
    result = frames.clone()
    for i in range(len(frames)):
        draws = np.random.default_rng(int(torch.randint(2**31, (), generator=random)))
        mask = np.zeros(frames.shape[-2:], np.uint8)
        for _ in range(draws.integers(1, 4)):
            at, depth, wide = draws.uniform(0, 128), draws.uniform(5, 45), draws.uniform(3, 30)
            tip = at + draws.uniform(-wide, wide)
            corners = np.array([[at - wide, 0], [at + wide, 0], [tip + wide / 3, depth], [tip - wide / 3, depth]])
            side = draws.integers(4)
            corners = corners[:, ::-1] if side % 2 else corners
            cv2.fillPoly(mask, [(127 - corners if side > 1 else corners).astype(np.int32)], 1)
        colour = draws.choice([0.1, 1.0], 3) * draws.uniform(5, 255)
        result[i] = torch.where(torch.from_numpy(mask > 0), torch.from_numpy(colour).float()[:, None, None], result[i])
    return result


def caps(number: int, random: Generator) -> Tensor:
    """Frames of a lens under its cap: nothing but a level, perhaps light that leaks in at one side, and noise."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 128), torch.linspace(-1, 1, 128), indexing="ij")
    way = uniform(0, 2 * math.pi, number, 1, 1, random=random)
    leak = (torch.cos(way) * x + torch.sin(way) * y + uniform(-0.5, 0.5, number, 1, 1, random=random)).clamp(min=0)
    level, colours = uniform(0, 30, number, 3, 1, 1, random=random), uniform(0.3, 1, number, 3, 1, 1, random=random)
    light = uniform(0, 25, number, 1, 1, 1, random=random) * leak[:, None] * colours
    noise = uniform(0.2, 3, number, 1, 1, 1, random=random) * torch.randn(number, 3, 128, 128, generator=random)
    return (level + light + noise).round().clamp(0, 255)


def train(frames: Drawn, seed: int = 0) -> tuple[SkyNetwork, nn.Linear]:
    """The network and its last layer."""
    torch.manual_seed(seed)
    random, draws = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    network, last = SkyNetwork(), nn.Linear(WIDTH, len(CONDITIONS))
    given = {k: v for k, v in create(ARCHITECTURE, "package").state_dict().items() if not k.startswith("classifier.")}
    network.network.load_state_dict(given)
    network.to(memory_format=torch.channels_last)
    kinds = np.where(frames.table["label"] != "", "clean", frames.table["condition"])
    names = np.where(kinds == "clean", "clear", kinds)
    codes = torch.tensor([CONDITIONS.index(name) for name in names])
    pools = {kind: np.flatnonzero(kinds == kind) for kind in PER_EPOCH}
    counts = {kind: min(number, len(pools[kind])) for kind, number in PER_EPOCH.items()}
    steps = sum(counts.values()) // BATCH
    parameters = [*network.parameters(), *last.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * steps + 1, pct_start=0.2)
    for epoch in range(EPOCHS):
        network.train()
        chosen = [draws.choice(pools[kind], number, replace=False) for kind, number in counts.items()]
        order, total = draws.permutation(np.concatenate(chosen)), 0.0
        for rows in tqdm(np.array_split(order, steps), f"epoch {epoch + 1}/{EPOCHS}", leave=False, disable=None):
            images, truth = changed(
                torch.from_numpy(frames.images[rows]).permute(0, 3, 1, 2).float(), codes[rows], random
            )
            scores = last(nn.functional.dropout(network(images), DROPOUT))
            loss = nn.functional.cross_entropy(scores, truth)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / steps:.3f}", flush=True)
    return network.eval(), last


def model_of(last: nn.Linear, frames: Drawn) -> condition.Condition:
    """The last layer behind the shipped network, and a regression on the reference camera's measures, as one model."""
    table = frames.table
    reference = frames.where((table["camera"] == 0) & (table["condition"] != ""))
    found = np.concatenate([condition.measure(frames.images[::4]), condition.measure(reference.images)])
    mean, deviation = found.mean(axis=0), np.maximum(found.std(axis=0), 1e-3)
    few = found[-len(reference.images) :, -len(MEASURES) :]  # of these the reference camera's alone count
    mean[-len(MEASURES) :], deviation[-len(MEASURES) :] = few.mean(axis=0), few.std(axis=0)
    empty = condition.Condition(weights=[], mean=mean.round(5).tolist(), deviation=deviation.round(5).tolist())
    terms = condition.terms(found[-len(few) :], empty)
    chosen = condition.of_measures(terms.shape[1])
    weights = np.zeros((len(CONDITIONS), terms.shape[1]))
    codes = [CONDITIONS.index(name) for name in reference.table["condition"]]
    spoilt = (reference.table["condition"] == "bad") & (reference.table["kind"] != "")
    regression = LogisticRegression(C=0.3, fit_intercept=False, max_iter=5000)
    regression.fit(terms[:, chosen], codes, np.where(spoilt, SPOILT_WEIGHT, 1))
    weights[:, chosen] = SHARE * regression.coef_
    seen = last.weight.detach().double().numpy()
    weights[:, 1 : 1 + WIDTH] = seen * deviation[:WIDTH]
    weights[:, 0] += last.bias.detach().double().numpy() + seen @ mean[:WIDTH] + np.array(ADVANTAGE)
    return empty.model_copy(update={"weights": weights.round(5).tolist()})


def scores_of(found: NDArray[np.str_], frames: Drawn) -> dict[str, float | int | str | None]:
    """How well conditions are found, of frames of whatever weather, and of those that something spoils."""
    table, scores = frames.table.assign(found=found), dict[str, float | int | str | None]()
    sets = {
        "": (table["camera"] == 0) & ~table["elsewhere"],
        "cameras_": (table["camera"] > 0) & ~table["elsewhere"],
        "elsewhere_": table["elsewhere"],
    }
    for prefix, rows in sets.items():
        some = table[rows & (table["kind"] == "")]
        scores |= {f"{prefix}nights": some["night"].nunique(), f"{prefix}frames": len(some)}
        values = precision_recall_fscore_support(
            some["condition"], some["found"], labels=CONDITIONS, zero_division=np.nan
        )
        for name, precision, recall, _, number in zip(CONDITIONS, *values, strict=True):
            scores |= {
                f"{prefix}{name}_frames": int(number),
                f"{prefix}{name}_precision": round(float(precision), 4),
                f"{prefix}{name}_recall": round(float(recall), 4),
            }
    for what in SPOILING:
        some = table[table["kind"] == what]
        scores |= {f"{what}_frames": len(some), f"{what}_found": round(float((some["found"] == "bad").mean()), 4)}
    some = table[(table["kind"] == "breakup") & (table["condition"] == "clear")]
    scores |= {"breakup_frames": len(some), "breakup_clear": round(float((some["found"] == "clear").mean()), 4)}
    return scores


def main() -> None:
    folder = Path(sys.argv[1])
    frames = drawn(folder)
    # A black frame is bad by rule; a clean one is seen by the random cameras alone.
    used = (frames.table["kind"] != "black") & ((frames.table["label"] == "") | (frames.table["camera"] > 0))
    trained = frames.where(used & (frames.table["part"] == "train"))
    last, file = nn.Linear(WIDTH, len(CONDITIONS)), folder / "condition.safetensors"
    if not file.exists():
        network, last = train(trained)
        halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
        layer = {f"last.{key}": t for key, t in last.state_dict().items()}
        save_file({key: t.contiguous() for key, t in (halves | layer).items()}, file)
    tensors = load_file(file)
    last.load_state_dict({key: tensors.pop(f"last.{key}") for key in ("weight", "bias")})
    save_file(tensors, str(WEIGHTS))  # before anything is measured: `condition.measure` reads it once
    model = model_of(last, trained)
    new = frames.where((frames.table["label"] == "") & (frames.table["part"] != "train"))
    found = condition.predict(condition.measure(new.images), model)
    scores = scores_of(np.where(condition.bad(new.images), "bad", found), new)
    print(scores)
    condition.write_condition(model.model_copy(update={"scores": scores}), WEIGHTS.parent / "condition.json")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
