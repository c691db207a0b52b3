# codex-sandbox: a static PID 1 that walls in a container, and the launcher that starts it.
# `make help` lists the targets. Everything made lands under build/.

VERSION := $(shell cat VERSION)
PREFIX  ?= /usr/local
BUILD   := build
NPROC   := $(shell nproc 2>/dev/null || echo 1)

all: $(BUILD)/codex-init $(BUILD)/codex-broker $(BUILD)/codex-sandbox ## build the binaries (the default)
.PHONY: all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# One short line for each step; `make V=1` shows the commands.
Q := $(if $(V),,@)
SHOW = $(if $(V),,@printf '  %-8s %s\n' $(1) $@)

# ---- Sources ----------------------------------------------------------------------------
# filters_gen.c is a program of the build machine; libc/ belongs to the static binary alone. Sorted, so that the order of a directory never shows in a binary.
GENERATOR   := init/lib/filters_gen.c
SHIM        := $(sort $(wildcard init/libc/*.c))
INIT_SRC    := $(sort $(filter-out $(GENERATOR) $(SHIM),$(wildcard init/*.c init/*/*.c)))
BROKER_SRC  := $(sort $(wildcard init/broker/*.c))
STUB_SRC    := $(sort $(wildcard stub/*.c stub/*/*.c))
# What the others may use of codex-init's (docs/architecture.md). The linker leaves out what one does not call.
SHARED_SRC  := $(filter-out $(GENERATOR),$(sort $(wildcard init/lib/*.c init/policy/*.c)))
HEADERS_GEN := $(if $(wildcard $(GENERATOR)),$(BUILD)/gen/filters.h $(BUILD)/gen/presets.h)

# ---- Flags ------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wundef \
	-Wvla -Wpointer-arith -Wcast-qual -Wwrite-strings
WERROR   ?= -Werror
COMMON   := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -I$(BUILD)/gen -ffile-prefix-map=$(CURDIR)=.

# The static binaries: by musl, in a sysroot of Debian's archives. Where the compiler's own C
# library is musl (Alpine), its own libraries are taken and neither sysroot nor shim is.
ifneq ($(findstring musl,$(shell $(CC) -dumpmachine 2>/dev/null)),)
MUSL_CC     := $(CC)
MUSL_INC    := -isystem /usr/include/libnl3
MUSL_SRC    :=
SYSROOT     :=
LINK_LEFT   := -static-pie
LINK_RIGHT  :=
LIBS        := -lnftnl -lmnl -lnl-3
else
MUSL_CC     := gcc
TRIPLE      := $(shell gcc -print-multiarch 2>/dev/null)
MUSL        := $(firstword $(subst -, ,$(TRIPLE)))-linux-musl
SYSROOT     := $(BUILD)/sysroot
LIBNL       := $(SYSROOT)/src/libnl3
MUSL_INC    := -nostdinc -isystem $(SYSROOT)/usr/include/$(MUSL) -isystem $(shell gcc -print-file-name=include) \
	-isystem $(LIBNL)/include -idirafter $(SYSROOT)/usr/include -idirafter $(SYSROOT)/usr/include/$(TRIPLE)
MUSL_SRC    := $(SHIM)
# What of libnl is reached; the rest isn't even compiled.
LIBNL_SRC   := attr cache_mngt error handlers msg nl socket utils
# The start files are named here: rcrt1.o is musl's start code for a static program that
# relocates itself. Packed, its relocations take 300 octets instead of 26 KB.
CRT          = $(SYSROOT)/usr/lib/$(MUSL)
LINK_LEFT    = -nostdlib -static -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-z,pack-relative-relocs \
	$(CRT)/rcrt1.o $(CRT)/crti.o $(shell gcc -print-file-name=crtbeginS.o)
LINK_RIGHT   = -L$(CRT) -Wl,--start-group -lc -lgcc -Wl,--end-group $(shell gcc -print-file-name=crtendS.o) $(CRT)/crtn.o
LIBS        := -L$(SYSROOT)/usr/lib/$(TRIPLE) -lnftnl -lmnl
endif
HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection -fno-common \
	-ftrivial-auto-var-init=zero
# Across files, which is 12 KB less of codex-init. LTO= does without.
LTO      ?= -flto -flto-partition=one
# -Oz, since GCC 12, is 8 KB less.
SMALL    := $(shell $(CC) -Oz -E -x c /dev/null >/dev/null 2>&1 && echo -Oz || echo -Os)
PLACED   := $(SMALL) $(LTO) $(HARDEN) -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-ident
STATIC   := $(COMMON) $(PLACED) $(MUSL_INC)
LDSTATIC := -Wl,--gc-sections -Wl,--hash-style=gnu -Wl,--build-id=none -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,-z,separate-code -Wl,--sort-section=alignment -Wl,-s

STATIC_OBJ = $(patsubst %.c,$(BUILD)/static/%.o,$(1))

# ---- What the build needs ---------------------------------------------------------------
# Asked once a run, a few milliseconds: a clear list instead of a compiler's error.
.PHONY: build-needs
build-needs:
	@ci/setup.sh --check build

$(BUILD)/sysroot: ci/sysroot.sh | build-needs
	@ci/sysroot.sh $@ && touch $@

$(BUILD)/filters_gen: $(GENERATOR) $(wildcard init/lib/*.h) | build-needs
	@mkdir -p $(@D)
	$(call SHOW,HOSTCC)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -o $@ $(GENERATOR) -lseccomp

$(BUILD)/gen/filters.h: $(BUILD)/filters_gen
	@mkdir -p $(@D)
	$(call SHOW,GEN)
	$(Q)$< >$@

# The presets, as rows {name, text}: what stub/commands/learn.c may propose.
PRESETS := $(sort $(wildcard image/presets/*))
$(BUILD)/gen/presets.h: $(PRESETS)
	@mkdir -p $(@D)
	$(call SHOW,GEN)
	$(Q)for preset in $(PRESETS); do echo "{\"$${preset##*/}\","; sed 's/["\\]/\\&/g; s/.*/"&\\n"/' "$$preset"; echo '},'; done >$@

# The same filters with what the sanitizers' own runtime calls, for the unit tests.
UNIT_GEN := $(if $(HEADERS_GEN),$(BUILD)/gen-unit/filters.h $(BUILD)/gen/presets.h)
$(BUILD)/filters_gen_unit: $(GENERATOR) $(wildcard init/lib/*.h) | build-needs
	@mkdir -p $(@D)
	$(call SHOW,HOSTCC)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -DFOR_SANITIZERS $(WARNINGS) -O1 -o $@ $(GENERATOR) -lseccomp

$(BUILD)/gen-unit/filters.h: $(BUILD)/filters_gen_unit
	@mkdir -p $(@D)
	$(call SHOW,GEN)
	$(Q)$< >$@

# ---- The binaries -----------------------------------------------------------------------
$(BUILD)/static/%.o: %.c $(HEADERS_GEN) $(SYSROOT) Makefile | build-needs
	@mkdir -p $(@D)
	$(call SHOW,CC)
	$(Q)$(MUSL_CC) $(STATIC) $(EXTRA_$*) -MMD -MP -c -o $@ $<

EXTRA_init/lib/version := -DVERSION='"$(VERSION)"'
EXTRA_stub/main := -DVERSION='"$(VERSION)"'
$(call STATIC_OBJ,init/lib/version.c stub/main.c): VERSION

# libnl as its configure would have it without threads. Its warnings are its authors'.
$(BUILD)/libnl/%.o: $(SYSROOT) Makefile | build-needs
	@mkdir -p $(@D)
	$(call SHOW,CC)
	$(Q)$(MUSL_CC) -std=gnu11 -D_GNU_SOURCE -DDISABLE_PTHREADS -DSYSCONFDIR='"/etc"' -w $(PLACED) -ffile-prefix-map=$(SYSROOT)/src/= \
		-I$(LIBNL)/include/linux-private $(MUSL_INC) -c -o $@ $(LIBNL)/lib/$*.c

$(BUILD)/codex-init: $(call STATIC_OBJ,$(filter-out init/broker/main.c,$(INIT_SRC)) $(MUSL_SRC)) $(LIBNL_SRC:%=$(BUILD)/libnl/%.o)
	$(call SHOW,LINK)
	$(Q)$(MUSL_CC) $(SMALL) $(LTO) $(HARDEN) $(LDSTATIC) -o $@ $(LINK_LEFT) $^ $(LIBS) $(LINK_RIGHT)
	$(Q)strip -R .comment $@

$(BUILD)/codex-broker: $(call STATIC_OBJ,$(BROKER_SRC) $(filter init/lib/%,$(SHARED_SRC)))
$(BUILD)/codex-sandbox: $(call STATIC_OBJ,$(STUB_SRC) $(SHARED_SRC))
$(BUILD)/codex-broker $(BUILD)/codex-sandbox:
	$(call SHOW,LINK)
	$(Q)$(MUSL_CC) $(SMALL) $(LTO) $(HARDEN) $(LDSTATIC) -o $@ $(LINK_LEFT) $^ $(LINK_RIGHT)
	$(Q)strip -R .comment $@

# ---- Unit tests: the same sources for this machine, under the sanitizers -----------------
UNIT_CC  ?= gcc
UNIT     := -I$(BUILD)/gen-unit $(COMMON) -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -I. -isystem /usr/include/libnl3
# Tests hand string literals to functions that take argv; and say.h comes first, because
# cmocka.h has a macro fail().
TEST_C   := -Wno-cast-qual -include init/lib/say.h
UNIT_SRC := $(sort $(filter-out %/main.c,$(INIT_SRC) $(STUB_SRC)))
UNIT_OBJ := $(patsubst %.c,$(BUILD)/unit/%.o,$(UNIT_SRC))
UNIT_BIN := $(sort $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c)))
# Two archives, so that a name that both programs use is no clash.
UNIT_LIB := $(BUILD)/unit/init.a $(BUILD)/unit/stub.a

.PHONY: test-needs unit-objects
test-needs:
	@ci/setup.sh --check build test

$(BUILD)/unit/%.o: %.c $(UNIT_GEN) Makefile | build-needs
	@mkdir -p $(@D)
	$(call SHOW,CC)
	$(Q)rm -f $@
	$(Q)$(UNIT_CC) $(UNIT) $(EXTRA_$*) -MMD -MP -c -o $@ $<

unit-objects: $(UNIT_OBJ)

# A source that does not compile keeps only those tests from linking that need it: the archive
# takes what there is, and the rules above and below leave nothing of before (a compiler that
# fails does). test-unit itself insists on every object.
.PHONY: unit-archive
unit-archive: $(UNIT_GEN)
	@$(MAKE) -k --no-print-directory unit-objects || echo "unit: some sources do not compile" >&2
$(UNIT_LIB): unit-archive
	@rm -f $@
	@ar qcsDP $@ $(foreach o,$(filter $(BUILD)/unit/$(basename $(@F))/%,$(UNIT_OBJ)),$$(test -e $o && echo $o))

$(BUILD)/unit/test_%: tests/unit/test_%.c $(UNIT_LIB)
	@mkdir -p $(@D)
	$(call SHOW,CC)
	$(Q)rm -f $@
	$(Q)$(UNIT_CC) $(UNIT) $(TEST_C) -MMD -MP -o $@ $< \
		$(if $(findstring stub,$*),$(BUILD)/unit/stub.a $(BUILD)/unit/init.a,$(UNIT_LIB)) \
		$(BUILD)/unit/init.a -Wl,--as-needed -lcmocka -lnftnl -lmnl -lnl-3 -lseccomp

.PHONY: test test-unit
test-unit: unit-objects ## the unit tests, as root under ASan and UBSan
	@ci/setup.sh --check test
	@$(MAKE) --no-print-directory -k $(UNIT_BIN) || true
	@ci/unit.sh $(UNIT_BIN)

test: ## set up what is missing, then run every test (on Debian, as root)
	@ci/setup.sh build image test
	@ci/test.sh

# ---- Fuzzing: libFuzzer on each parser ---------------------------------------------------
FUZZ_SECONDS ?= 10
FUZZ_BIN := $(sort $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ     := $(COMMON) -Wno-unknown-warning-option -g -O1 -fno-omit-frame-pointer -I. \
	-isystem /usr/include/libnl3 -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst $(BUILD)/unit/%,$(BUILD)/fuzz/%,$(UNIT_OBJ))

$(BUILD)/fuzz/%.o: %.c $(HEADERS_GEN) Makefile
	@mkdir -p $(@D)
	$(call SHOW,CLANG)
	$(Q)rm -f $@
	$(Q)clang $(FUZZ) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

.PHONY: fuzz-objects fuzz-archive
fuzz-objects: $(FUZZ_OBJ)
fuzz-archive: $(HEADERS_GEN)
	@$(MAKE) -k --no-print-directory fuzz-objects || echo "fuzz: some sources do not compile" >&2
# Two archives here too; what is missing shows when a target is linked.
$(BUILD)/fuzz/init.a $(BUILD)/fuzz/stub.a: fuzz-archive
	@rm -f $@
	@ar qcsDP $@ $(foreach o,$(filter $(BUILD)/fuzz/$(basename $(@F))/%,$(FUZZ_OBJ)),$$(test -e $o && echo $o))

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/init.a $(BUILD)/fuzz/stub.a
	$(call SHOW,CLANG)
	$(Q)rm -f $@
	$(Q)clang $(FUZZ) -fsanitize=fuzzer -MMD -MP -o $@ $(filter %.c %.a,$^) $(BUILD)/fuzz/init.a -Wl,--as-needed -lnftnl -lmnl \
		-lnl-3 -lseccomp

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZ_SECONDS (10) seconds
	@ci/setup.sh build fuzz
	@$(MAKE) --no-print-directory $(FUZZ_BIN)
	@ci/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_BIN)

# ---- Measurements ------------------------------------------------------------------------
.PHONY: bench
bench: ## measure times and sizes against other tools, side by side
	@ci/setup.sh build bench
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/bench/bench.py

# ---- Checks of the source ----------------------------------------------------------------
.PHONY: check-clang format format-check
C_FILES := $(sort $(shell git ls-files '*.c' '*.h' 2>/dev/null))
CHECK_SRC := $(GENERATOR) $(INIT_SRC) $(STUB_SRC) $(SHIM) $(sort $(wildcard tests/unit/*.c tests/fuzz/*.c))
CC_CHECK ?= clang

check-clang: $(HEADERS_GEN) ## compile everything with clang (CC_CHECK=), warnings are errors
	@ci/setup.sh --check build lint
	@bad=0; for file in $(CHECK_SRC); do \
		case $$file in tests/unit/*) more="$(TEST_C)" ;; init/libc/*) more=-fno-builtin ;; *) more= ;; esac; \
		$(CC_CHECK) $(COMMON) -I. -isystem /usr/include/libnl3 $$more -O1 -fsyntax-only $$file || bad=1; \
	done; [ $$bad = 0 ] && echo "$(words $(CHECK_SRC)) files clean"

format: ## let clang-format rewrite the sources
	@clang-format -i $(C_FILES)

format-check: ## list the sources that clang-format would change
	@clang-format --dry-run --Werror $(C_FILES)

# ---- The folders: which uses which (docs/architecture.md) ----------------------------------
.PHONY: docs rooms tcb
docs: ## draw docs/architecture.svg from the table in docs/architecture.md
	@ci/rooms.py draw

rooms: unit-objects ## no include and no call but what that table allows; no files in a circle
	@ci/rooms.py check

tcb: unit-objects ## the code that runs with privilege; last line: how many lines
	@ci/rooms.py tcb

# ---- Install, clean, help ----------------------------------------------------------------
.PHONY: install clean help
install: all ## install what the host needs, codex-init and the presets for --check (PREFIX=/usr/local DESTDIR=)
	install -D -m 0755 $(BUILD)/codex-init $(DESTDIR)$(PREFIX)/sbin/codex-init
	install -D -m 0755 $(BUILD)/codex-sandbox $(DESTDIR)$(PREFIX)/bin/codex-sandbox
	install -d $(DESTDIR)$(PREFIX)/share/codex-sandbox/presets.d
	install -m 0644 image/presets/* $(DESTDIR)$(PREFIX)/share/codex-sandbox/presets.d

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{ printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

-include image/image.mk
-include tests/tests.mk
-include $(shell find $(BUILD)/static $(BUILD)/unit $(BUILD)/fuzz -type f -name '*.d' 2>/dev/null)
