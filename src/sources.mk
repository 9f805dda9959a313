# The sources of the libraries and programs, and the public headers.  Included by Makefile.am.
# One module a line, sorted.

# What the spawner shares with its host.
libweir_base_la_SOURCES = \
	src/base/atomic_file.c src/base/atomic_file.h \
	src/base/base64.c src/base/base64.h \
	src/base/buffer.c src/base/buffer.h \
	src/base/clock.c src/base/clock.h \
	src/base/datagram.c src/base/datagram.h \
	src/base/error.c src/base/error.h \
	src/base/options.c src/base/options.h \
	src/base/facility.c src/base/facility.h \
	src/base/fd.c src/base/fd.h \
	src/base/large_pages.c src/base/large_pages.h \
	src/base/file_set.c src/base/file_set.h \
	src/base/frames.c src/base/frames.h \
	src/base/histogram.c src/base/histogram.h \
	src/base/json_canonical.c src/base/json_canonical.h \
	src/base/json_parse.c src/base/json_parse.h \
	src/base/json_tree.c src/base/json_tree.h \
	src/base/json_writer.c src/base/json_writer.h \
	src/base/peer.c src/base/peer.h \
	src/base/portable.c src/base/portable.h \
	src/base/whole_file.c src/base/whole_file.h \
	src/base/printable.c src/base/printable.h \
	src/base/process_tree.c src/base/process_tree.h \
	src/base/procfs.c src/base/procfs.h \
	src/base/redact.c src/base/redact.h \
	src/base/rights.c src/base/rights.h \
	src/base/secret_file.c src/base/secret_file.h \
	src/base/series.c src/base/series.h \
	src/base/signal_names.c src/base/signal_names.h \
	src/base/socket_address.c src/base/socket_address.h \
	src/base/units.c src/base/units.h \
	src/base/utf8.c src/base/utf8.h

# Apart from the rest, so that libweir and the spawner do without nettle.
libweir_digest_la_SOURCES = src/base/digest.c src/base/digest.h

# The audit log.
libweir_audit_la_SOURCES = \
	src/audit/chain.c src/audit/chain.h \
	src/audit/journal.c src/audit/journal.h \
	src/audit/key.c src/audit/key.h \
	src/audit/lines.c src/audit/lines.h \
	src/audit/lock.c src/audit/lock.h \
	src/audit/log.c src/audit/log.h \
	src/audit/outcome.c src/audit/outcome.h \
	src/audit/record.c src/audit/record.h \
	src/audit/rotation.c src/audit/rotation.h \
	src/audit/syslog.c src/audit/syslog.h \
	src/audit/unfinished.c src/audit/unfinished.h \
	src/audit/verify.c src/audit/verify.h

