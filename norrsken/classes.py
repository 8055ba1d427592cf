"""Names that every label set shares: of frames without a class, of all aurora together, of the sky's conditions."""

#: The label that a classifier gives to a frame when it is not sure enough of any class.
NOT_CLASSIFIED = "not_classified"

#: All auroral classes taken together as one, which tells how often there was aurora at all.
AURORA = "aurora"

#: The time in which it is not decided whether there was aurora.
UNDECIDED = "undecided"

#: Whether a frame shows aurora, as the catalogue names it.
DECISIONS = ("no", "yes", UNDECIDED)

#: The titles of what a frame without a class is called.
OUTCOMES = {"disagreement": "Disagreement", "incomplete": "Incomplete", NOT_CLASSIFIED: "Not classified"}

#: The colour of frames that are not classified.
COLOUR_WITHOUT_CLASS = "#C9CDD4"

_NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen",
)  # fmt: skip

#: The conditions of the sky in a frame, as the catalogue names them: they tell whether the frame can be judged at all.
CONDITIONS = ("clear", "cloudy", "bright", "bad")

#: What became of the dark hours of a night, as the table of availability names it, with titles: they were observed; or
#: there are frames, but their condition or class is of a sky that cannot be judged, the classifier does not know the
#: camera, the Moon was up, or they cannot be used; or there are none.
AVAILABILITY = {
    "observed": "Observed",
    "cloudy": "Cloudy",
    "bright": "Bright sky",
    "bad": "Bad frames",
    "hidden_sky": "Class of a hidden sky",
    "other_camera": "Camera that the classifier does not know",
    "moon": "Moon",
    "unusable": "Files that cannot be used",
    "no_frame": "No frames",
}

#: What a night was to the classifier that classifies it: some of its frames were trained on, or only served to choose
#: the model and its limits, or to test it; or none was labelled.
SEEN = ("train", "validation", "test", "none")

#: Why a frame is not classified, in the order in which it is asked: the frame shows nothing that can be used; it is
#: unlike all that the classifier was trained on; the classifier is not sure enough.
REASONS = ("bad", "unfamiliar", "unsure")

#: Those for which nothing can be said of a frame, however sure the classifier seems.
UNKNOWABLE = REASONS[:2]


def in_words(number: int) -> str:
    """A small number as a word, for sentences; a larger one in digits."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
