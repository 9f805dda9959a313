# What is built for tests and measurements, and the targets that run more than make check
# does.  Included by Makefile.am, which lists the tests themselves.

# --- Programs of tests -------------------------------------------------------

# One library for all of them: the harness, the helpers and weir's internals.
check_LTLIBRARIES = tests/libtests.la tests/support/failing_memory.la
tests_libtests_la_SOURCES = \
	tests/fuzz/replay.h \
	tests/support/calling.c tests/support/calling.h \
	tests/support/harness.c tests/support/harness.h \
	tests/support/mapping.c tests/support/mapping.h \
	tests/support/own_host.c tests/support/own_host.h \
	tests/support/piping.c tests/support/piping.h \
	tests/support/running.c tests/support/running.h \
	tests/support/scratch.c tests/support/scratch.h \
	tests/support/spawner_socket.c tests/support/spawner_socket.h
if !FUZZING
tests_libtests_la_SOURCES += tests/fuzz/replay.c
endif
tests_libtests_la_LIBADD = libweir-audit.la libweir-http.la libweir-probe.la libweir-core.la libweir-digest.la \
	$(CUNIT_LIBS)
# Made anew when the list above is changed: a library keeps objects that it has once had.
EXTRA_tests_libtests_la_DEPENDENCIES = $(srcdir)/tests/targets.mk
LDADD = tests/libtests.la

# A shared object for LD_PRELOAD: see tests/cli/oom.py.
tests_support_failing_memory_la_SOURCES = tests/support/failing_memory.c
tests_support_failing_memory_la_LDFLAGS = -module -shared -avoid-version -rpath /nowhere
tests_support_failing_memory_la_LIBADD =

# Programs that tests run or speak to.
test_programs = \
	tests/support/audit_writer \
	tests/support/decode_stdin \
	tests/support/http_reader \
	tests/support/json_schema \
	tests/support/json_syntax \
	tests/support/refuse_call \
	tests/support/rpc_host

# Tiny programs for tests to run, one behaviour each; nothing of weir in them.
test_children = \
	tests/children/answers_signal \
	tests/children/claims_environment \
	tests/children/closes_stdin \
	tests/children/closes_stdout \
	tests/children/copies_to_both \
	tests/children/counts_input \
	tests/children/dies_mid_line \
	tests/children/eats_cpu \
	tests/children/eats_memory \
	tests/children/floods_stderr \
	tests/children/ignores_sigpipe \
	tests/children/ignores_term \
	tests/children/leaves_behind \
	tests/children/leaves_unread \
	tests/children/map_worker \
	tests/children/rpc_worker \
	tests/children/says_and_stays \
	tests/children/shows_itself \
	tests/children/stops_itself \
	tests/children/ticks \
	tests/children/writes_hex
tests_children_answers_signal_LDADD =
tests_children_claims_environment_LDADD =
tests_children_closes_stdin_LDADD =
tests_children_closes_stdout_LDADD =
tests_children_copies_to_both_LDADD =
tests_children_counts_input_LDADD =
tests_children_dies_mid_line_LDADD =
tests_children_eats_cpu_LDADD =
tests_children_eats_memory_LDADD =
tests_children_floods_stderr_LDADD =
tests_children_ignores_sigpipe_LDADD =
tests_children_ignores_term_LDADD =
tests_children_leaves_behind_LDADD =
tests_children_leaves_unread_LDADD =
tests_children_map_worker_LDADD =
tests_children_rpc_worker_LDADD =
tests_children_says_and_stays_LDADD =
tests_children_shows_itself_LDADD =
tests_children_stops_itself_LDADD =
tests_children_ticks_LDADD =
tests_children_writes_hex_LDADD =
tests_support_refuse_call_LDADD =
# A sanitizer's shadow memory leaves no room under a limit.
tests_children_eats_memory_CFLAGS = $(WARNING_FLAGS)
tests_children_eats_memory_LDFLAGS =

# A portable spawner leaves orphans to init, and receives it when init has looked.
if PORTABLE
test_programs += tests/support/init
tests_support_init_LDADD =
with_init = $(builddir)/tests/support/init
endif

check_PROGRAMS = $(unit_tests) $(fuzz_targets) $(test_programs) $(test_children)