# All of libweir.
libweir_core_la_SOURCES = \
	src/base/trace.c src/base/trace.h \
	src/base/trace_call.c \
	src/base/trace_context.c src/base/trace_context.h \
	src/base/trace_file.c src/base/trace_file.h \
	src/base/trace_sampler.c src/base/trace_sampler.h \
	src/base/trace_types.h \
	src/loop/loop.c src/loop/loop.h \
	src/loop/timer_heap.c src/loop/timer_heap.h \
	src/loop/uv_memory.c \
	src/map/call_answer.c \
	src/map/call_inflight.c \
	src/map/checkpoint.c src/map/checkpoint.h \
	src/map/checkpoint_identity.c \
	src/map/dead_letter.c \
	src/map/dead_letter_file.c src/map/dead_letter_file.h \
	src/map/each.c src/map/each.h \
	src/map/each_hosts.c src/map/each_hosts.h \
	src/map/each_options.c \
	src/map/each_output.c \
	src/map/each_pace.c src/map/each_pace.h \
	src/map/each_words.c src/map/each_words.h \
	src/map/feed.c src/map/feed.h \
	src/map/inflight.c \
	src/map/line_protocol.c \
	src/map/map.c src/map/map.h \
	src/map/map_call.c src/map/map_call.h \
	src/map/map_course.c src/map/map_course.h \
	src/map/map_feed.c src/map/map_feed.h \
	src/map/map_input.c src/map/map_input.h \
	src/map/map_keyed.c \
	src/map/map_options.c \
	src/map/map_outcome.c src/map/map_outcome.h \
	src/map/map_output.c src/map/map_output.h \
	src/map/map_report.c \
	src/map/map_scheduler.c \
	src/map/map_worker.c src/map/map_worker.h \
	src/map/record_keys.c src/map/record_keys.h \
	src/map/record_queue.c src/map/record_queue.h \
	src/map/record_reader.c src/map/record_reader.h \
	src/map/reorder.c src/map/reorder.h \
	src/map/spares.c src/map/spares.h \
	src/map/spool.c src/map/spool.h \
	src/map/window.c src/map/window.h \
	src/pipeline/pipe.c src/pipeline/pipe.h \
	src/pipeline/pipe_fds.c src/pipeline/pipe_fds.h \
	src/pipeline/pipe_map.c \
	src/pipeline/pipe_output.c \
	src/pipeline/pipe_report.c \
	src/pipeline/pipe_run.c \
	src/pipeline/pipeline.c src/pipeline/pipeline.h \
	src/pipeline/spec.c \
	src/pipeline/spec_errors.c src/pipeline/spec_errors.h \
	src/pipeline/spec_map.c src/pipeline/spec_map.h \
	src/pipeline/spec_read.c src/pipeline/spec_read.h \
	src/pipeline/spec_stage.c src/pipeline/spec_stage.h \
	src/pipeline/verdict.c src/pipeline/verdict.h \
	src/pool/bounds.c \
	src/pool/breaker.c src/pool/breaker.h \
	src/pool/call.c src/pool/call.h \
	src/pool/call_answer.c src/pool/call_answer.h \
	src/pool/call_api.c src/pool/call_api.h \
	src/pool/catalog.c src/pool/catalog.h \
	src/pool/call_queue.c src/pool/call_queue.h \
	src/pool/call_stream.c src/pool/call_stream.h \
	src/pool/client.c src/pool/client.h \
	src/pool/connection.c src/pool/connection.h \
	src/pool/connection_out.c src/pool/connection_out.h \
	src/pool/dispatch.c src/pool/dispatch.h \
	src/pool/errand.c src/pool/errand.h \
	src/pool/fallback.c src/pool/fallback.h \
	src/pool/figures.c src/pool/figures.h \
	src/pool/front.h \
	src/pool/guard.c src/pool/guard.h \
	src/pool/front_mcp.c src/pool/front_mcp.h \
	src/pool/front_native.c \
	src/pool/gateway.c src/pool/gateway.h \
	src/pool/mcp_answer.c src/pool/mcp_answer.h \
	src/pool/lending.c src/pool/lending.h \
	src/pool/mcp_message.c src/pool/mcp_message.h \
	src/pool/mcp_offer.c src/pool/mcp_offer.h \
	src/pool/mcp_request.c src/pool/mcp_request.h \
	src/pool/pins.c src/pool/pins.h \
	src/pool/pool.c src/pool/pool.h \
	src/pool/pool_options.c src/pool/pool_options.h \
	src/pool/pool_types.h \
	src/pool/pool_worker.c src/pool/pool_worker.h \
	src/pool/reply.c \
	src/pool/server.c src/pool/server.h \
	src/pool/server_call.c src/pool/server_call.h \
	src/pool/stats.c \
	src/pool/wait_ready.c src/pool/wait_ready.h \
	src/pool/worker_calls.c src/pool/worker_calls.h \
	src/pool/worker_group.c src/pool/worker_group.h \
	src/pool/worker_messages.c src/pool/worker_messages.h \
	src/pool/worker_process.c src/pool/worker_process.h \
	src/proc/capture.c src/proc/capture.h \
	src/proc/command.c src/proc/command.h \
	src/proc/context.c src/proc/context.h \
	src/proc/operation.c src/proc/operation.h \
	src/proc/relay.c src/proc/relay.h \
	src/proc/result.c src/proc/result.h \
	src/proc/result_json.c src/proc/result_json.h \
	src/proc/run.c \
	src/proc/run_events.c src/proc/run_events.h \
	src/proc/run_terminal.c src/proc/run_terminal.h \
	src/proc/spawner_ahead.c src/proc/spawner_ahead.h \
	src/proc/spawner_client.c src/proc/spawner_client.h \
	src/proc/spawner_path.c src/proc/spawner_path.h \
	src/proc/spawner_process.c src/proc/spawner_process.h \
	src/proc/spawner_response.c src/proc/spawner_response.h \
	src/proc/start_request.c src/proc/start_request.h \
	src/proc/stdin_writer.c src/proc/stdin_writer.h \
	src/proc/stop_sequence.c src/proc/stop_sequence.h \
	src/rpc/credit.c src/rpc/credit.h \
	src/rpc/mcp.c src/rpc/mcp.h \
	src/rpc/mcp_server.c src/rpc/mcp_server.h \
	src/rpc/rpc_parse.c src/rpc/rpc_parse.h \
	src/rpc/rpc_write.c src/rpc/rpc_write.h \
	src/text/charset.c src/text/charset.h \
	src/text/decode.c \
	src/text/json_blocks.c src/text/json_blocks.h src/text/json_scalar.h \
	src/text/json_positions.c src/text/json_positions.h \
	src/text/json_text.c src/text/json_text.h \
	src/text/json_validate.c src/text/json_validate.h \
	src/text/lines.c src/text/lines.h \
	src/text/pointer.c src/text/pointer.h \
	src/text/shell_quote.c src/text/shell_quote.h \
	src/text/shell_words.c src/text/shell_words.h \
	src/text/text.c \
	src/work/attention.c src/work/attention.h \
	src/work/backoff.c src/work/backoff.h \
	src/work/dialect.c src/work/dialect.h \
	src/work/dialect_mcp.c \
	src/work/handshake.c src/work/handshake.h \
	src/work/line_splitter.c src/work/line_splitter.h \
	src/work/message_reader.c src/work/message_reader.h \
	src/work/stderr_forwarder.c src/work/stderr_forwarder.h \
	src/work/stop_command.c src/work/stop_command.h \
	src/work/supervisor.c src/work/supervisor.h \
	src/work/tool_list.c src/work/tool_list.h \
	src/work/warm.c src/work/warm.h \
	src/work/worker.c src/work/worker.h \
	src/work/worker_input.c src/work/worker_input.h \
	src/work/worker_pipes.c src/work/worker_pipes.h

