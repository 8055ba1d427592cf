"""The seven auroral classes of Kvammen et al. 2020, section 2.2, and the other labels: names, definitions, colours."""

#: The classes in priority order: an image with several forms belongs to the first that is dominant (section 2.2).
CLASSES = ("breakup", "colored", "arcs", "discrete", "patchy", "edge", "faint")

#: Labels of frames that enter neither training nor test: `unknown` for ambiguous forms; `rejected` for clouds, light,
#: artefacts.
EXCLUSIONS = ("unknown", "rejected")

LABELS = CLASSES + EXCLUSIONS

#: The label that a classifier gives to a frame when it is not sure enough of any class.
NOT_CLASSIFIED = "not_classified"

#: The labels that a frame of the catalogue can have, in the order in which flags, tables and pages list them.
CATALOGUE_LABELS = (*CLASSES, NOT_CLASSIFIED)

#: All classes but faint taken together as one, which tells how often there was aurora at all.
AURORA = "aurora"

#: The names of the labels in the paper's figures and tables, and in ours.
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

#: The definitions by which annotators label (section 2.2). A frame with several forms gets the first of the seven
#: classes that dominates it.
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

#: The colour of each label in every figure: the palette of Okabe & Ito (2008), which is safe for colour-blind readers,
#: and greys.
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

#: The conditions of the sky in a frame, as the catalogue names them: they tell whether the frame can be judged at all.
CONDITIONS = ("clear", "cloudy", "bright", "bad")
