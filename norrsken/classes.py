"""The seven auroral classes of Kvammen et al. 2020, section 2.2, and the paper's numbers for them."""

#: In priority order: an image with several forms belongs to the first that is dominant (section 2.2).
CLASSES = ("breakup", "colored", "arcs", "discrete", "patchy", "edge", "faint")

#: Labels for frames that enter neither training nor test: ambiguous forms; clouds, light, artefacts.
EXCLUSIONS = ("unknown", "rejected")

LABELS = CLASSES + EXCLUSIONS

#: What a classifier says of a frame of which it is not sure enough.
NOT_CLASSIFIED = "not_classified"

#: What a frame of the catalogue may be labelled, in the order of flags, tables and pages.
CATALOGUE_LABELS = (*CLASSES, NOT_CLASSIFIED)

#: Any class but faint, as if it were one: how often there was aurora at all.
AURORA = "aurora"

#: The names of the paper's figures and tables.
TITLES = {
    "breakup": "Breakup",
    "colored": "Colored",
    "arcs": "Arcs",
    "discrete": "Discrete",
    "patchy": "Patchy",
    "edge": "Edge",
    "faint": "Faint",
    "unknown": "Unknown-complicated",
    "rejected": "Rejected",
    "disagreement": "Disagreement",
    "incomplete": "Incomplete",
    "not_classified": "Not classified",
}

#: What an annotator goes by (section 2.2). A frame with several forms gets the first of the seven that dominates it.
DEFINITIONS = {
    "breakup": "Bright, large forms that cover most of the frame.",
    "colored": "Of any shape, but clearly not only green: prominent red, blue or purple.",
    "arcs": "One or more structures along east–west that span the image.",
    "discrete": "Broken or north–south arcs, vortices, several discrete shapes; less bright and large than breakup.",
    "patchy": "Diffuse, weak, irregular shapes that cover large parts of the image.",
    "edge": "Aurora at the edge of the image only.",
    "faint": "Dark and clear, no clearly visible aurora.",
    "unknown": "Ambiguous: fits none, or several without one that dominates.",
    "rejected": "Cloud, light, artefacts: not to be used.",
}

#: One colour a label in every figure: the palette of Okabe & Ito (2008), safe for colour-blind readers, and greys.
COLOURS = {
    "breakup": "#D55E00",
    "colored": "#CC79A7",
    "arcs": "#009E73",
    "discrete": "#E69F00",
    "patchy": "#56B4E9",
    "edge": "#0072B2",
    "faint": "#777777",
    "unknown": "#C9CDD4",
    "rejected": "#33383F",
    "not_classified": "#C9CDD4",
}

#: What a catalogue says of the sky of a frame: whether it can be judged at all.
CONDITIONS = ("clear", "cloudy", "bright", "bad")
