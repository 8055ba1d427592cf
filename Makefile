# make demo   a simulated archive through the whole workflow, on this machine
# make test   all checks
# make lock   newest versions that pyproject.toml allows, into envs/

PYTHON ?= python3
BIN := .venv/bin
# Byte code is made when a module is first imported: compiling all of torch takes longer than the demo's training.
PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check
DEMO_NIGHTS := 2018-01-15 2018-01-16 2018-01-23 2019-01-04 2019-01-05 2019-01-06

.PHONY: demo test lint lock clean

demo: .venv/installed
	$(BIN)/norrsken simulate --config demo/config.yaml $(DEMO_NIGHTS)
