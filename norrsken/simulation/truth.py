"""What a simulated frame shows: shares of its pixels by form, and the label of Kvammen et al. 2020, section 2.2."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken.config.label_set import FORMS as FORMS_SHOWN
from norrsken.config.label_set import LabelSet, Simulated
from norrsken.errors import NorrskenError
from norrsken.paper import CLASSES, EXCLUSIONS
from norrsken.schemas import FRAME_ID, NIGHT, TIME, field
from norrsken.simulation.aurora import seen_at
from norrsken.simulation.exposure import KILORAYLEIGH, seen_by_reference
from norrsken.simulation.forms import FORMS, PARTS, Maps
from norrsken.simulation.lens import Lens, reference

Field = NDArray[np.float32]
Series = NDArray[np.float64]

#: What is measured in each frame and decides its class, in this order. Finer label sets need `ATTRIBUTES` as well.
MEASURES = (*FORMS, "colored", "bright", "central", "span", "cloud")
ATTRIBUTES = ("arcs_number", *PARTS, "red_alone")

#: Aurora is visible above `VISIBLE`, in kR, where it adds more than the share `CONTRAST` to the sky's own light. It is
#: bright above `BRIGHT`, in kR.
VISIBLE, CONTRAST, BRIGHT = 0.5, 0.25, 7.5

#: Minutes that somebody who looks at a keogram judges together.
SPAN = 31

#: A pixel is coloured when red or blue is more than this share of green, and red alone when red is more than this.
COLORED, RED_ALONE = 0.75, 1.5

#: Rows of the crop that two arcs lie apart at least, when they are counted.
_APART = 4

#: The schema of the truth beside a simulated archive: one row for each frame.
TRUTH_TABLE = pa.schema(
    [
        FRAME_ID,
        TIME,
        NIGHT,
        field("path", pa.string(), "relative to the archive's root"),
        field("sun_altitude", pa.float64(), "degrees, apparent, without refraction"),
        field("moon_altitude", pa.float64(), "degrees, apparent, without refraction"),
        field("breakup", pa.float32(), "share of the crop's pixels in which a breakup is what is seen"),
        field("arcs", pa.float32(), "likewise, arcs"),
        field("discrete", pa.float32(), "likewise, discrete-irregular forms"),
        field("patchy", pa.float32(), "likewise, patches and diffuse aurora"),
        field("colored", pa.float32(), "share of the crop's pixels with more red or blue than green aurora has"),
        field("bright", pa.float32(), "share of the crop's pixels as bright as a breakup"),
        field("central", pa.float32(), "of the pixels with aurora, the share away from the crop's edge"),
        field("span", pa.float32(), "share of the crop's columns that arcs cross"),
        field("arcs_number", pa.float32(), "arcs that a column of the crop crosses, mean over those with arcs"),
        field("vortices", pa.float32(), "share of the crop's pixels with sheets that a spiral or surge has wound up"),
        field("streamers", pa.float32(), "likewise, with north-south streamers"),
        field("omega", pa.float32(), "likewise, with the tongues of omega bands and torches"),
        field("red_alone", pa.float32(), "share of the crop's pixels with red aurora that has little green or none"),
        field("cloud", pa.float32(), "share of the light that clouds and haze take away, mean over the crop"),
        field("spoilt", pa.bool_(), "black, snow on the dome, a laser or a headlight"),
        field("label", pa.string(), "the class by the definitions of section 2.2, or unknown, or rejected"),
        field("flaw", pa.string(), "what is wrong with the file", nullable=True),
        field("offered", pa.bool_(), "given to the annotators: dark, in a span of likely aurora, hardly cloudy"),
    ]
)


@dataclass(frozen=True)
class Shares:
    """What is measured in a frame: shares from 0 to 1, as `TRUTH_TABLE` describes them."""

    breakup: float
    arcs: float
    discrete: float
    patchy: float
    colored: float
    bright: float
    central: float
    span: float
    arcs_number: float
    vortices: float
    streamers: float
    omega: float
    red_alone: float
    cloud: float


def measure(maps: Maps, lines: Field, sky: Field, cloud: Field, lens: Lens) -> Shares:
    """Measure what a frame shows on the reference grid, which is the same for all cameras.

    lines: aurora dimmed by the air, kR of three lines, (231, 231, 3). sky: the light behind it as the camera sees it,
    (231, 231, 3); a camera under a brighter sky shows less aurora. cloud: (231, 231). Colours are the reference
    camera's.
    """
    cells = lens.measured
    light, behind, covered = seen_by_reference(lines[cells]), sky[cells].mean(axis=2), cloud[cells]
    green = light[..., 1]
    strongest = light.max(axis=2)
    visible = (strongest > VISIBLE * KILORAYLEIGH) & (strongest > CONTRAST * behind)
    none = np.zeros_like(green)
    stack = np.array([seen_at(maps.forms[f], reference(), 116.0) if f in maps.forms else none for f in FORMS])
    stack[-1] *= 0.7  # sheets stand out from diffuse patches
    if maps.veil is not None:
        stack[-1] += seen_at(maps.veil, reference(), 225.0)
    form = np.where(visible, stack.argmax(axis=0), len(FORMS))
    parts = {p: visible & (seen_at(maps.parts[p], reference(), 116.0) > 0.5) for p in PARTS if p in maps.parts}
    arcs = form == FORMS.index("arcs")
    if arcs.any():
        # What has left east-west, or is wound up, is no arc any more, though it was one.
        irregular = arcs & (_askew(stack[FORMS.index("arcs")]) | parts.get("vortices", np.False_))
        form[irregular] = FORMS.index("discrete")
        arcs &= ~irregular
    shares = [float((form == k).mean()) for k in range(len(FORMS))]
    tinted = visible & (np.maximum(light[..., 0], light[..., 2]) > COLORED * green)
    for part in parts.keys() - {"omega"}:  # these are of sheets
        parts[part] &= form < FORMS.index("patchy")
    seen = int(visible.sum())
    return Shares(
        **dict(zip(FORMS, shares, strict=True)),
        colored=float(tinted.mean()),
        bright=float((green > BRIGHT * KILORAYLEIGH).mean()),
        central=float((visible & _central(*visible.shape)).sum() / seen) if seen else 0.0,
        span=float(arcs.any(axis=0).mean()),
        arcs_number=_count(stack[FORMS.index("arcs")], arcs),
        **{part: float(parts[part].mean()) if part in parts else 0.0 for part in PARTS},
        red_alone=float((visible & (light[..., 0] > RED_ALONE * green)).mean()),
        cloud=float(covered.mean()),
    )


def class_weights(m: dict[str, Series]) -> Series:
    """How much of each class there is in frames, (n, 7) in class order, sum at most 1; m: `MEASURES` → (n,).

    These are the paper's definitions, from the highest priority to the lowest; each passes on what it does not claim.
    """
    visible = m["breakup"] + m["arcs"] + m["discrete"] + m["patchy"]
    aurora = np.maximum(visible, 1e-6)
    crossing = _sigmoid((m["span"] - 0.75) / 0.1)
    sheets = (m["breakup"] + m["discrete"]) / aurora
    claims = {
        # Bright forms, which need not be as bright everywhere, but must be large: dark sky is less than half.
        "breakup": _sigmoid((m["bright"] - 0.25) / 0.04) * _sigmoid((visible - m["patchy"] - 0.5) / 0.06),
        "colored": _sigmoid((m["colored"] - 0.12) / 0.035),
        "faint": _sigmoid((0.06 - visible) / 0.02),
        "edge": _sigmoid((0.13 - m["central"]) / 0.05) * _sigmoid((0.45 - visible) / 0.08),
    }
    left = np.ones_like(visible)
    weights = {}
    for name, claim in claims.items():
        weights[name] = left * claim
        left = left - weights[name]
    # Sheets stand out: a third of the pixels weighs as much as patches or glow in all of them.
    shape = {
        "arcs": 3 * m["arcs"] / aurora * crossing,
        "discrete": 3 * (sheets + m["arcs"] / aurora * (1 - crossing)),
        "patchy": m["patchy"] / aurora,
    }
    large = _sigmoid((visible - 0.25) / 0.06)  # "cover large portions of the image"; smaller patches fit no class
    total = sum(v**1.4 for v in shape.values())
    for name, value in shape.items():
        weights[name] = left * value**1.4 / np.maximum(total, 1e-9)
    weights["patchy"] *= large
    return np.stack([weights[name] for name in CLASSES], axis=1)


def weights_of(truth: pd.DataFrame) -> Series:
    """The same of frames of `TRUTH_TABLE`: (n, 7)."""
    return class_weights({name: truth[name].to_numpy(np.float64) for name in MEASURES})


def forms(weights: Series, least: Series | float = 0.6) -> NDArray[np.str_]:
    """What frames show, cloud and artefacts apart: the dominant class, or `unknown` where none has the least weight."""
    best = np.array(CLASSES)[weights.argmax(axis=1)]
    return np.where(weights.max(axis=1) >= least, best, EXCLUSIONS[0])


def labels(weights: Series, rejected: NDArray[np.bool_], least: Series | float = 0.6) -> NDArray[np.str_]:
    """The paper's labels of frames: as `forms`, but `rejected` before all."""
    return np.where(rejected, EXCLUSIONS[1], forms(weights, least))