# --- Fuzzing -------------------------------------------------------------------
# Fuzz targets replay their seeds in make check; --enable-fuzzing makes them fuzzers.

fuzz_targets = \
	tests/fuzz/fuzz_audit \
	tests/fuzz/fuzz_checkpoint \
	tests/fuzz/fuzz_connection \
	tests/fuzz/fuzz_dead_letter_path \
	tests/fuzz/fuzz_decode \
	tests/fuzz/fuzz_detector \
	tests/fuzz/fuzz_http_chunks \
	tests/fuzz/fuzz_http_request \
	tests/fuzz/fuzz_http_target \
	tests/fuzz/fuzz_http_token \
	tests/fuzz/fuzz_ids \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_json_validate \
	tests/fuzz/fuzz_lines \
	tests/fuzz/fuzz_map_worker \
	tests/fuzz/fuzz_mcp_client \
	tests/fuzz/fuzz_mcp_server \
	tests/fuzz/fuzz_pattern \
	tests/fuzz/fuzz_pointer \
	tests/fuzz/fuzz_pool_worker \
	tests/fuzz/fuzz_printable \
	tests/fuzz/fuzz_redact \
	tests/fuzz/fuzz_request \
	tests/fuzz/fuzz_rpc_parse \
	tests/fuzz/fuzz_schema \
	tests/fuzz/fuzz_shell_words \
	tests/fuzz/fuzz_spawner_client \
	tests/fuzz/fuzz_spec \
	tests/fuzz/fuzz_tool \
	tests/fuzz/fuzz_values \
	tests/fuzz/fuzz_version
# These play the processes that they need, with functions in the place of kill() and others.
fuzz_pretend = tests/fuzz/pretend.c tests/fuzz/pretend.h
tests_fuzz_fuzz_checkpoint_SOURCES = tests/fuzz/fuzz_checkpoint.c $(fuzz_pretend)
tests_fuzz_fuzz_map_worker_SOURCES = tests/fuzz/fuzz_map_worker.c $(fuzz_pretend)
tests_fuzz_fuzz_spawner_client_SOURCES = tests/fuzz/fuzz_spawner_client.c $(fuzz_pretend)
tests_fuzz_fuzz_pool_worker_SOURCES = tests/fuzz/fuzz_pool_worker.c $(fuzz_pretend)
tests_fuzz_fuzz_mcp_server_SOURCES = tests/fuzz/fuzz_mcp_server.c $(fuzz_pretend)
fuzz_serving = tests/fuzz/serving.c tests/fuzz/serving.h $(fuzz_pretend)
tests_fuzz_fuzz_connection_SOURCES = tests/fuzz/fuzz_connection.c $(fuzz_serving)
tests_fuzz_fuzz_mcp_client_SOURCES = tests/fuzz/fuzz_mcp_client.c $(fuzz_serving)
fuzz_ldadd = tests/libtests.la $(FUZZ_ENGINE)
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c src/spawner/environment.c src/spawner/request.c
tests_fuzz_fuzz_audit_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_checkpoint_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_connection_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_mcp_client_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_dead_letter_path_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_decode_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_detector_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_chunks_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_request_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_target_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_token_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_ids_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_json_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_json_validate_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_lines_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_map_worker_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_mcp_server_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_pattern_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_pointer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_pool_worker_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_printable_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_redact_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_request_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_rpc_parse_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_schema_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shell_words_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_spawner_client_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_spec_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_tool_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_values_LDADD = libweir-cli.la $(fuzz_ldadd)
tests_fuzz_fuzz_version_LDADD = $(fuzz_ldadd)

# Every fuzzer in turn, for so long each: make fuzz SECONDS=1800, or of these alone: FUZZ='spec peer'.
FUZZ =
.PHONY: fuzz
fuzz: all
	@$(MAKE) $(AM_MAKEFLAGS) $(fuzz_targets)
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/fuzz/fuzz.sh '$(SECONDS)' $(FUZZ)

# --- Parts of make check, and more than it -----------------------------------

# What runs several threads in one context: these are also run under ThreadSanitizer.
thread_tests = tests/unit/test_map_feed tests/unit/test_threads tests/unit/test_pool_threads

