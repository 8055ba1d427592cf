"""A small project to run the workflow on: a camera of 264 × 260 pixels, five nights at the turn of a year."""

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import simplejpeg
import warm
import yaml
from filelock import FileLock
from playwright.sync_api import Browser, Page, sync_playwright

from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.config.label_set import DEFAULT, read_label_set
from norrsken.paper import CLASSES

ROOT = Path(__file__).parent.parent
REAL_FRAMES = ROOT.parent / "shared" / "real" / "nipr-longyearbyen-2014"
CHROMIUM = shutil.which("chromium")
WIDTH, HEIGHT = 264, 260

#: The label set of the paper, which a release has that names none.
PAPER = read_label_set(DEFAULT)

CONFIG: dict[str, Any] = {
    "site": {"name": "Kiruna", "station": "KRN", "latitude": 67.84, "longitude": 20.42, "elevation": 425},
    "cameras": [
        {
            "valid_from": "2009-01-01",
            "name": "small",
            "width": WIDTH,
            "height": HEIGHT,
            "rotate": 90,
            "flip": True,
            "block": 2,
            "pattern": "KRN{time:%Y%m%dT%H%M%S}E{exposure_ms:05d}Q.JPG",
        }
    ],
    "archive": {"root": "archive"},
    "filter": {"moon_altitude_max": 90},
    "release": "small",
    "releases": {
        "small": {
            "title": "A small release",
            "years": [2014, 2015],
            "labels": ["labels/anna.csv", "labels/bertil.csv"],
            "splits": {"random": {"method": "random", "test_share": 0.25}},
            "catalogue": None,  # test_catalogue.py has one
        }
    },
    "features": {"hog": {"kind": "hog", "threads": 1}},
    "models": {
        "3nn": {"kind": "nearest-neighbours", "features": "hog", "neighbours": 3},
        "svm-linear": {"kind": "linear-svm", "features": "hog"},
        "shufflenet": {
            "kind": "network",
            "architecture": "shufflenet_v2_x0_5",
            "epochs": 1,
            "threads": 2,
        },
    },
    "seeds": [0, 1],
}

#: What changes a configuration in place.
Edit = Callable[[dict[str, Any]], object]


