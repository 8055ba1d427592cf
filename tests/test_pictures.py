"""Pictures that others published or labelled, with a table: how they come to labelled frames, and what is refused."""

import logging
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from PIL import Image
from pydantic import ValidationError

from norrsken import tables
from norrsken.config.config import load
from norrsken.config.frames_release import FramesRelease, FramesSettings
from norrsken.config.label_set import LabelNames, read_label_set
from norrsken.config.splits import Split
from norrsken.dataset.agreement import agreement
from norrsken.dataset.pictures import FramesError, pictures_table, read_picture, read_pictures, to_frame
from norrsken.dataset.splits import read_split, split_dataset

NAMES = LabelNames(classes=("arc", "diffuse", "clear"), exclusions=("unsure",), hidden_sky=())

RELEASE: dict[str, Any] = {
    "source": "frames",
    "title": "Pictures",
    "path": "pictures",
    "table": "labels.csv",
    "splits": {"stratified": {"method": "stratified"}},
}


def settings(names: LabelNames = NAMES, **more: Any) -> FramesSettings:
    """The settings of a release with these keys, as the configuration would hand them on."""
    release = FramesRelease.model_validate({**RELEASE, **more})
    given = {key: getattr(release, key) for key in ("columns", "file", "relabel")}
    done = FramesSettings(longitude=20.42, label_names=names, **given)
    assert FramesSettings.model_validate(done.plain()) == done
    return done


class Folder:
    """A folder of pictures and its table."""

    def __init__(self, path: Path) -> None:
        self.path, self.table, self.output = path / "pictures", path / "labels.csv", path / "labelled.parquet"
        self.path.mkdir()

    def add(self, name: str, mode: str = "L", side: int = 32, value: int | tuple[int, ...] = 90) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (side, side), value).save(path)

    def read(self, table: str | bytes, **more: Any) -> pd.DataFrame:
        """Write the table, read it with the pictures; what is said of the frames, by frame id."""
        self.table.write_bytes(table if isinstance(table, bytes) else table.encode())
        done = settings(**more)
        read_pictures(str(self.path), str(self.table), done, str(self.output))
        annotators = [name.removeprefix("label_") for name in pq.read_schema(self.output).names if "label_" in name]
        tables.read(self.output, pictures_table(annotators))
        return tables.read_without_images(self.output).set_index("frame_id")

    def refused(self, table: str | bytes, **more: Any) -> str:
        with pytest.raises(FramesError) as error:
            self.read(table, **more)
        assert not self.output.exists()
        return str(error.value)

    def images(self) -> np.ndarray:
        image: np.ndarray = tables.images(pq.read_table(self.output, columns=["image"])["image"])
        return image


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    for name in ("a.png", "b.png", "c.png"):
        folder.add(name)
    return folder


# The layout of OATH

OATH_HEAD = """\
# classifications.csv
#
# Labels of the images in images/cropped_scaled, "class2" and "class6", by
"L. Clausen and H. Nickisch, 2018

class6 is 0 for arc, 1 for diffuse, 2 for discrete, 3 for cloudy, 4 for moon, 5 for clear
picNum, the number of the image
# -----------------------------
"""

OATH: dict[str, Any] = {
    "columns": {"path": "picNum", "label": "class6"},
    "file": "{path:0>5}.png",
    "relabel": {0: "arc", 1: "diffuse", 2: "discrete", 3: "cloudy", 4: "moon", 5: "clear"},
}