# What starts, feeds and ends processes, and what the options of weir serve are in: these are also
# run with --disable-linux --disable-http, where everything else (make check) holds too, and takes
# longer than a fourth run is worth.
portable_units = \
	tests/unit/test_frames \
	tests/unit/test_host tests/unit/test_host_deaths tests/unit/test_host_limits \
	tests/unit/test_map tests/unit/test_map_call tests/unit/test_map_feed tests/unit/test_map_flow \
	tests/unit/test_map_stop tests/unit/test_pipe tests/unit/test_pipe_output \
	tests/unit/test_pipe_stop tests/unit/test_pool tests/unit/test_pool_crash \
	tests/unit/test_pool_life tests/unit/test_portable tests/unit/test_run \
	tests/unit/test_run_async tests/unit/test_run_output tests/unit/test_run_pty tests/unit/test_run_stop \
	tests/unit/test_run_streams \
	tests/unit/test_spawner tests/unit/test_spawner_end tests/unit/test_spawner_requests \
	tests/unit/test_threads
portable_scripts = \
	tests/cli/help.sh tests/cli/hostile.sh tests/cli/man.sh \
	tests/cli/map.sh tests/cli/map_launcher.sh tests/cli/pipe.sh tests/cli/run.sh \
	tests/cli/serve.sh tests/cli/signals.sh \
	tests/cli/spawner.sh tests/cli/terminal.sh

# What holds of the cases in tests/hostile.cases: make check-hostile GROUPS='24 25'
GROUPS =
hostile = srcdir='$(srcdir)' AWK='$(AWK)' $(SHELL) '$(srcdir)/scripts/check-hostile'
.PHONY: check-hostile
check-hostile:
	@programs=`$(hostile) --programs $(GROUPS)` || exit 1; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS= >check-hostile.log || exit 1; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="`echo $$programs`" >check-hostile.log 2>&1; \
	$(hostile) --table $(GROUPS)

.PHONY: check-portable
check-portable:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(portable_units) $(portable_scripts)' \
		check_PROGRAMS='$(portable_units) $(test_programs) $(test_children)'

.PHONY: check-threads
check-threads:
	@test -n '$(thread_tests)' || { echo 'thread_tests names no test'; exit 1; }
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(thread_tests)' \
		check_PROGRAMS='$(thread_tests) $(test_programs) $(test_children)'

# The web door beside others' readers of HTTP, tokens and OpenAPI documents: needs PyPI, once.
web_peers = httptools==0.6.4 prometheus-client==0.21.1 openapi-spec-validator==0.7.2 PyJWT==2.10.1 \
	openapi-python-client==0.29.1 schemathesis==4.32.5
web_tests = tests/cli/http_vectors.sh tests/cli/serve_http.sh tests/cli/serve_metrics.sh \
	tests/cli/serve_tokens.sh tests/peers/web_api.sh tests/peers/web_example.sh \
	tests/peers/web_page.sh tests/cli/serve_crowd.sh tests/soak/web_soak.sh
.PHONY: check-web
check-web: all
	test -e web-venv/made || { $(PYTHON3) -m venv web-venv && \
	web-venv/bin/python -m pip install -q $(web_peers) && : >web-venv/made; }
	CROWD=10000 $(MAKE) $(AM_MAKEFLAGS) check PYTHON3="`pwd`/web-venv/bin/python" \
		TESTS='$(web_tests)'

# 500 clients of a web door while workers are killed, as long as one likes:
# make check-web-soak SECONDS=60
.PHONY: check-web-soak
check-web-soak: all $(check_PROGRAMS)
	@SECONDS_OF_SOAK='$(SECONDS)' $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/soak/web_soak.sh

# Each of the first 400 allocations fails, in each verb, in weir and in weir-spawner: one
# after the other.  make check tries a sample.
.PHONY: check-oom
check-oom: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	@$(AM_TESTS_ENVIRONMENT) OOM_EVERY=1 $(SHELL) $(srcdir)/tests/cli/oom.sh

# Maps against their model, as long as one likes: make check-map-property SCHEDULES=20000
SCHEDULES = 20000
SEED = 1
.PHONY: check-map-property
check-map-property: all $(check_PROGRAMS)
	@$(AM_TESTS_ENVIRONMENT) SCHEDULES='$(SCHEDULES)' SEED='$(SEED)' \
		tests/property/map_property$(EXEEXT)