def documented_lines(page: str, section: str) -> str:
    """The lines of Python of a section of a page of the documentation, one after the other."""
    text = (ROOT / "docs" / page).read_text()
    (part,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(re.findall(r"^```python\n(.*?)^```", part, re.MULTILINE | re.DOTALL))


def refusal(raw: dict[str, Any], edit: Edit) -> str:
    """What is said of a configuration after an edit; the test fails where nothing is wrong with it."""
    edited = copy.deepcopy(raw)
    edit(edited)
    with pytest.raises(ConfigError) as caught:
        check(edited)
    return str(caught.value)


#: The same with a linear model on the features of a network: each kind of model and of features is there.
CONFIG_OF_ALL_KINDS: dict[str, Any] = {
    **CONFIG,
    "features": {
        **CONFIG["features"],
        "mobilenet": {
            "kind": "pretrained",
            "network": "mobilenetv3_small_050",
            "weights": "random",
            "input_size": 64,
        },
    },
    "models": {
        **CONFIG["models"],
        "linear": {"kind": "linear", "features": "mobilenet", "epochs": 2, "learning_rate": 0.01},
    },
}

#: Evenings with frames: 28 minutes each, all in the dark. The last one reaches into 2015.
EVENINGS = ("2014-12-20T18:00", "2014-12-31T23:50", "2015-01-15T18:00", "2015-01-16T18:00")


def picture(kind: str, seed: int) -> np.ndarray:
    """A frame of a class: bands whose direction, number and colour tell it, with noise. (260, 264, 3) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / 40
    k = CLASSES.index(kind)
    wave = np.sin((k + 1) * (x * np.cos(k) + y * np.sin(k)) + random.uniform(0, 0.5))
    colours = [[1, 1, 1], [1, 0.2, 0.6], [0.2, 1, 0.3], [0.3, 0.8, 0.4], [0.2, 0.5, 0.2], [0, 0.6, 1], [0.1] * 3]
    light = 90 + 80 * wave[..., None] * np.array(colours[k]) + random.normal(0, 6, (HEIGHT, WIDTH, 3))
    image: np.ndarray = np.clip(light, 0, 255).astype(np.uint8)
    return image


def jpeg(image: np.ndarray) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=90)
    return data


def write_frame(root: Path, time: datetime, kind: str, seed: int = 0) -> Path:
    path = root / f"{time:%Y/%m/%d}" / f"KRN{time:%Y%m%dT%H%M%S}E06000Q.JPG"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(picture(kind, seed)))
    return path


def write_evening(root: Path, start: str, minutes: int = 28) -> list[tuple[str, str]]:
    """Write an evening's frames; return frame id and class of each."""
    first, rows = datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for i in range(minutes):
        time, kind = first + timedelta(minutes=i), CLASSES[i % len(CLASSES)]
        write_frame(root, time, kind, i)
        rows.append((f"KRN{time:%Y%m%dT%H%M%S}", kind))
    return rows


def write_labels(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("frame_id,label\n" + "".join(f"{frame},{label}\n" for frame, label in rows))


@contextmanager
def looking(looks: Iterable[Callable[[], object]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile `--follow` does what `looks` says after each look in place of waiting, and ends after the last one."""
    coming = list(looks)

    def sleep(_: float) -> None:
        if not coming:
            raise KeyboardInterrupt
        coming.pop(0)()

    monkeypatch.setattr("norrsken.classify.table.time", SimpleNamespace(sleep=sleep))
    yield
    assert not coming


class Project:
    """A folder in which the workflow runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, Any] = yaml.safe_load((folder / "config.yaml").read_text())

    def save(self) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    def arguments(self, *arguments: str, root: Path = ROOT) -> list[str]:
        return ["--snakefile", str(root / "Snakefile"), "--directory", str(self.folder), "--cores", "2", *arguments]

    def command(self, *arguments: str, root: Path = ROOT) -> list[str]:
        """A process of its own that runs Snakemake. root: of the clone that it runs from."""
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments, root=root)]

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        """Run Snakemake; return what it printed. check: whether it shall end well; otherwise it shall not."""
        output = self.path("output.log")
        output.unlink(missing_ok=True)
        status = warm.server().snakemake(self.arguments(*arguments), self.folder, output)
        printed = output.read_text()
        if check and status:
            logs = "\n".join(f"{p}:\n{p.read_text()[-2000:]}" for p in self.folder.glob("results/logs/**/*.log"))
            pytest.fail(f"snakemake ended with {status}\n{printed[-5000:]}\n{logs[-5000:]}")
        if not check:
            assert status != 0, printed[-3000:]
        return printed

    def planned(self, *arguments: str) -> dict[str, int]:
        """The jobs that a dry run would start, by rule, target rules left out."""
        return jobs(self.snakemake("--dry-run", *arguments))

    def run(self, *arguments: str) -> dict[str, int]:
        """Run; return the jobs that were started, by rule."""
        return jobs(self.snakemake(*arguments))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own, to be killed."""
        with (self.folder / "killed.log").open("ab") as log:
            return subprocess.Popen(
                self.command(*arguments), cwd=self.folder, start_new_session=True, stdout=log, stderr=log
            )

    def path(self, name: str) -> Path:
        return self.folder / name

    def obstruct(self, name: str) -> Path:
        """Put a folder with something in it where a job will write a file, so that the job fails; return it."""
        obstacle = self.path(name)
        obstacle.unlink()
        (obstacle / "in the way").mkdir(parents=True)
        return obstacle


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def jobs(output: str) -> dict[str, int]:
    """The table "Job stats" of Snakemake's output."""
    if "Nothing to be done" in output:
        return {}
    table = output.split("Job stats:")[1].split("total", maxsplit=1)[0]
    found = {rule: int(count) for rule, count in re.findall(r"^(\S+)\s+(\d+)\s*$", table, re.MULTILINE)}
    targets = {"all", "nights", "labels", "dataset", "train", "report", "audit", "yardsticks"}
    return {
        rule: n for rule, n in found.items() if rule not in targets and not re.match(r"train_(?!run$|otherwise$)", rule)
    }


def pytest_configure() -> None:
    """The workers of this test run, which inherit its environment, have one server together."""
    # Else a thread of OpenMP that has nothing to do keeps a core busy, on which another job waits to run.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warm.start()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def fresh(shared: Path) -> Path:
    """A project that has not run yet."""
    with FileLock(shared / "fresh.lock"):
        folder = shared / "fresh"
        if not folder.exists():
            rows = [row for evening in EVENINGS for row in write_evening(folder / "archive", evening)]
            doubts = [(frame, "unknown" if i % 10 == 9 else label) for i, (frame, label) in enumerate(rows)]
            write_labels(folder / "labels" / "anna.csv", rows)
            write_labels(folder / "labels" / "bertil.csv", doubts)
            (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    return folder


@pytest.fixture(scope="session")
def finished(fresh: Path, shared: Path) -> Path:
    """The project after a whole run."""
    with FileLock(shared / "finished.lock"):
        folder, done = shared / "finished" / "project", shared / "finished.done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            Project(Path(shutil.copytree(fresh, folder))).snakemake()
            done.touch()
    return folder


@pytest.fixture(scope="session")
def catalogued(finished: Path, shared: Path) -> Path:
    """The project after a whole run, with a catalogue."""
    with FileLock(shared / "catalogued.lock"):
        folder = shared / "catalogued" / "project"
        if not folder.exists():
            project = Project(Path(shutil.copytree(finished, folder)))
            project.config["releases"]["small"]["catalogue"] = {"precision": 0.5, "licence": "CC-BY-4.0"}
            project.save()
            project.snakemake()
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no browser here: chromium not found (Debian: chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of which no script or picture fails, and that asks no network."""
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800}, offline=True)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("requestfailed", lambda request: errors.append(request.url))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def new_project(fresh: Path, tmp_path: Path) -> Project:
    """A copy of the project that has not run yet."""
    return Project(Path(shutil.copytree(fresh, tmp_path / "project")))


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Project:
    """A copy of the project after a whole run, times included."""
    return Project(Path(shutil.copytree(finished, tmp_path / "project")))


@pytest.fixture
def frozen_project(project: Project) -> Project:
    """The same, its release frozen."""
    project.config["releases"]["small"]["frozen"] = True
    project.save()
    return project
