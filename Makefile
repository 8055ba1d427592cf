# make demo       a simulated archive through the whole workflow, on this machine
# make demo-general  a second catalogue of it, by the classifier that needs no labels
# make demo-full  the same with all networks trained out: a day without a GPU
# make status     what is done, running, waiting, failed
# make test       all checks
# make test-cluster   a SLURM cluster of two nodes on this machine, and what can go wrong on it
# make test-field   what is handed to asilib and AuroraX, and classifying without torch, in environments of their own
# make fuzz       damaged input of every kind, for some minutes; FUZZ_SEED=1 repeats a run
# make bench      the benchmarks; see benchmarks/README.md
# make bench-gpu  what only a GPU can tell, in eight minutes
# make rulegraph    the picture of all rules in docs/architecture.md, by Graphviz
# make lock       the newest versions that pyproject.toml allows, into envs/

PYTHON ?= python3
FUZZ_SEED ?= random
VENV := .venv/bin
# Byte code is made when a module is first imported: compiling all of torch would take a minute. So it must be written.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := -m pip install --quiet --no-compile --disable-pip-version-check
PIP := $(VENV)/python $(INSTALL)
DEMO_NIGHTS := 2014-02-21 2014-02-23 2014-04-02 2015-03-16 2015-09-12 2015-10-20

.PHONY: demo demo-general demo-full status test test-cluster test-field fuzz check bench bench-gpu rulegraph lock clean

demo: .venv/run demo/labels/bertil.csv
	$(VENV)/snakemake all labelling audit --directory demo --cores all --quiet rules
	cd demo && ../$(VENV)/norrsken simulate --audit
	$(VENV)/snakemake --directory demo --cores all --quiet rules
	@echo
	@echo "Done. Open demo/results/demo/report/index.html, then demo/results/demo/catalogue/index.html."
	@echo "A second catalogue, by the classifier that comes with norrsken and has seen none of these labels: make demo-general"
	@echo "To try: demo/results/curation/keograms.html, where times are chosen, and demo/results/demo/labelling/anna.html, where frames are labelled."

demo-general: .venv/run demo/labels/bertil.csv
	$(VENV)/snakemake catalogue --directory demo --config release=general --cores all --quiet rules
	@echo
	@echo "Done. Open demo/results/general/catalogue/index.html."

demo-full: .venv/run demo/labels/bertil.csv
	$(VENV)/snakemake --directory demo --configfile demo/config.yaml demo/full.yaml --cores all --quiet rules
	@echo
	@echo "Done. Open demo/results/demo-full/report/index.html."

# The label tables are written last: where they are, the archive is whole. A killed simulation goes on.
demo/labels/bertil.csv: | .venv/run
	cd demo && ../$(VENV)/norrsken simulate $(DEMO_NIGHTS)

test: check
	$(VENV)/python -m pytest

test-cluster: .venv/test
	$(VENV)/python -m pytest -m cluster --numprocesses 0 tests/test_cluster.py

# Beside the tests there is another conftest.py, which imports what is not here.
test-field: .venv-field/run .venv-camera/run .venv/test
	.venv-field/bin/python -m pytest -q -o addopts="" --confcutdir=tests/field tests/field
	$(VENV)/python -m pytest -m field --numprocesses 0 tests/test_onnx.py

fuzz: .venv/test
	FUZZ_EXAMPLES=1500 $(VENV)/python -m pytest tests/test_fuzz.py --hypothesis-seed=$(FUZZ_SEED) --numprocesses 0

check: .venv/test
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/snakefmt --check Snakefile workflow/rules
	$(VENV)/mypy

bench: .venv/test
	$(VENV)/python benchmarks/ingest.py
	$(VENV)/python benchmarks/planning.py
	$(VENV)/python benchmarks/simulation.py
	$(VENV)/python benchmarks/training.py
	$(VENV)/python benchmarks/catalogue.py
	$(VENV)/python benchmarks/onnx_file.py
	$(VENV)/python benchmarks/sequence.py
	$(VENV)/python benchmarks/pages.py
	$(VENV)/python benchmarks/occurrence.py
	$(VENV)/python benchmarks/night_pages.py
	$(VENV)/python benchmarks/decade.py

bench-gpu: .venv/run
	$(VENV)/python benchmarks/gpu.py

# What runs the workflow, and what only the checks need.
.venv/run: envs/requirements.txt pyproject.toml
	test -x $(VENV)/python || $(PYTHON) -m venv .venv
	$(PIP) -r envs/requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/test: .venv/run envs/requirements-dev.txt
	$(PIP) -r envs/requirements-dev.txt
	touch $@

# For the tools of others, and for a small computer at a camera.
.venv-field/run .venv-camera/run: .venv-%/run: envs/%.txt pyproject.toml
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python $(INSTALL) --no-deps -r $<
	.venv-$*/bin/python $(INSTALL) --no-warn-conflicts --no-deps --no-build-isolation --editable .
	touch $@

status:
	@$(VENV)/snakemake --summary --quiet all | $(VENV)/norrsken status

rulegraph: .venv/run
	$(VENV)/python tools/draw_rulegraph.py

lock:
	$(VENV)/python tools/lock.py

clean:
	rm -rf demo/archive demo/labels demo/results demo/archive-truth demo/.snakemake