# HTTP/1.1, without I/O.
libweir_http_la_SOURCES = \
	src/http/body.c src/http/body.h \
	src/http/fields.c src/http/fields.h \
	src/http/problem.c src/http/problem.h \
	src/http/request.c src/http/request.h \
	src/http/response.c src/http/response.h \
	src/http/replay.c src/http/replay.h \
	src/http/target.c src/http/target.h \
	src/http/token.c src/http/token.h

# The web door.
libweir_web_la_SOURCES = \
	src/web/access.c src/web/access.h \
	src/web/account.c src/web/account.h \
	src/web/answer.c src/web/answer.h \
	src/web/call_request.c src/web/call_request.h \
	src/web/client.c src/web/client.h \
	src/web/door.c src/web/door.h \
	src/web/exchange.c src/web/exchange.h \
	src/web/input.c src/web/input.h \
	src/web/kept.c src/web/kept.h \
	src/web/live.c src/web/live.h \
	src/web/mcp.c src/web/mcp.h \
	src/web/mcp_check.c src/web/mcp_check.h \
	src/web/mcp_session.c src/web/mcp_session.h \
	src/web/metrics.c src/web/metrics.h \
	src/web/openapi.c src/web/openapi.h \
	src/web/output.c src/web/output.h \
	src/web/page.c src/web/page.h \
	src/web/route.c src/web/route.h \
	src/web/show.c src/web/show.h \
	src/web/spent.c src/web/spent.h \
	src/web/tokens.c src/web/tokens.h \
	src/web/web.h

# JSON Schema; for weir without pcre2, and so without regular expressions.
libweir_schema_la_SOURCES = $(schema_sources) \
	src/schema/named_groups.c src/schema/named_groups.h \
	src/schema/pattern.c
libweir_schema_plain_la_SOURCES = $(schema_sources) \
	src/schema/pattern_none.c
schema_sources = \
	src/schema/decimal.c src/schema/decimal.h \
	src/schema/pattern.h \
	src/schema/range.c src/schema/range.h \
	src/schema/schema.c src/schema/schema.h \
	src/schema/schema_apply.c \
	src/schema/schema_assert.c \
	src/schema/schema_check.c src/schema/schema_check.h \
	src/schema/schema_keywords.c src/schema/schema_keywords.h \
	src/schema/schema_link.c \
	src/schema/schema_node.c src/schema/schema_node.h \
	src/schema/schema_value.c src/schema/schema_value.h \
	src/schema/tolerance.c src/schema/tolerance.h \
	src/schema/version.c src/schema/version.h

