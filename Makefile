# Two commands do all set-up from a bare clone: `make demo` runs the main job, `make test` passes the tests, but for those
# of `make long`.

UV := $(or $(shell command -v uv),.uv/bin/uv)
PIP := $(UV) pip install --quiet --python .venv/bin/python --constraint constraints.txt
RUN := .venv/bin/
# One more than there are cores, as a crawl waits more than it works.
SIDE_BY_SIDE = --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadgroup --no-loadscope-reorder

.PHONY: demo demo-crawl test long gates quick lint bench bench-peers bench-crawl bench-train readers install-check newest runners conformance faults signals memory clean

demo: .venv/.train
	$(RUN)curate run quickstart --out demo

# The same pages by crawl: a web server on loopback plays them, and the recipe runs on the WARC files.
demo-crawl: .venv/.dev
	$(RUN)python tests/conformance/demo_crawl.py demo-crawl

test: .venv/.dev .venv/.browser
	UV=$(UV) $(RUN)pytest $(SIDE_BY_SIDE) -m 'not long' --deselect tests/gates

# Training in several processes at once, and kills of a whole ladder.
long: .venv/.dev
	$(RUN)pytest $(SIDE_BY_SIDE) -m long tests/curate

# Minimum scores and exact counts on real files; CURATE_TEST_DATA names their folder.
gates: .venv/.dev
	$(RUN)pytest $(SIDE_BY_SIDE) tests/gates

# What needs no worker processes, no runs of stages, and no measuring over real pages.
quick: .venv/.dev .venv/.browser
	UV=$(UV) $(RUN)pytest $(SIDE_BY_SIDE) -m 'not processes' --deselect tests/gates

lint: .venv/.dev
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	rm -rf build/lib build/typed # what modules that have moved left behind
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --target build/typed --upgrade .
	cd build/typed && ../../$(RUN)mypy --config-file ../../pyproject.toml -p curate

bench: .venv/.dev
	$(RUN)python tests/bench/pipeline.py
	$(RUN)python tests/bench/reader.py
	$(RUN)python tests/bench/score.py
	$(RUN)python tests/bench/loader.py
	$(RUN)python tests/bench/tokenizing.py
	$(RUN)python tests/bench/packing.py
	$(RUN)python tests/bench/writer.py

# curate beside datatrove, which lives in an environment of its own: its trafilatura is below 1.12.
bench-peers: .venv/.dev .venv-peers/.ready
	$(RUN)python tests/bench/extract.py --typed

.venv-peers/.ready: | $(UV)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv-peers
	$(UV) pip install --quiet --python .venv-peers/bin/python 'datatrove[io,processing]==0.10.*' 'spacy>=3.8,<4'
	@touch $@

# A step of training beside nanoGPT's; NANOGPT is a checkout of https://github.com/karpathy/nanoGPT.
bench-train: .venv/.dev
	$(RUN)python tests/bench/train.py --nanogpt $(NANOGPT)

# Megatron-core, datatrove, litdata, datasets, dolma and mlcroissant read shards and exports, and lm-eval and transformers
# evaluate models, in an environment of their own.
readers: .venv/.dev .venv-readers/.ready
	$(RUN)pytest -q tests/readers

.venv-readers/.ready: tests/readers/requirements.txt | $(UV)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv-readers
	$(UV) pip install --quiet --python .venv-readers/bin/python --torch-backend=cpu -r $< 2>/dev/null \
		|| $(UV) pip install --quiet --python .venv-readers/bin/python -r $<
	$(UV) pip install --quiet --python .venv-readers/bin/python --no-deps 'datatrove==0.10.1' 'dolma==1.2.1'
	$(UV) pip install --quiet --python .venv-readers/bin/python --editable '.[lm-eval]'
	@touch $@

# The commands of README in fresh environments: plain pip as Python ships it, no constraints, the newest versions.
install-check: .venv/.dev
	$(RUN)pytest -q tests/install

# The quick tests with the newest version of everything that pyproject.toml allows; for once a week.
newest: | $(UV)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv-newest
	$(UV) pip install --quiet --python .venv-newest/bin/python --torch-backend=cpu --editable '.[all,dev]' 2>/dev/null \
		|| $(UV) pip install --quiet --python .venv-newest/bin/python --editable '.[all,dev]'
	UV=$(UV) .venv-newest/bin/pytest $(SIDE_BY_SIDE) -m 'not processes' --deselect tests/gates

# curate crawl beside scrapy with warcio, on the loopback web.
bench-crawl: .venv/.dev .venv-peers/.scrapy
	$(RUN)python tests/bench/crawl.py

.venv-peers/.scrapy: .venv-peers/.ready
	$(UV) pip install --quiet --python .venv-peers/bin/python 'scrapy==2.19.*' 'warcio==1.8.*'
	@touch $@

# What Spark, Flink and Prism need, into the user's cache.
runners: .venv/.dev .venv/.tools
	$(RUN)curate runners fetch spark flink prism

# One recipe on every engine, the same bytes; CURATE_REQUIRE=spark,flink,... makes a skip of these a failure.
conformance: .venv/.dev
	$(RUN)pytest -q tests/conformance/test_ways.py

# kill -9, interrupts, failing and slow tasks, on every engine; CURATE_KILLS=10 is how often each is killed. A crawl into S3 by
# a cluster of Spark that loses an executor.
faults: .venv/.dev
	$(RUN)pytest -q tests/conformance/test_faults.py tests/conformance/test_crawl.py

# 100 signals at random moments, in every stage and in other commands.
signals: .venv/.dev
	CURATE_SIGNALS=$(or $(CURATE_SIGNALS),100) $(RUN)pytest -q -s tests/pipelines/test_signals.py

# Peak memory per stage at 1, 3 and 10 times the input.
memory: .venv/.dev
	$(RUN)python tests/bench/corpus.py --bytes $(or $(MEMORY_HTML),1000000000) --form warc --out build/corpus/warc
	$(RUN)python tests/bench/corpus.py --bytes $(or $(MEMORY_TEXT),300000000) --form documents --out build/corpus/documents
	$(RUN)python tests/bench/memory.py --warc build/corpus/warc --documents build/corpus/documents

clean:
	rm -rf .venv .venv-newest .venv-peers .venv-readers .uv build demo demo-crawl *.egg-info

# torch: the CPU build where uv can get it, else the registry's own (5 GB, once, through uv's cache).
.venv/.train: .venv/.data
	$(PIP) --torch-backend=cpu --editable '.[all]' 2>/dev/null || $(PIP) --editable '.[all]'
	@touch $@

.venv/.dev: .venv/.train
	$(PIP) --editable '.[all,dev]'
	@touch $@

# One test looks at the report in a browser; without the right to install one it is skipped and says so.
.venv/.browser: .venv/.dev
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || true
	@touch $@

# Java, Maven and Go where they are missing and may be installed; `curate runners fetch` tells what it lacks.
.venv/.tools: .venv/.dev
	@for tool in java:default-jre-headless mvn:maven go:golang-go; do command -v $${tool%%:*} >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq $${tool##*:} >/dev/null; } || true; done
	@touch $@

.venv/.data: pyproject.toml constraints.txt | $(UV)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv
	$(PIP) --editable '.[beam,report]'
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv
