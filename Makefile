# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Python keeps what it compiles here, and the tree stays clean.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
export PYTHONDONTWRITEBYTECODE :=

PYTEST := python -m pytest
# Tests with the mark `long` are left out unless this is empty: `make test-all`, or `make e2e WITHOUT_LONG=`.
export WITHOUT_LONG ?= --without-long
# What `make test` runs, in this order and with + side by side; the first failing part ends it. The lab is built while
# what needs none is tested: compilers leave a processor idle now and then.
TEST_PARTS := lab-build+sanity+lint+docs+unit integration lab-nfs e2e molecule

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

.PHONY: demo
demo: deps ## a verified Redis Cluster on the lab, or on KUBECONFIG with MACHINES=<inventory>
	@tests/tools/demo

.PHONY: test
test: deps ## every test but the long ones, with a table of times at the end
	@python tests/tools/run_parts.py $(TEST_PARTS)

.PHONY: test-all
test-all: WITHOUT_LONG :=
test-all: test ## make test and the long ones: more repetitions, all server versions

.PHONY: deps
deps: link ## .venv with everything pinned in requirements-dev.txt
	@tests/tools/deps

.PHONY: link
link: ## restore the self-link that zip files and some checkouts lose
	@tests/tools/link

.PHONY: lint
lint: deps ## ruff, mypy, shellcheck, yamllint, ansible-lint (profile production)
	@tests/tools/lint

.PHONY: format
format: deps ## let ruff format the python files
	@ruff check --fix . && ruff format .

.PHONY: docs
docs: deps ## lint the documentation of every module, filter and role
	@tests/tools/docs

.PHONY: sanity
sanity: deps ## ansible-test sanity in a copy of the tree
	@tests/tools/sanity

.PHONY: unit
unit: deps ## unit and property tests, and the simulation of tests/simulation: no cluster, no servers
	@$(PYTEST) tests/unit $(WITHOUT_LONG) -n auto --dist loadfile
	@$(PYTEST) tests/simulation $(WITHOUT_LONG) -n auto --dist worksteal

.PHONY: integration
integration: deps ## the modules against real redis-server processes on loopback
	@# More processes than processors: these tests wait for servers most of the time.
	@python3 lab servers
	@$(PYTEST) tests/integration -m "not large" $(WITHOUT_LONG) -n 4 --dist worksteal
	@$(PYTEST) tests/integration -m large $(WITHOUT_LONG)

.PHONY: lab
lab: deps ## start the four machine Kubernetes lab
	@python3 lab up

.PHONY: lab-build
lab-build: deps ## the programs and images of the lab, nothing started
	@python3 lab build --nfs

.PHONY: lab-nfs
lab-nfs: deps ## the lab with an NFS server and two workers that can mount NFS
	@python3 lab up --nfs

.PHONY: lab-down
lab-down: ## remove the lab of this checkout
	@python3 lab down

.PHONY: e2e
e2e: lab-nfs ## whole deployments on the lab: kills, wiped volumes, data kept
	@$(PYTEST) tests/e2e $(WITHOUT_LONG) -v -raP --durations=30 -n 2 --dist loadscope --no-loadscope-reorder

.PHONY: molecule
molecule: lab-nfs ## every role and site.yml on the lab, from check mode to cleanup
	@tests/tools/molecule

.PHONY: bench
bench: deps ## time to form a cluster, side by side with redis-cli --cluster create
	@python3 lab servers
	@python tests/bench/formation.py

.PHONY: build
build: deps ## the collection archive in dist/, its contents checked
	@tests/tools/build

.PHONY: clean
clean: ## remove what make built (not the lab, not .venv)
	@rm -rf build dist .ansible .pytest_cache .ruff_cache .hypothesis tests/output
	@find . -path ./.venv -prune -o -path ./.lab -prune -o -name __pycache__ -prune -exec rm -rf {} +