@pytest.mark.parametrize("padded", [True, False], ids=["numbers with zeros", "bare numbers"])
def test_the_oath_data_set_is_read_as_it_is_published(
    tmp_path: Path, padded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    folder, random = Folder(tmp_path), np.random.default_rng(0)
    pictures = random.integers(0, 256, (200, 96, 96), np.uint8)
    for i, picture in enumerate(pictures, 1):
        Image.fromarray(picture).save(folder.path / f"{i:05d}.png")
    rows = [
        f"{int(i % 6 > 2)},{i % 6},{f'{i:05d}' if padded else i},some text,{random.integers(360)}"
        for i in range(1, 201)
    ]
    names = read_label_set("oath").names
    head = OATH_HEAD + "class2,class6,picNum,label,rotAng\n"
    with caplog.at_level(logging.INFO):
        found = folder.read(head + "\n".join(rows) + "\n", names=names, **OATH)
    assert found.index.tolist() == [f"{i:05d}" for i in range(1, 201)]
    assert found["label"].tolist() == [names.classes[i % 6] for i in range(1, 201)]
    assert set(found["verdict"]) == {"agreed"}
    assert found[["time", "night", "part"]].isna().all(axis=None)
    assert not [name for name in map(str, found) if name.startswith("label_")]
    images = folder.images()
    assert (images == images[..., :1]).all()
    np.testing.assert_array_equal(images[6], to_frame(pictures[6]))
    assert tables.label_names(folder.output) == names
    assert tables.frame_source(folder.output).cameras == []
    assert pq.ParquetFile(folder.output).num_row_groups == 4
    assert "the header is line 9; the labels are in 'class6'" in caplog.text
    assert "the columns 'class2', 'label', 'rotAng' are not read" in caplog.text


def test_the_example_is_the_configuration_of_oath() -> None:
    config = load(ROOT / "examples/oath.yaml")
    done = config.frames_settings(config.release)
    assert done.columns.needed == ["picNum", "class6"]
    assert done.file.format(path="17") == "00017.png"
    assert done.relabel == {str(key): label for key, label in OATH["relabel"].items()}
    assert set(done.relabel.values()) == {*done.label_names.labels}


# The table


def test_what_the_columns_say_comes_to_the_frames(folder: Folder) -> None:
    rows = ("a.png,arc,2015-01-12T02:30:00,train", "b.png,diffuse,2015-01-12 21:30+01:00,TEST", "c.png,clear,,test")
    table = "path,label,time,part\n" + "\n".join(rows)
    found = folder.read(table)
    assert found.index.tolist() == ["a", "b", "c"]
    assert found["label"].tolist() == ["arc", "diffuse", "clear"]
    assert found["part"].tolist() == ["train", "test", "test"]
    times = [pd.Timestamp("2015-01-12T02:30Z"), pd.Timestamp("2015-01-12T20:30Z"), pd.NaT]
    assert found["time"].tolist() == times
    assert [str(night) for night in found["night"]] == ["2015-01-11", "2015-01-12", "None"]


def test_it_can_be_divided_as_the_table_says(folder: Folder, tmp_path: Path) -> None:
    folder.read("path,label,part\na.png,arc,train\nb.png,diffuse,test\nc.png,unsure,test\n")
    split_dataset(str(folder.output), {"published": Split(method="published")}, str(tmp_path / "dataset.parquet"))
    division = read_split(tmp_path / "dataset.parquet", "published")
    assert (division.train.frame_ids.tolist(), division.test.frame_ids.tolist()) == (["a"], ["b"])
    assert division.classes == NAMES.classes


ANNOTATED = (
    "station,path,anna,bertil\nX,a.png,arc,arc\nX,b.png,arc,\nX,c.png,clear,diffuse\nX,d.png,unsure,unsure\nX,e.png,,\n"
)


def test_each_annotator_may_have_a_column(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.add("d.png")
    with caplog.at_level(logging.INFO):
        found = folder.read(ANNOTATED, columns={"annotators": ["anna", "bertil"]})
    assert found.index.tolist() == ["a", "b", "c", "d"]
    assert found["verdict"].tolist() == ["agreed", "incomplete", "disagreement", "unsure"]
    assert found["label"].fillna("").tolist() == ["arc", "", "", ""]
    assert found["label_bertil"].fillna("").tolist() == ["arc", "", "diffuse", "unsure"]
    assert found["seconds_anna"].isna().all()
    assert tables.left_out(folder.output) == {"a picture without a label": 1}
    assert "the columns 'station' are not read" in caplog.text
    row = agreement(found, NAMES).iloc[0]
    assert (row["annotator_a"], row["annotator_b"]) == ("anna", "bertil")


def test_all_columns_without_another_use_are_annotators_where_none_is_called_label(folder: Folder) -> None:
    table = "path,anna,part,time,bertil\na.png,arc,train,,arc\nb.png,clear,test,,arc\n"
    found = folder.read(table)
    assert [name for name in map(str, found) if name.startswith("label_")] == ["label_anna", "label_bertil"]
    assert found["verdict"].tolist() == ["agreed", "disagreement"]
    found = folder.read(table.replace("anna", "label"), columns={"label": None})
    assert found["verdict"].tolist() == ["agreed", "disagreement"]


def test_labels_are_mapped_and_those_mapped_to_nothing_are_counted(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    relabel = {0: "arc", "haze": None, "7": "clear"}
    found = folder.read("path,label\na.png,0\nb.png,diffuse\nc.png,haze\n", relabel=relabel)
    assert found["label"].to_dict() == {"a": "arc", "b": "diffuse"}
    assert tables.left_out(folder.output) == {"a label that is mapped to nothing": 1}
    assert "relabel names '7', which the table does not have" in caplog.text
    assert "1 pictures left out: a label that is mapped to nothing" in caplog.text


def test_the_papers_labels_are_not_named_in_the_file(folder: Folder) -> None:
    folder.read("path,label\na.png,arcs\n", names=read_label_set("kvammen2020").names)
    assert "labels" not in tables.about(folder.output)


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbfpath,label\r\na.png,arc\r\n\r\nb.png,clear\r\n,\r\n",
        b"label;path\narc;a.png\nclear;b.png",
        b"# made by hand\n# path\tlabel\na.png\tarc\nb.png\t clear \n",
        b'Labels, "by hand\n\n#path,label\npath,label\n"a.png","arc"\n./b.png,clear\nb.png,clear\n',
    ],
    ids=["byte-order mark, CRLF, empty lines", "semicolons", "a header with #, tabs", "text above, two headers, twice"],
)
def test_tables_of_many_programs_are_read(folder: Folder, table: bytes) -> None:
    assert folder.read(table)["label"].to_dict() == {"a": "arc", "b": "clear"}


def test_folders_stand_in_the_frame_id(folder: Folder) -> None:
    folder.add("2015/01/x.y.png")
    assert folder.read("path,label\n2015/01/x.y,arc\n", file="{path}.png").index.tolist() == ["2015-01-x.y"]


def test_pictures_that_the_table_does_not_name_are_said(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.read("path,label\na.png,arc\n")
    assert f"2 pictures have no labelled row in the table, such as {folder.path}/b.png" in caplog.text


WRONG_TABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown label": (
        "path,label\na.png,arc\nb.png,arcs\n",
        {},
        ":3: the label 'arcs' in the column 'label' is none of arc, diffuse, clear, unsure",
    ),
    "a column that is no annotator's": (
        "path,anna,sky\na.png,arc,dark\n",
        {},
        "is none of arc, diffuse, clear, unsure; columns.annotators of the release can say which columns are labels",
    ),
    "a wrong mapping": (
        "path,label\na.png,0\n",
        {"relabel": {"0": "arcs"}},
        ":2: the label 'arcs' in the column 'label' is none of arc, diffuse, clear, unsure",
    ),
    "no such columns": (
        "By A, B and C\nname,kind,time\na.png,arc,\n",
        {"columns": {"label": "class"}},
        "no line has the columns 'path', 'class'; found 'name', 'kind', 'time'. Say under columns",
    ),
    "no column of labels": (
        "path,time\na.png,\n",
        {},
        "no line has the columns 'path', and one of labels; found 'path', 'time'",
    ),
    "a named column of times": (
        "path,label\na.png,arc\n",
        {"columns": {"time": "utc"}},
        "no line has the columns 'path', 'utc', and one of labels; found 'path', 'label'",
    ),
    "nothing": ("\n", {}, "labels.csv: is empty"),
    "a column twice": ("path,label,label\na.png,arc,arc\n", {}, ":1: the column 'label' is there twice"),
    "no rows": ("path,label\n", {}, "there is no picture with a label below the header, line 1"),
    "no labels": ("x\npath,label\na.png,\n", {}, "there is no picture with a label below the header, line 2"),
    "too few cells": ("path,label\na.png\n", {}, ":2: has 1 cells, the header has 2"),
    "too many cells": ("path,label\na.png,arc\nb,c.png,arc\n", {}, ":3: has 3 cells, the header has 2"),
    "no path": ("path,label\n,arc\n", {}, ":2: the column 'path' is empty, expected the name of a picture"),
    "another part": ("path,label,part\na.png,arc,val\n", {}, ":2: the part 'val' is none of train, test"),
    "no part": ("path,label,part\na.png,arc,\n", {}, ":2: the part '' is none of train, test"),
    "no time": ("path,label,time\na.png,arc,noon\n", {}, ":2: 'noon' is not a time such as 2015-01-12T18:30:00"),
    "a date alone": ("path,label,time\na.png,arc,2015-01-12\n", {}, ":2: '2015-01-12' is not a time"),
    "another century": ("path,label,time\na.png,arc,0015-01-12T18:30\n", {}, "is not a time such as"),
    "two labels": (
        "path,label\na.png,arc\nb.png,arc\na.png,clear\n",
        {},
        ":4: a.png: label is clear here and arc in line 2",
    ),
    "two times": (
        "path,label,time\na.png,arc,\na.png,arc,2015-01-12T18:30\n",
        {},
        ":3: a.png: time is 2015-01-12 18:30:00+00:00 here and empty in line 2",
    ),
    "two pictures of one name": (
        "path,label\na-b.png,arc\na/b.png,arc\n",
        {},
        ":3: a/b.png and a-b.png, line 2, would have the same frame id, 'a-b'; rename one",
    ),
    "no such file": ("path,label\nx.png,arc\n", {}, "labels.csv:2: there is no file "),
    "a way out": ("path,label\n../labels.csv,arc\n", {}, ":2: '../labels.csv' does not name a file inside "),
    "a way out and back": ("path,label\nx/../a.png,arc\n", {}, ":2: 'x/../a.png' does not name a file inside "),
    "an absolute path": ("path,label\n/etc/hostname,arc\n", {}, ":2: '/etc/hostname' does not name a file inside "),
    "the folder": ("path,label\n.,arc\n", {}, ":2: there is no file "),
    "a cell of two lines": ('path,label\n"a\n.png",arc\n', {}, ":3: 'a\\n.png' does not name a file inside "),
    "a long name": (f"path,label\n{'a' * 300}.png,arc\n", {}, ":2: there is no file "),
    "a cell without end": (f"path,label\n{'a' * 140_000},arc\n", {}, "cannot be read as CSV: field larger than"),
}