# What must hold for long, with workers, servers and clients killed at random, all beside each other:
# make check-soak SECONDS=1200, or SOAKS='each_soak http_soak' for some of it.
SECONDS = 60
SOAKS = soak each_soak gateway_soak http_soak web_soak pool_soak killed_hosts
.PHONY: check-soak
check-soak: all $(check_PROGRAMS)
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/soak/all.sh '$(SECONDS)' '$(SEED)' $(SOAKS)

# Programs that use weir, each killed KILLS times; then calls of 200 goroutines under the race
# detector, of 64 Python threads and of 200 callers in C, for SECONDS each, with workers killed at
# random: make check-hosts SECONDS=120
KILLS = 100
.PHONY: check-hosts
check-hosts: all $(check_PROGRAMS)
	@$(AM_TESTS_ENVIRONMENT) KILLS='$(KILLS)' $(SHELL) $(srcdir)/tests/soak/killed_hosts.sh
	@$(AM_TESTS_ENVIRONMENT) WEIR_STORM='$(SECONDS)s' $(SHELL) $(srcdir)/tests/cli/sdk_python_host.sh \
		test_pool.Calls.test_threads
	@$(AM_TESTS_ENVIRONMENT) SECONDS='$(SECONDS)' SEED='$(SEED)' tests/soak/pool_soak$(EXEEXT)
	@test -z '$(GO)' || { WEIR=$$(pwd)/weir WEIR_STORM='$(SECONDS)s' GOFLAGS=-mod=mod GOPROXY=off; \
		export WEIR WEIR_STORM GOFLAGS GOPROXY; cd '$(srcdir)/sdk/go' && \
		'$(GO)' test -race -count=1 -timeout 1h -v -run TestEachCallEndsOnceWhileWorkersAreKilled .; }

# MCP servers of others, from npm, PyPI and the Go module proxy, as workers; and their clients.
.PHONY: check-mcp-peers
check-mcp-peers:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="tests/peers/mcp_servers.sh tests/peers/mcp_peers.sh"

# Traces read by others' readers, from PyPI and npm, and the tools of examples/install, from PyPI and
# the Go module proxy.  What cannot be had is skipped.
trace_readers = @paulirish/trace_engine@0.0.65 third-party-web@0.30.0 legacy-javascript@0.0.1
.PHONY: check-peers
check-peers: all
	-test -e peers-venv/made || { $(PYTHON3) -m venv peers-venv && \
	timeout 300 peers-venv/bin/python -m pip install -q opentelemetry-proto==1.45.2 && \
	: >peers-venv/made; }
	-test -e peers-npm/made || { timeout 300 npm install --prefix peers-npm --no-fund --no-audit \
	--ignore-scripts --silent $(trace_readers) && : >peers-npm/made; }
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="tests/peers/trace_readers.sh tests/peers/install_tools.sh"

# Other engines: sshd, Slurm, Spark and Hadoop on this machine, and a tap and a target for Singer.
# What is not installed is skipped.
.PHONY: check-engines
engine_tests = tests/cli/example_ssh.sh tests/engines/slurm.sh tests/engines/spark.sh \
	tests/engines/hadoop.sh tests/engines/singer.sh
