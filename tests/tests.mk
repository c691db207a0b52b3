# The end-to-end tests: real containers in a laboratory that nothing leads out of (tests/lab).
# `make test-e2e ALL_NODES=1` builds and tries every Node variant; E2E= takes pytest's arguments, and
# JOBS= says how many test files run at one time.

E2E   ?=
# Test files at one time, each with a laboratory of its own: they mostly wait. JOBS=0: one by one.
JOBS  ?= 3
NODES := $(if $(ALL_NODES),18 20 22 24)

PYTEST = PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider -n $(JOBS) --dist loadfile tests/e2e
# A few that failed beside others are tried once more by themselves, and said to have been (tests/conftest.py).
AGAIN  = { test -s build/results/again && echo "once more, by themselves:" && tail -n +2 build/results/again && $(PYTEST) -n 0 --again; }

.PHONY: test-e2e test-walls attack
test-e2e: ## end-to-end tests: real containers and the real Codex in a lab; ALL_NODES=1: every Node
	@ci/setup.sh test
	@$(MAKE) --no-print-directory all
	@# The default one last: each build takes the tag codex-sandbox for itself.
	@for node in $(NODES); do $(MAKE) --no-print-directory image NODE_VERSION=$$node IMAGE=codex-sandbox:node$$node || exit 1; done
	@$(MAKE) --no-print-directory image
	@export LAB_IMAGES="$(NODES:%=codex-sandbox:node%)"; $(PYTEST) $(E2E) || $(AGAIN)

test-walls: ## the tests that the cell is held to as well, each of them in all of its forms
	@ci/setup.sh test
	@$(MAKE) --no-print-directory all image
	@CODEX_TEST_WALLS=all $(PYTEST) -m "cell and not nft" $(E2E)

attack: ## the attacks among those tests; last line: N leaked, M broken, K attacks
	@ci/setup.sh test
	@$(MAKE) --no-print-directory all image
	@$(PYTEST) --attack $(E2E)