@pytest.mark.parametrize(("table", "more", "sentence"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_what_is_wrong_in_the_table_is_said_with_its_line(
    folder: Folder, table: str, more: dict[str, Any], sentence: str
) -> None:
    assert sentence in folder.refused(table, **more)


def test_a_table_that_is_no_text_or_not_there_is_named(folder: Folder) -> None:
    assert "labels.csv:2: is not in UTF-8" in folder.refused("path,label\nå.png,arc\n".encode("cp1252"))
    with pytest.raises(FramesError, match=r"none\.csv: cannot be read: No such file or directory"):
        read_pictures(str(folder.path), "none.csv", settings(), str(folder.output))


def test_several_problems_are_listed(folder: Folder) -> None:
    rows = "".join(f"{name}.png,none\n" for name in "abcdefg")
    assert len(folder.refused("path,label\n" + rows).splitlines()) == 6
    assert "… and 2 more" in folder.refused("path,label\n" + rows)


def test_links_may_lead_to_files_of_the_folder_but_not_out_of_it(folder: Folder, tmp_path: Path) -> None:
    (folder.path / "inside.png").symlink_to("a.png")
    assert folder.read("path,label\ninside.png,arc\n").index.tolist() == ["inside"]
    folder.output.unlink()
    Image.new("L", (32, 32)).save(tmp_path / "outside.png")
    (folder.path / "outside.png").symlink_to(tmp_path / "outside.png")
    (folder.path / "up").symlink_to(tmp_path)
    (folder.path / "loop.png").symlink_to("loop.png")
    said = folder.refused("path,label\noutside.png,arc\nup/outside.png,arc\nloop.png,arc\n")
    assert f"labels.csv:2: 'outside.png' does not name a file inside {folder.path}" in said
    assert f"labels.csv:3: 'up/outside.png' does not name a file inside {folder.path}" in said
    assert f"labels.csv:4: there is no file {folder.path}/loop.png" in said


# The pictures


@pytest.mark.parametrize("side", [16, 64, 128, 256, 300, 1000])
@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
def test_pictures_of_every_size_come_to_128_pixels(side: int, colours: tuple[int, ...]) -> None:
    picture = np.random.default_rng(side).integers(0, 256, (side, side, *colours), np.uint8)
    picture[: side // 2, side // 2 :] //= 4  # the quarter in the north-east is dark
    frame = to_frame(picture)
    assert frame.shape == (128, 128, 3)
    assert frame.dtype == np.uint8
    if not colours:
        assert (frame == frame[..., :1]).all()
    expected = picture if colours else picture[..., None].repeat(3, axis=2)
    if side == 128:
        np.testing.assert_array_equal(frame, expected)
    if side == 256:
        blocks = expected.reshape(128, 2, 128, 2, 3).sum(axis=(1, 3), dtype=int)
        np.testing.assert_array_equal(frame, (blocks + 2) // 4)
    quarters = frame.reshape(2, 64, 2, 64, 3).mean(axis=(1, 3, 4))
    wanted = expected[: side // 2 * 2, : side // 2 * 2].reshape(2, side // 2, 2, side // 2, 3).mean(axis=(1, 3, 4))
    np.testing.assert_allclose(quarters, wanted, atol=4)
    assert quarters.argmin() == 1


def test_an_area_mean_leaves_no_pixel_out() -> None:
    picture = np.zeros((300, 300), np.uint8)
    picture[::3, ::3] = 255
    assert to_frame(picture).mean() == pytest.approx(255 / 9, rel=0.02)


@pytest.mark.parametrize(
    ("mode", "suffix", "value"),
    [
        ("L", "png", 90), ("L", "jpg", 90), ("L", "tif", 90), ("L", "pgm", 90), ("LA", "png", (90, 0)),
        ("RGB", "png", (0, 102, 204)), ("RGB", "jpg", (0, 102, 204)), ("RGB", "bmp", (0, 102, 204)),
        ("RGB", "webp", (0, 102, 204)), ("RGBA", "png", (0, 102, 204, 0)), ("P", "gif", 1), ("P", "png", 1),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_grey_and_colour_pictures_of_8_bits_are_read(
    tmp_path: Path, mode: str, suffix: str, value: int | tuple[int, ...]
) -> None:
    image, path = Image.new(mode, (40, 40), value), tmp_path / f"a.{suffix}"
    if mode == "P":
        image.putpalette([5, 5, 5, 0, 102, 204])
    more: dict[str, Any] = {"transparency": bytes([0, 9])} if (mode, suffix) == ("P", "png") else {}
    image.save(path, **more)
    picture = read_picture(path)
    assert picture.ndim == (2 if mode[0] == "L" else 3)
    assert np.abs(picture.astype(int) - (90 if mode[0] == "L" else [0, 102, 204])).max() < 4


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that says how large it is, without pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (chunk, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved(image: Image.Image, **more: Any) -> Callable[[Path], object]:
    return lambda path: image.save(path, **more)


GREY = Image.new("L", (64, 64))

WRONG_PICTURES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "not square": ("a.png", saved(Image.new("L", (64, 63))), "has 64 × 63 pixels, expected a square of 16 to 8192"),
    "small": ("a.png", saved(Image.new("L", (15, 15))), "has 15 × 15 pixels, expected a square of 16 to 8192"),
    "large": ("a.png", lambda path: path.write_bytes(png_header(8193, 8193)), "has 8193 × 8193 pixels, expected"),
    "warned of": ("a.png", lambda path: path.write_bytes(png_header(10000, 10000)), "has 10000 × 10000 pixels"),
    "a bomb": ("a.png", lambda path: path.write_bytes(png_header(60000, 60000)), "has far too many pixels, expected"),
    "without pixels": ("a.png", lambda path: path.write_bytes(png_header(64, 64)), "cannot be read as a picture"),
    "16 bit grey": (
        "a.png",
        lambda path: cv2.imwrite(str(path), np.full((64, 64), 4000, np.uint16)),
        "has more than 8 bits a channel, expected 8: scale the brightness of all pictures alike",
    ),
    "16 bit colour": (
        "a.png",
        lambda path: cv2.imwrite(str(path), np.full((64, 64, 3), 4000, np.uint16)),
        "has more than 8 bits a channel",
    ),
    "16 bit TIFF": (
        "a.tif",
        lambda path: cv2.imwrite(str(path), np.full((64, 64, 3), 4000, np.uint16)),
        "has more than 8 bits a channel",
    ),
    "16 bit PGM": (
        "a.pgm",
        lambda path: path.write_bytes(b"P5 64 64 4095\n" + bytes(2 * 64 * 64)),
        "has more than 8 bits a channel",
    ),
    "floats": ("a.tif", saved(Image.new("F", (64, 64))), "has more than 8 bits a channel"),
    "one bit": ("a.png", saved(Image.new("1", (64, 64))), "has the channels 1, expected grey or RGB"),
    "for printing": ("a.tif", saved(Image.new("CMYK", (64, 64))), "has the channels CMYK, expected grey or RGB"),
    "moving": (
        "a.gif",
        saved(GREY, save_all=True, append_images=[Image.new("L", (64, 64), 200)]),
        "has several pictures, expected one",
    ),
    "a page": ("a.png", lambda path: path.write_text("<html>"), "cannot be read as a picture: cannot identify"),
    "empty": ("a.png", lambda path: path.touch(), "cannot be read as a picture"),
    "another format": ("a.ico", saved(GREY), "cannot be read as a picture: cannot identify"),
}


@pytest.mark.parametrize(("name", "make", "sentence"), WRONG_PICTURES.values(), ids=WRONG_PICTURES)
def test_what_is_no_such_picture_is_refused_by_name(
    folder: Folder, name: str, make: Callable[[Path], object], sentence: str
) -> None:
    (folder.path / "a.png").unlink()
    make(folder.path / name)
    said = folder.refused(f"path,label\nb.png,arc\n{name},arc\n")
    assert said.startswith(f"{folder.path}/{name}: ")
    assert sentence in said


def test_a_truncated_picture_is_not_half_read(folder: Folder) -> None:
    for suffix in ("png", "jpg", "tif"):
        path = folder.path / f"t.{suffix}"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:-2000])
        assert f"t.{suffix}: cannot be read as a picture" in folder.refused(f"path,label\nt.{suffix},arc\n")


def test_all_wrong_pictures_are_listed(folder: Folder) -> None:
    for name in ("a.png", "c.png"):
        (folder.path / name).write_bytes(b"")
    assert len(folder.refused("path,label\na.png,arc\nb.png,arc\nc.png,arc\n").splitlines()) == 2


# The configuration


def test_a_release_of_pictures_can_be_treated_as_all_others() -> None:
    release = FramesRelease.model_validate(RELEASE)
    assert (release.years, release.labels, release.adjudicated, release.selections) == ([], [], None, None)
    assert not release.frozen
    assert release.label_set == "kvammen2020"
    assert release.columns.needed == ["path"]


WRONG_RELEASES: list[tuple[dict[str, Any], str]] = [
    ({"splits": {}}, "at least 1 item"),
    ({"file": "a.png"}, "'a.png' does not make a file name of a path; expected text with {path}, or with {path:0>5}"),
    ({"file": "{path:05d}.png"}, "does not make a file name"),
    ({"file": "{path.__class__}"}, "does not make a file name"),
    ({"file": "{path:{path}}"}, "does not make a file name"),
    ({"file": "{number}.png"}, "does not make a file name"),
    ({"file": "{path"}, "does not make a file name"),
    ({"columns": {"label": "class", "annotators": ["anna"]}}, "the labels stand either in one column or in one for"),
    ({"columns": {"path": "x", "time": "x"}}, "the column 'x' is named twice; each column is for one thing"),
    ({"columns": {"annotators": ["anna", "anna"]}}, "the column 'anna' is named twice"),
    ({"columns": {"night": "x"}}, "Extra inputs"),
    (
        {"columns": {"part": None}, "splits": {"theirs": {"method": "published"}}},
        "splits.theirs has the method published, but columns.part is null",
    ),
    (
        {"columns": {"time": None}, "splits": {"night": {"method": "night"}}},
        "splits.night has the method night, but columns.time is null",
    ),
]


@pytest.mark.parametrize(("more", "sentence"), WRONG_RELEASES, ids=[sentence for _, sentence in WRONG_RELEASES])
def test_what_is_wrong_in_the_configuration_is_said(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        FramesRelease.model_validate({**RELEASE, **more})