check-engines: all
	-test -e spark-venv/made || { $(PYTHON3) -m venv spark-venv && \
	timeout 300 spark-venv/bin/python -m pip install -q pyspark==3.5.6 && : >spark-venv/made; }
	-test -e hadoop-jars/made || { timeout 200 mvn -q -B -f $(srcdir)/examples/hadoop/pom.xml \
	dependency:copy-dependencies -DoutputDirectory="`pwd`/hadoop-jars" && : >hadoop-jars/made; }
	-for package in tap-jsonl==0.3.1 target-jsonl==0.1.4; do \
	place=singer-venv/$${package%%-*}; test -e $$place/made || { $(PYTHON3) -m venv $$place && \
	timeout 200 $$place/bin/python -m pip install -q $$package && : >$$place/made; }; done
	$(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(engine_tests)'

# The share of lines that the tests run, in C, Python and Go: in a build of its own.
.PHONY: coverage
coverage:
	cd '$(srcdir)' && scripts/coverage

# test_host and its likes are left out: under valgrind posix_spawn() copies its host, and three
# of their cases say that nothing does, or look at how it fails.
.PHONY: check-valgrind
check-valgrind:
	tests=; for test in $(unit_tests); do \
		case $$test in */test_host*) ;; *) tests="$$tests $$test" ;; esac; done; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="$$tests" TESTS_ENVIRONMENT='SCHEDULES=40' \
		LOG_COMPILER='$(LIBTOOL)' \
		AM_LOG_FLAGS='--mode=execute valgrind -q --error-exitcode=99 --track-fds=yes \
			--suppressions=$(abs_srcdir)/tests/support/valgrind.supp \
			--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite'

# The same for the command: these take some minutes each.  run.sh is left out for one case of
# a spawner that cannot be started.
valgrind_cli = tests/cli/audit.sh tests/cli/call.sh tests/cli/map.sh tests/cli/map_call.sh \
	tests/cli/pipe.sh tests/cli/probe.sh tests/cli/serve.sh
.PHONY: check-valgrind-cli
check-valgrind-cli: all $(check_PROGRAMS)
	@$(AM_TESTS_ENVIRONMENT) SHELL='$(SHELL)' $(SHELL) $(srcdir)/tests/support/valgrind.sh $(valgrind_cli)

# --- Measurements ------------------------------------------------------------

EXTRA_PROGRAMS = tests/bench/call_contestant tests/bench/probe_contestant tests/bench/spawn_contestant
tests_bench_call_contestant_LDADD = libweir-core.la
tests_bench_probe_contestant_LDADD = libweir-probe.la libweir-core.la libweir-digest.la
tests_bench_spawn_contestant_CFLAGS = $(AM_CFLAGS) $(LIBPIPELINE_CFLAGS)
tests_bench_spawn_contestant_LDADD = libweir-core.la $(LIBPIPELINE_LIBS)

.PHONY: bench
bench: all tests/bench/call_contestant$(EXEEXT) tests/bench/spawn_contestant$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/summary.py .

.PHONY: bench-audit
bench-audit: all tests/support/audit_writer$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/audit.py .

.PHONY: bench-call
bench-call: all tests/bench/call_contestant$(EXEEXT) tests/children/rpc_worker$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/call.py .

.PHONY: bench-hosts
bench-hosts: all tests/bench/call_contestant$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/hosts.py .
	$(PYTHON3) $(srcdir)/tests/bench/hosts_python.py .

.PHONY: bench-mcp
bench-mcp: all
	$(PYTHON3) $(srcdir)/tests/bench/mcp.py .

.PHONY: bench-probe
bench-probe: all tests/bench/probe_contestant$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/probe.py .

.PHONY: bench-spawn
bench-spawn: all tests/bench/spawn_contestant$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/spawn.py .

.PHONY: bench-start
bench-start: all
	$(PYTHON3) $(srcdir)/tests/bench/start.py .

.PHONY: bench-engines
bench-engines: all
	$(PYTHON3) $(srcdir)/tests/bench/engines.py .

.PHONY: bench-each
bench-each: all
	$(PYTHON3) $(srcdir)/tests/bench/each.py .

.PHONY: bench-map
bench-map: all
	$(PYTHON3) $(srcdir)/tests/bench/map.py .

.PHONY: bench-trace
bench-trace: all tests/bench/call_contestant$(EXEEXT) tests/children/rpc_worker$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/trace.py .

# Beside uvicorn with FastAPI, from PyPI, once; needs wrk.
web_bench_peers = fastapi==0.165.0 uvicorn==0.54.0 uvloop==0.23.0 httptools==0.9.0
.PHONY: bench-http
bench-http: all
	test -e web-bench-venv/made || { $(PYTHON3) -m venv web-bench-venv && \
	web-bench-venv/bin/python -m pip install -q $(web_bench_peers) && : >web-bench-venv/made; }
	PYTHON="`pwd`/web-bench-venv/bin/python" $(PYTHON3) $(srcdir)/tests/bench/web.py .
