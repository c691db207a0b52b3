# The container image and the main job.

# The version that is shipped. CODEX_VERSION= takes another, by number or as `latest`.
CODEX_DEFAULT := 0.171.0
CODEX_VERSION ?= $(CODEX_DEFAULT)
NODE_VERSION  ?= 22
# Empty: Debian's slim image, or one made on this machine where no registry can be reached.
BASE          ?=
# What the image is called; its variants are tagged IMAGE:CODEX_VERSION and IMAGE:nodeNODE_VERSION.
IMAGE         ?= codex-sandbox
# More options for docker build, such as --no-cache.
BUILD_FLAGS   ?=
WORK_DIR      ?= $(CURDIR)
ARGS          ?=

VERSIONS      := image/versions.sh '$(CODEX_VERSION)' '$(CODEX_DEFAULT)' '$(NODE_VERSION)'
IMAGE_INIT    ?= $(BUILD)/codex-init
IMAGE_BROKER  ?= $(BUILD)/codex-broker
CONTEXT       := $(BUILD)/image
CONTEXT_FILES := $(addprefix image/,Dockerfile fetch-codex.sh fetch-node.sh finish.sh layers.sh profile.sh)
CONTEXT_DIRS  := presets browsers layers

.PHONY: image image-needs run
image-needs:
	@$(VERSIONS) >/dev/null
	@ci/setup.sh build image
	@ci/engine.sh

image: image-needs ## build the container image (CODEX_VERSION=NUMBER|latest NODE_VERSION=18|20|22|24 BASE= IMAGE=)
	@$(MAKE) --no-print-directory $(IMAGE_INIT) $(IMAGE_BROKER)
	@rm -rf $(CONTEXT) && install -d $(CONTEXT_DIRS:%=$(CONTEXT)/%)
	@install -m 0644 $(CONTEXT_FILES) $(CONTEXT) && chmod 0755 $(CONTEXT)/fetch-*.sh
	@for dir in $(CONTEXT_DIRS); do install -m 0644 image/$$dir/* $(CONTEXT)/$$dir || exit 1; done
	@install -m 0755 $(IMAGE_INIT) $(CONTEXT)/codex-init
	@install -m 0755 $(IMAGE_BROKER) $(CONTEXT)/codex-broker
	@install -m 0644 /etc/ssl/certs/ca-certificates.crt $(CONTEXT)/ca-certificates.crt
	@codex=$$($(VERSIONS)) && \
		image/build.sh '$(IMAGE)' "$$codex" '$(NODE_VERSION)' '$(BASE)' '$(VERSION)' $(CONTEXT) $(BUILD_FLAGS)

# By the environment: a path may hold any character.
run: export WORK_DIR := $(WORK_DIR)
run: image ## set up everything and start Codex in its sandbox for WORK_DIR (default: here); without credentials, the demo
	@$(MAKE) --no-print-directory $(BUILD)/codex-sandbox
	@image/run.sh $(BUILD)/codex-sandbox '$(IMAGE)' "$$WORK_DIR" $(ARGS)