def named(
    shown: NDArray[np.str_], cloudy: NDArray[np.bool_], spoilt: NDArray[np.bool_], simulated: Simulated
) -> NDArray[np.str_]:
    """The labels of a set for what frames show: forms as `forms` gives them, cloud, artefacts. All are (n,)."""
    behind = simulated.cloudy if isinstance(simulated.cloudy, dict) else dict.fromkeys(FORMS_SHOWN, simulated.cloudy)
    clear, clouded = (pd.Series(shown).map(names).to_numpy(str) for names in (simulated.clear, behind))
    return np.where(spoilt, simulated.spoilt, np.where(cloudy, clouded, clear))


def true_labels(truth: pd.DataFrame, label_set: LabelSet) -> NDArray[np.str_]:
    """What frames show in the labels of a set, (n,). truth: `label`, `spoilt` and `MEASURES` of `TRUTH_TABLE`.

    Raises `NorrskenError` where the set says nothing of the simulated sky.
    """
    shown = truth["label"].to_numpy(str)
    rejected = shown == EXCLUSIONS[1]
    shown = np.where(rejected, forms(weights_of(truth)), shown)
    spoilt = truth["spoilt"].to_numpy()
    return named(shown, rejected & ~spoilt, spoilt, simulated_by(label_set))


def dominant_labels(truth: pd.DataFrame, label_set: LabelSet) -> NDArray[np.str_]:
    """The label of the form that weighs most in each frame, behind cloud too, however little: (n,).

    truth: `MEASURES` of `TRUTH_TABLE`. Frames that fit no class well are all of one, which `true_labels` calls unknown.
    """
    shown = forms(weights_of(truth), 0.0)
    nothing = np.zeros(len(truth), np.bool_)
    return named(shown, nothing, nothing, simulated_by(label_set))


