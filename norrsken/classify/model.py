"""A trained model, or several as one, ready for processed frames. Nothing of the training data is needed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from norrsken.classify.classifier_file import ClassifyError, Member, read_classifier
from norrsken.classify.familiarity import Familiarity
from norrsken.classify.known_cameras import require_processing
from norrsken.classify.verdict import Calibrated, Look, Verdict
from norrsken.config.context import Context
from norrsken.dataset.context import Film, Stacks, Windows, windows
from norrsken.evaluation.calibration import tempered
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.training.features import Extractor

if TYPE_CHECKING:
    from norrsken.models.sequence import SequenceClassifier


class FrameClassifier:
    """A model and what computes its features, ready for frames that were processed as those that it was trained on."""

    measures_familiarity = False

    @property
    def in_time(self) -> bool:
        """Whether it is a sequence."""
        return self.context is not None

    @property
    def context(self) -> Context | None:
        """The neighbours that it sees, if it is a sequence."""
        return self.card.run.context

    def __init__(self, model: str | Path) -> None:
        """Raises `ModelError` for what is not a model's file, `ClassifyError` where its features cannot be computed."""
        self.path = model
        self.classifier, self.card = classifiers.load_to_predict(model)
        self.digest = str(digest(model))
        self.source, self.classes = self.card.frames, tuple(self.card.classes)
        require_processing(model, self.source)
        self._extractor = None if self.card.run.features is None else Extractor(self.card.run.features)
        if self._extractor is not None and self._extractor.about.get("digest") != self.card.extractor:
            raise ClassifyError(f"{model}: its features came from a network with other weights ({self.card.extractor})")

    def inputs(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What the model works on: processed frames (n, 128, 128, 3) uint8 as they are, or their features (n, m)."""
        return images if self._extractor is None else self._extractor(images)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""
        return self.judge(images).probabilities

    def look(self, images: NDArray[np.uint8]) -> Look:
        """The probabilities of the frames; of a sequence what it keeps of them."""
        return look_through([self], images)

    def said(self, seen: NDArray[Any], windows: Windows | None = None) -> NDArray[np.float32]:
        """The probabilities of n frames, by what it sees in each, (n, k). windows: None: each is judged by itself."""
        if self.context is None:
            return seen
        around = Windows.alone(len(seen), self.context) if windows is None else windows
        return self.sequence.judge(Stacks(seen, around))

    @property
    def sequence(self) -> "SequenceClassifier":
        """The classifier, where it is a sequence."""
        return cast("SequenceClassifier", self.classifier)

    def conclude(self, look: Look, film: Film | None = None, bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The most probable class of each frame, whatever it shows."""
        alone = self.said(look.said[0])
        together = None if self.context is None or film is None else windows(film.times, film.cameras, self.context)
        probabilities = alone if together is None else self.said(look.said[0], together)
        names: NDArray[np.str_] = np.array(self.classes)[probabilities.argmax(axis=1)]
        return Verdict(probabilities, None, names, np.full(len(names), ""), alone=alone if self.in_time else None)

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The same of frames by themselves."""
        return self.conclude(self.look(images), bad=bad)


def look_through(runs: Sequence[FrameClassifier], images: NDArray[np.uint8]) -> Look:
    """What runs of one model see in processed frames; what is the same for several is computed once."""
    if runs[0].context is None:
        inputs = runs[0].inputs(images)  # runs of one model have the same features
        return Look(tuple(run.classifier.predict(inputs).probabilities for run in runs))
    networks = {run.sequence.network_digest: run.sequence for run in runs}
    seen = {digest: network.embed(images) for digest, network in networks.items()}
    return Look(tuple(run.sequence.keep(seen[run.sequence.network_digest]) for run in runs))


class Ensemble(Calibrated):
    """The runs of a `classifier.json` as one calibrated `FrameModel`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `ClassifyError` where the file of a member is gone or has changed."""
        here, settings = Path(path), read_classifier(path)
        self.members = [FrameClassifier(_beside(here, member)) for member in settings.members]
        self.source, first = self.members[0].source, self.members[0]
        other = next((member for member in self.members if member.classes != first.classes), None)
        if other is not None:
            raise ClassifyError(
                f"{path}: {other.path} has the classes {', '.join(other.classes)}; {first.path} has "
                f"{', '.join(first.classes)}; make the classifier anew"
            )
        super().__init__(here, settings, first.classes, str(digest(path)))
        self.familiarity = (
            None if settings.familiarity is None else Familiarity.read(_beside(here, settings.familiarity))
        )

    @property
    def context(self) -> Context | None:
        """The neighbours that its members see, if they are sequences."""
        return self.members[0].context

    def look(self, images: NDArray[np.uint8]) -> Look:
        """What its members see in frames, and how familiar these are."""
        if self.context is not None:
            return look_through(self.members, images)
        return self.look_at(self.members[0].inputs(images))

    def look_at(self, inputs: NDArray[Any]) -> Look:
        """The same of the inputs of members that see single frames; see `FrameClassifier.inputs`."""
        limit = self.settings.familiarity
        first = self.members[0].classifier.predict(inputs, [] if limit is None else limit.layers)
        others = (member.classifier.predict(inputs) for member in self.members[1:])
        known = None if self.familiarity is None or first.maps is None else self.familiarity.of(first.maps)
        return Look((first.probabilities, *(one.probabilities for one in others)), known)

    def probabilities_of(self, look: Look, around: Windows | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of frames, each by itself, or between those around it: (n, classes)."""
        said = [member.said(seen, around) for member, seen in zip(self.members, look.said, strict=True)]
        return tempered(np.mean(said, axis=0), self.settings.temperature)


def _beside(classifier: Path, named: Member) -> Path:
    """A file beside `classifier.json`; raises `ClassifyError` where it is gone or has changed."""
    file = classifier.parent / named.path
    sha256 = digest(file)
    if sha256 != named.sha256:
        raise ClassifyError(
            f"{classifier}: {file} is {'gone' if sha256 is None else 'another file now'}; make the classifier anew"
        )
    return file