# What weir-probe does.
libweir_probe_la_SOURCES = \
	src/probe/activation.c src/probe/activation.h \
	src/probe/child_env.c src/probe/child_env.h \
	src/probe/compare.c src/probe/compare.h \
	src/probe/compare_filter.c src/probe/compare_filter.h \
	src/probe/conda.c \
	src/probe/contract.c src/probe/contract.h \
	src/probe/detector.h \
	src/probe/detector_file.c \
	src/probe/detectors.c \
	src/probe/environment.c src/probe/environment.h \
	src/probe/fingerprint.c \
	src/probe/json_values.c src/probe/json_values.h \
	src/probe/output_parsers.c \
	src/probe/path_search.c src/probe/path_search.h \
	src/probe/probe.c src/probe/probe.h \
	src/probe/tool_report.c src/probe/tool_report.h

# What the command lines of weir and weir-probe share.
libweir_cli_la_SOURCES = \
	src/cli/audit_common.c src/cli/audit_common.h \
	src/cli/cli.h \
	src/cli/document.c src/cli/document.h \
	src/cli/files.c src/cli/files.h \
	src/cli/help.c src/cli/help.h \
	src/cli/init.c src/cli/init.h \
	src/cli/licenses.c src/cli/licenses.h \
	src/cli/options.c src/cli/options.h \
	src/cli/opts_audit.h \
	src/cli/opts_child.c \
	src/cli/opts_common.c \
	src/cli/opts_probe.c src/cli/opts_probe.h \
	src/cli/opts_weir.c \
	src/cli/output.c src/cli/output.h \
	src/cli/pass_through.c src/cli/pass_through.h \
	src/cli/say.c \
	src/cli/signals.c src/cli/signals.h \
	src/cli/startup.c src/cli/startup.h \
	src/cli/opts_trace.h \
	src/cli/suggest.c src/cli/suggest.h \
	src/cli/terminal.c src/cli/terminal.h \
	src/cli/trace.c src/cli/trace.h \
	src/cli/values.c \
	src/cli/watch.c src/cli/watch.h

# The command.
weir_SOURCES = \
	src/cli/arguments.c src/cli/arguments.h \
	src/cli/audit_files.c src/cli/audit_files.h \
	src/cli/audit_month.c src/cli/audit_month.h \
	src/cli/audit_show.c src/cli/audit_show.h \
	src/cli/blocking.c src/cli/blocking.h \
	src/cli/call_cmd.h \
	src/cli/call_input.c \
	src/cli/call_output.c \
	src/cli/call_reply.c \
	src/cli/cmd_audit.c \
	src/cli/cmd_call.c \
	src/cli/cmd_help.c \
	src/cli/cmd_each.c \
	src/cli/cmd_map.c \
	src/cli/cmd_pipe.c \
	src/cli/cmd_report.c \
	src/cli/cmd_top.c \
	src/cli/cmd_run.c \
	src/cli/cmd_serve.c \
	src/cli/serve_cmd.c src/cli/serve_cmd.h \
	src/cli/serve_doors.c src/cli/serve_doors.h \
	src/cli/serve_read.c src/cli/serve_read.h \
	src/cli/serve_run.c src/cli/serve_run.h \
	src/cli/completion.c \
	src/cli/hadoop.c src/cli/hadoop.h \
	src/cli/inherited.c src/cli/inherited.h \
	src/cli/launcher.c src/cli/launcher.h \
	src/cli/main.c \
	src/cli/man.c src/cli/man.h \
	src/cli/markdown.c src/cli/markdown.h \
	src/cli/mcp_file.c src/cli/mcp_file.h \
	src/cli/notify.c src/cli/notify.h \
	src/cli/output_check.c src/cli/output_check.h \
	src/cli/page.c src/cli/page.h \
	src/cli/serve_join.c src/cli/serve_join.h \
	src/cli/serve_audit.c src/cli/serve_audit.h \
	src/cli/serve_guard.c src/cli/serve_guard.h \
	src/cli/serve_share.c src/cli/serve_share.h \
	src/cli/serve_kinds.c src/cli/serve_kinds.h \
	src/cli/opts_audit.c \
	src/cli/opts_call.c src/cli/opts_call.h \
	src/cli/map_cmd.h \
	src/cli/opts_each.c src/cli/opts_each.h \
	src/cli/opts_map.c src/cli/opts_map.h src/cli/opts_records.h src/cli/opts_stop.h \
	src/cli/opts_workers.h \
	src/cli/opts_pipe.c src/cli/opts_pipe.h \
	src/cli/opts_report.c src/cli/opts_report.h \
	src/cli/opts_run.c src/cli/opts_run.h \
	src/cli/opts_serve.c src/cli/opts_serve.h \
	src/cli/opts_top.c src/cli/opts_top.h \
	src/cli/pool_leave.c src/cli/pool_leave.h \
	src/cli/progress.c src/cli/progress.h \
	src/cli/progress_json.c \
	src/cli/progress_map.c src/cli/progress_map.h \
	src/cli/progress_pipe.c src/cli/progress_pipe.h \
	src/cli/progress_tty.c \
	src/cli/remote.h \
	src/cli/remote_client.c \
	src/cli/remote_pool.c \
	src/cli/report_chart.c src/cli/report_chart.h \
	src/cli/report_compare.c \
	src/cli/report_history.c src/cli/report_history.h \
	src/cli/report_kinds.h \
	src/cli/report_map.c \
	src/cli/report_markdown.c \
	src/cli/report_model.c src/cli/report_model.h \
	src/cli/report_page.c \
	src/cli/report_parts.c src/cli/report_parts.h \
	src/cli/report_serve.c \
	src/cli/report_show.h \
	src/cli/report_text.c \
	src/cli/report_value.c src/cli/report_value.h \
	src/cli/screen.c src/cli/screen.h \
	src/cli/spark.c src/cli/spark.h \
	src/cli/top_view.c src/cli/top_view.h

