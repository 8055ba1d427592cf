"""The lines of docs/exchange.md do what the page says, in the folder of a configuration."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import yaml
from conftest import ROOT, Night
from test_aurorax import CLASSES, SITE, SOURCE, rows, save

from norrsken.exchange.aurorax import write_records


def lines(section: str) -> str:
    """The lines of Python of a section, one after the other."""
    page = (ROOT / "docs/exchange.md").read_text()
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def test_the_lines_on_asilib(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(night.observatory.model_dump(mode="json")))
    (tmp_path / "results").symlink_to(Path(night.nights.format(month="")).parent)
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(lines("asilib"), found)
    assert found["picture"].get_array().shape == (128, 128, 3)
    assert found["colours"].shape == (50, 3)
    assert len(plt.get_fignums()) >= 2
    plt.close("all")


def test_the_lines_on_aurorax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    times = [datetime(2018, 1, 14, 18) + timedelta(minutes=i) for i in range(3)]
    month = save(tmp_path, rows(times, ["mist", "not_classified", "mist"]))
    write_records([month], SITE, CLASSES, "A title", SOURCE, tmp_path / "aurorax.json")
    monkeypatch.chdir(tmp_path)
    exec(lines("AuroraX"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("2018-01-14 18:00:00 {'norrsken_ml_v1': 'classified as mist'")
    assert "3 2 ['classified as ribbon'" in printed