def simulated_by(label_set: LabelSet) -> Simulated:
    """What a set calls the simulated sky. Raises `NorrskenError` where it does not say so."""
    if label_set.simulated is None:
        raise NorrskenError(
            f"the label set “{label_set.title}” does not say which of its labels stand for what the simulated sky "
            "shows: its key simulated is missing"
        )
    return label_set.simulated


def worth_labelling(truth: pd.DataFrame, dark: pd.Series, span: int = SPAN) -> pd.Series:
    """The frames of a night that somebody who looks at its keogram would mark (section 2.1): spans of likely aurora.

    truth: `MEASURES` by frame, in order of time. dark: the frames that Sun and Moon do not reject. span: how many
    frames are judged together.
    """
    smooth = truth[[*FORMS, "cloud"]].where(dark).rolling(span, center=True, min_periods=1).mean()
    return dark & (smooth[list(FORMS)].sum(axis=1) > 0.06) & (smooth["cloud"] < 0.25)


def _count(light: Field, there: NDArray[np.bool_]) -> float:
    """Ridges of light from north to south that a column crosses, mean over the columns in which arcs are: (n, m)."""
    columns = there.any(axis=0)
    if not columns.any():
        return 0.0
    highest = cv2.dilate(light, np.ones((2 * _APART + 1, 1), np.uint8))
    lowest = cv2.erode(light, np.ones((4 * _APART + 1, 1), np.uint8))
    ridges = there & (light >= highest) & (light > 1.5 * lowest)
    return float(ridges[:, columns].sum() / columns.sum())


def _askew(light: Field) -> NDArray[np.bool_]:
    """Where sheets run more than some 40° from east-west, over a tenth of the crop: (n, m)."""
    logarithm = np.log(light + np.float32(0.3))
    across, along = cv2.Sobel(logarithm, cv2.CV_32F, 0, 1), cv2.Sobel(logarithm, cv2.CV_32F, 1, 0)
    size = (0, 0), len(light) / 15
    return np.asarray(cv2.GaussianBlur(along**2, *size) > 0.6 * cv2.GaussianBlur(across**2, *size))


@cache
def _central(rows: int, columns: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    return np.asarray(np.hypot(y, x) < 0.72)


def _sigmoid(x: Series) -> Series:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))