if HTTP
weir_SOURCES += \
	src/cli/cmd_token.c \
	src/cli/opts_token.c src/cli/opts_token.h \
	src/cli/qr_code.c src/cli/qr_code.h \
	src/cli/qr_draw.c \
	src/cli/serve_web.c src/cli/serve_web.h \
	src/cli/token_call.c \
	src/cli/token_check.c \
	src/cli/token_cmd.c src/cli/token_cmd.h \
	src/cli/token_file.c src/cli/token_file.h \
	src/cli/token_make.c \
	src/cli/token_verbs.h
endif

# The program that weir probe executes.
weir_probe_SOURCES = \
	src/cli/probe_compare.c src/cli/probe_compare.h \
	src/cli/probe_contract.c src/cli/probe_contract.h \
	src/cli/probe_main.c \
	src/cli/probe_table.c src/cli/probe_table.h

# The spawner.
weir_spawner_SOURCES = \
	src/spawner/child.c src/spawner/child.h \
	src/spawner/environment.c src/spawner/environment.h \
	src/spawner/job.h \
	src/spawner/job_reap.c \
	src/spawner/job_start.c \
	src/spawner/job_stop.c src/spawner/job_stop.h \
	src/spawner/job_table.c src/spawner/job_table.h \
	src/spawner/main.c \
	src/spawner/passed.c src/spawner/passed.h \
	src/spawner/request.c src/spawner/request.h \
	src/spawner/response.c src/spawner/response.h \
	src/spawner/subreaper.c src/spawner/subreaper.h \
	src/spawner/warm.c src/spawner/warm.h \
	src/spawner/watcher.c src/spawner/watcher.h

# The public headers.
weirinclude_HEADERS = \
	include/weir/client.h \
	include/weir/command.h \
	include/weir/context.h \
	include/weir/error.h \
	include/weir/event.h \
	include/weir/lines.h \
	include/weir/each.h \
	include/weir/map.h \
	include/weir/pipeline.h \
	include/weir/pool.h \
	include/weir/result.h \
	include/weir/run.h \
	include/weir/text.h \
	include/weir/weir.h

# The engine of the Python package: a module for Python's stable ABI.
if HAVE_PYTHON_HEADERS
sdk_python__native_la_SOURCES = \
	sdk/python/native/call.c \
	sdk/python/native/command.c \
	sdk/python/native/context.c \
	sdk/python/native/job.c \
	sdk/python/native/job_type.c \
	sdk/python/native/map.c \
	sdk/python/native/module.c \
	sdk/python/native/native.h \
	sdk/python/native/object.c \
	sdk/python/native/pipeline.c \
	sdk/python/native/pool.c \
	sdk/python/native/result.c \
	sdk/python/native/run.c \
	sdk/python/native/source.c
endif
