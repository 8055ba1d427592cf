"""`make lock`: resolve pyproject.toml to exact versions, for every platform and Python, into the files of `envs/`.

Needs the command `uv`. requirements-dev.txt holds only what the checks need on top of requirements.txt; norrsken.yaml
names the direct dependencies for conda.
"""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT, ENVS = ROOT / "pyproject.toml", ROOT / "envs"
RUN, DEV, CONDA = ENVS / "requirements.txt", ENVS / "requirements-dev.txt", ENVS / "norrsken.yaml"

CONDA_HEAD = """\
# For `snakemake --sdm conda`: what the jobs need, in the versions of requirements.txt (a test holds them equal).
# Python comes from conda-forge, the packages from PyPI, so that both ways of running have the same builds of them.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.12
  - pip
  - pip:
"""


def resolve(*options: str) -> list[str]:
    """One version of each package that serves every Python from 3.11 on."""
    command = [
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--fork-strategy",
        "fewest",
        "--python-version",
        "3.11",
    ]
    command += ["--no-header", "--no-annotate", str(PROJECT), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines(keepends=True)


def direct_dependencies() -> list[str]:
    """The packages that pyproject.toml names for running."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    return [re.split(r"[<>=!~ \[]", line)[0].lower() for line in project["dependencies"]]


def locked_versions(path: Path = RUN) -> dict[str, str]:
    """Package → version of a requirements file."""
    lines = (line.split(";")[0].strip() for line in path.read_text().splitlines())
    return dict(line.split("==", 1) for line in lines if line and not line.startswith("#"))


def main() -> None:
    run = resolve()
    RUN.write_text("".join(run))
    DEV.write_text("".join(line for line in resolve("--extra", "dev", "--constraint", str(RUN)) if line not in run))
    versions = locked_versions()
    CONDA.write_text(CONDA_HEAD + "".join(f"      - {name}=={versions[name]}\n" for name in direct_dependencies()))


if __name__ == "__main__":
    main()
