#!/bin/sh
# The JSON Schemas in docs/schemas are schemas, accept good documents, refuse spoilt
# ones, and explain every key; weir's reader of specs agrees with the one for them.
# What weir itself prints is held against them elsewhere.
. "$srcdir/tests/support/tap.sh"

schemas=$srcdir/docs/schemas

validate() {
    "$PYTHON3" "$srcdir/tests/cli/validate.py" "$schemas/$1.schema.json" "$2"
}

# agrees DOCUMENT STATUS: whether weir's own reader of specs says the same as the schema did.
agrees() {
    exits "$2" "$builddir/weir" pipe --check -f "$1"
}

# spoil SCHEMA DOCUMENT CHANGE...: whether each change to d, the document, makes it invalid,
# for weir too where it is a spec.
spoil() {
    rm -f "$work"/spoilt-*
    "$PYTHON3" - "$srcdir/tests/cli" "$schemas/$1.schema.json" "$work/spoilt-" "$@" <<'END' || return 1
import contextlib, io, json, sys
tests, schema, spoilt, _, document, *changes = sys.argv[1:]
sys.dont_write_bytecode = True
sys.path.insert(0, tests)
import validate
for number, change in enumerate(changes, 1):
    d = json.load(open(document))
    before = json.dumps(d)
    exec(change)
    assert json.dumps(d) != before, f"nothing changed: {change}"
    with open(f"{spoilt}{number}.json", "w") as file:
        json.dump(d, file)
    with contextlib.redirect_stderr(io.StringIO()) as reasons:
        status = validate.main(schema, file.name)
    assert status == 1 and reasons.getvalue(), f"not refused: {change}"
END
    [ "$1" = pipe-spec ] || return 0
    for file in "$work"/spoilt-*; do
        agrees "$file" 2 >"$work/reason" 2>&1 || {
            echo "not refused by weir pipe --check:"
            cat "$file" "$work/reason"
            return 1
        }
    done
}

explained() {
    "$PYTHON3" - "$schemas"/*.json <<'END'
import json, sys
def walk(node, where):
    if isinstance(node, dict):
        for key, child in node.get("properties", {}).items():
            if where.rpartition("/")[2] in ("if", "then", "else"):
                continue  # a condition, not the key's own place
            for word in ("title", "description"):
                if not child.get(word):
                    print(f"{where}/properties/{key}: no {word}")
                    faults.append(key)
        for key, child in node.items():
            walk(child, f"{where}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            walk(child, f"{where}/{index}")
faults = []
for path in sys.argv[1:]:
    schema = json.load(open(path))
    assert schema["title"] and schema["description"], path
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", path
    walk(schema, path)
sys.exit(bool(faults))
END
}

one_capture() {
    "$PYTHON3" - "$schemas" <<'END'
import json, sys
run, pipe = (json.load(open(f"{sys.argv[1]}/{kind}-report.schema.json")) for kind in ("run", "pipe"))
assert run["$defs"]["capture"] == pipe["$defs"]["capture"], "the two differ"
END
}

all_are_schemas() {
    for schema in "$schemas"/*.json; do
        "$PYTHON3" "$srcdir/tests/cli/validate.py" "$schema" || return 1
    done
}

cat >"$work/run.json" <<'END'
{"weir":1,"kind":"run","argv":["go","version"],"cwd":"/home/u","pid":4711,
 "end":"exited","why":"none","code":0,"signal":null,"step":null,"errno":null,
 "stdout":{"text":"go version ...\n","bytes":31,"kept":31,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
 "stderr":{"text":"","bytes":0,"kept":0,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
 "started_at":"2026-01-02T03:04:05.678Z","wall_ms":9.4,"user_ms":3.1,"system_ms":4.0,"max_rss_kb":9120,
 "stopped_with":[],"holder":null,"limits_hit":[]}
END
cat >"$work/killed.json" <<'END'
{"weir":1,"kind":"run","argv":["yes"],"cwd":"/","pid":4712,
 "end":"signaled","why":"timeout","code":null,"signal":"SIGKILL","step":null,"errno":null,
 "stdout":{"base64":"//79","bytes":3000000000,"kept":3,"truncated":true,"replaced":0,"charset":"utf-8","abandoned":true,
           "spooled":"/tmp/weir-x","invalid_at":0},
 "stderr":{"text":"","bytes":0,"kept":0,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
 "started_at":"2026-01-02T03:04:05.678Z","wall_ms":9.4,"user_ms":3.1,"system_ms":4.0,"max_rss_kb":9120,
 "stopped_with":["SIGTERM","SIGKILL"],"holder":{"pid":4713,"command":"sleep 60"},"limits_hit":["cpu"]}
END
cat >"$work/missing.json" <<'END'
{"weir":1,"kind":"run","argv":["no-such"],"cwd":"/","pid":null,
 "end":"not_started","why":"none","code":null,"signal":null,"step":"exec","errno":"ENOENT",
 "stdout":{"text":"","bytes":0,"kept":0,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
 "stderr":{"text":"","bytes":0,"kept":0,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
 "started_at":"2026-01-02T03:04:05.678Z","wall_ms":0.4,"user_ms":0,"system_ms":0,"max_rss_kb":0,
 "stopped_with":[],"holder":null,"limits_hit":[]}
END
cat >"$work/audit.json" <<'END'
{"alg":"hmac-sha256","cwd":"/home/u","event":"ended","events":[{"event":"timeout","what":"timeout"},{"event":"signal_sent","signal":"SIGTERM"}],
 "hash":"36c14f4fe7c538f36548b7e2333eeb9bae60f3f00de44f61dcf8d15a78eaa183","job":"9b6a0f3c2d1e4f5a8b7c6d5e4f3a2b1c","key_id":"5f1c0a9be2d47c36",
 "kind":"audit","outcome":"timed_out","prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,
 "status":{"code":124,"detail":null,"title":"its time limit ran out","type":"https://example.org/weir/problems/timed-out"},
 "target":"sleep","time":"2026-01-02T03:04:05.678Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","wall_ms":100,"weir":1,
 "what":{"argv":["run","--","sleep","60",{"base64":"//4="}],"argv_cut":{"words":9,"bytes":9000,"sha256":"36c14f4fe7c538f36548b7e2333eeb9bae60f3f00de44f61dcf8d15a78eaa183"},"subcommand":"run"},
 "who":{"host":"mill","pid":4711,"uid":1000,"user":null}}
END
cat >"$work/pipe.json" <<'END'
{"weir":1,"kind":"pipe","ok":false,"status":3,"decided_by":{"stage":"clean","reason":"exited with 3"},"why":"none",
 "started_at":"2026-01-02T03:04:05.678Z","wall_ms":120.5,
 "stages":[{"name":"tap","argv":["tap.py"],"pid":11,"step":null,"errno":null,"end":"signaled","why":"none","code":null,"signal":"SIGPIPE","forgiven":true,
            "stderr":{"text":"","bytes":0,"kept":0,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
            "bytes_out":null,"wall_ms":1,"user_ms":1,"system_ms":1,"max_rss_kb":1,
            "stopped_with":[],"holder":null,"limits_hit":[]},
           {"name":"clean","argv":["clean","-x"],"pid":12,"step":null,"errno":null,"end":"exited","why":"none","code":3,"signal":null,"forgiven":false,
            "stderr":{"text":"oh\n","bytes":3,"kept":3,"truncated":false,"replaced":0,"charset":"utf-8","abandoned":false},
            "bytes_out":17,"wall_ms":1,"user_ms":1,"system_ms":1,"max_rss_kb":1,
            "stopped_with":["SIGTERM"],"holder":{"pid":1,"command":"x"},"limits_hit":["cpu"]}]}
END
cat >"$work/map.json" <<'END'
{"weir":1,"kind":"map","ok":false,"status":1,"reason":"1 of 4 records is dead","why":"none",
 "started_at":"2026-01-02T03:04:05.678Z","wall_ms":120.5,
 "in":{"records":4,"bytes":40,"blank":1,"invalid":0,"oversize":0},"out":{"records":2,"bytes":20},
 "answered":2,"dropped":1,"missing":0,"dead":1,"max_dead":0,"unsettled":0,"retries":3,"redelivered":4,"crashes":3,"timeouts":0,"desyncs":0,"errors":0,"noise":0,
 "reorder":{"peak_records":2,"peak_bytes":116,"stall_ms":0.5},"latency_ms":{"p50":0.1,"p95":0.2,"p99":0.2,"max":1},
 "workers":[{"pid":11,"end":"signaled","why":"none","code":null,"signal":"SIGKILL","step":null,"errno":null,
             "wall_ms":1,"user_ms":1,"system_ms":1,"max_rss_kb":1,"stopped_with":[],"holder":null,"limits_hit":[],"records":1,"node":null,"slot":0,"starts":1},
            {"pid":12,"end":"exited","why":"none","code":0,"signal":null,"step":null,"errno":null,
             "wall_ms":1,"user_ms":1,"system_ms":1,"max_rss_kb":1,"stopped_with":["SIGTERM"],"holder":null,"limits_hit":["cpu"],"records":2,"node":"n1","slot":0,"starts":2}],
 "checkpoint":"state","key":null,"format":"ndjson"}
END
cat >"$work/letter.json" <<'END'
{"seq":3,"line":5,"offset":30,"reason":"crash","attempts":3,"exit":null,"signal":"SIGKILL","stderr_tail":"oh\n","record":{"id":3}}
END
cat >"$work/invalid.json" <<'END'
{"seq":0,"line":1,"offset":0,"reason":"invalid","attempts":0,"exit":null,"signal":null,"stderr_tail":"","record_base64":"eyI="}
END
cat >"$work/oversize.json" <<'END'
{"seq":0,"line":1,"offset":0,"reason":"oversize","attempts":0,"exit":null,"signal":null,"stderr_tail":""}
END
cat >"$work/spec.json" <<'END'
{"weir": 1,
 "in":  {"path": "-"},
 "stages": [
   {"name": "tap", "cmd": ["python3", "tap.py"], "env": {"A": "1"}, "env_clear": false, "env_pass": ["PATH"], "nice": 1, "cwd": null, "encoding": "raw",
    "stderr": "prefix", "timeout_s": null, "idle_s": 0.5, "grace_s": 5, "stop": "INT:2s,TERM:5s,KILL", "limits": {"memory": "64M", "file-size": 10, "core": 0},
    "ok_exit": [0], "early_close": "fail", "meter": true, "map": null},
   {"cmd": "sort -u",
    "map": {"workers": 2, "protocol": "lines", "call": null, "order": "any", "record_timeout_s": 30, "retries": 2,
            "on_error": "dead-letter", "dead_letter": "dead.ndjson", "launcher": ["nice"], "launcher_stop": ["true"], "launcher_shell": false, "node_from": "NODE",
            "start_timeout_s": 0.5, "drop_null": true, "check": "none", "encoding": "raw", "max_record": "1M",
            "window": 1, "window_bytes": 4096, "reorder_bytes": "16K"}}],
 "out": {"path": "-"}, "pipefail": "smart", "deadline_s": null, "grace_s": null, "drain_s": 0.5, "checkpoint": null, "report": null}
END
echo '{"weir":1,"stages":[{"cmd":["cat"]}]}' >"$work/least.json"
echo '{"weir":1,"weir":1,"stages":[{"cmd":["cat"]}]}' >"$work/twice.json"

plan 22
check "all schemas are valid JSON Schema 2020-12" all_are_schemas
check "every key has a title and a description" explained
check "both reports mean the same by a captured output" one_capture
check "a run report is accepted" validate run-report "$work/run.json"
check "a run report of a killed program is accepted" validate run-report "$work/killed.json"
check "a run report of a missing program is accepted" validate run-report "$work/missing.json"
check "a pipeline report is accepted" validate pipe-report "$work/pipe.json"
check "a map report is accepted" validate map-report "$work/map.json"
check "dead letters are accepted" eval 'validate dead-letter "$work/letter.json" &&
    validate dead-letter "$work/invalid.json" && validate dead-letter "$work/oversize.json"'
good_spec() {
    validate pipe-spec "$1" && agrees "$1" 0
}
check "a full spec is accepted, and by weir" good_spec "$work/spec.json"
check "the least spec is accepted, and by weir" good_spec "$work/least.json"
check "the example's spec is accepted, and by weir" good_spec "$srcdir/examples/verify/pipeline.json"
check "spoilt run reports are refused" spoil run-report "$work/run.json" \
    'd["weir"] = 2' 'd["kind"] = "pipe"' 'd["more"] = 1' 'd["argv"] = []' 'del d["argv"]' 'del d["holder"]' \
    'd["end"] = "died"' 'd["end"] = "signaled"' 'd["why"] = "late"' 'd["code"] = None' 'd["code"] = 256' \
    'd["signal"] = "SIGKILL"' 'd["signal"] = 9' 'd["step"] = "fork"' 'd["step"] = "exec"' 'd["errno"] = 2' \
    'd["started_at"] = "2026-01-02 03:04:05"' 'd["wall_ms"] = -1' 'd["wall_ms"] = "9"' 'd["max_rss_kb"] = None' \
    'd["stopped_with"] = ["KILL"]' 'd["holder"] = {"pid": 1}' 'd["limits_hit"] = ["time"]' 'd["pid"] = 0' \
    'd["stdout"]["base64"] = ""' 'del d["stdout"]["text"]' 'd["stdout"]["text"] = None' 'del d["stdout"]["kept"]' \
    'd["stdout"]["more"] = 1' 'd["stderr"]["truncated"] = 0' 'd["stderr"]["invalid_at"] = -1' 'd["stderr"]["spooled"] = None'
check "spoilt pipeline reports are refused" spoil pipe-report "$work/pipe.json" \
    'd["kind"] = "run"' 'd["more"] = 1' 'd["ok"] = True' 'd["status"] = 0' 'd["status"] = 256' 'd["decided_by"] = None' \
    'del d["decided_by"]["reason"]' 'd["decided_by"]["reason"] = ""' 'del d["started_at"]' 'd["stages"] = {}' \
    'del d["stages"][0]["forgiven"]' 'd["stages"][0]["more"] = 1' 'd["stages"][0]["code"] = 141' 'd["stages"][1]["code"] = None' \
    'd["stages"][0]["bytes_out"] = -1' 'd["stages"][1]["argv"] = "clean -x"' 'd["stages"][1]["stderr"] = "oh"' \
    'del d["stages"][1]["stderr"]["bytes"]'

"$builddir/weir" probe --only make >"$work/probe.json"
check "spoilt probe reports are refused" spoil probe-report "$work/probe.json" \
    'd["weir"] = 2' 'd["kind"] = "run"' 'd["more"] = 1' 'del d["tools"]' 'd["fingerprint"] = "sha256:x"' 'del d["host"]["os"]' \
    'd["environment"]["PATH"] = 1' 'd["activation"] = {}' 'd["tools"]["make"]["state"] = "fine"' 'd["tools"]["make"]["version"] = None' \
    'd["tools"]["make"]["more"] = 1' 'd["tools"]["make"]["candidates"][0]["mode"] = 493' 'd["tools"]["make"]["candidates"][0]["errno"] = 2' \
    'del d["tools"]["make"]["runs"][0]["end"]' 'd["tools"]["make"]["runs"][0]["why"] = "late"' 'd["tools"]["make"]["problems"] = ["bad"]' \
    'd["tools"]["make"]["matters"] = "all"' 'd["started_at"] = "2026-01-02"' 'd["wall_ms"] = -1'

check "spoilt map reports are refused" spoil map-report "$work/map.json" \
    'd["kind"] = "pipe"' 'd["more"] = 1' 'd["ok"] = True' 'd["status"] = 0' 'd["status"] = 2' 'd["status"] = 256' \
    'd["reason"] = ""' 'd["dead"] = 0' 'd["unsettled"] = 1' 'd["answered"] = -1' 'd["why"] = "late"' 'del d["in"]["blank"]' \
    'd["in"]["more"] = 1' 'd["out"]["bytes"] = 1.5' 'del d["retries"]' 'del d["reorder"]["stall_ms"]' 'd["latency_ms"]["p50"] = None' \
    'd["workers"] = {}' 'd["workers"][0]["code"] = 9' 'd["workers"][0]["signal"] = "KILL"' 'd["workers"][1]["code"] = None' \
    'd["workers"][1]["more"] = 1' 'del d["workers"][1]["records"]' 'd["workers"][1]["node"] = 1' 'd["checkpoint"] = 1' \
    'd["started_at"] = "2026-01-02"' 'd["wall_ms"] = -1'
spoilt_letters() {
    spoil dead-letter "$work/letter.json" \
        'd["seq"] = -1' 'd["line"] = 0' 'del d["offset"]' 'd["reason"] = "bad"' 'd["reason"] = "oversize"' 'd["attempts"] = 0' \
        'd["exit"] = 1' 'd["signal"] = 9' 'd["stderr_tail"] = None' 'd["record_base64"] = ""' 'del d["record"]' 'd["more"] = 1' &&
        spoil dead-letter "$work/invalid.json" 'd["attempts"] = 1' 'd["exit"] = 0' 'd["record_base64"] = "x"' 'd["record"] = 1' &&
        spoil dead-letter "$work/oversize.json" 'd["record"] = 1' 'd["record_base64"] = ""' 'd["signal"] = "SIGKILL"'
}
check "spoilt dead letters are refused" spoilt_letters

cat >"$work/detector.json" <<'JSON'
{"weir": 1, "name": "bash", "argv": ["bash", "--version"], "timeout_s": 0.5, "pattern": "(?<version>[0-9.]+)"}
JSON
detects() { "$builddir/weir" probe --detector "$1" --list >"$work/listed"; }
good_detectors() {
    sed 's/"pattern".*/"json": {"version": "\/version"}}/' "$work/detector.json" >"$work/points.json"
    for detector in detector points; do
        validate detector "$work/$detector.json" && detects "$work/$detector.json" || return 1
    done
}
spoilt_detectors() {
    spoil detector "$work/detector.json" \
        'd["weir"] = 2' 'del d["name"]' 'del d["argv"]' 'd["argv"] = []' 'd["argv"] = "bash"' 'd["argv"] = ["x"] * 16' \
        'd["argv"][0] = ""' 'd["name"] = "a b"' 'd["name"] = "a" * 61' 'd["timeout_s"] = 0' 'd["timeout_s"] = "5s"' \
        'd["json"] = {"a": "/a"}' 'del d["pattern"]; d["json"] = {}' 'del d["pattern"]; d["json"] = {"a": "b"}' 'd["more"] = 1' || return 1
    for file in "$work"/spoilt-*; do
        exits 2 detects "$file" 2>"$work/reason" || { cat "$file"; return 1; }
    done
}
check "detectors are accepted, and by weir" good_detectors
check "spoilt detectors are refused, and by weir" spoilt_detectors

spoilt_specs() {
    spoil pipe-spec "$work/spec.json" \
        'd["weir"] = "1"' 'del d["weir"]' 'del d["stages"]' 'd["stages"] = []' 'd["stage"] = []' 'd["in"] = "-"' \
        'd["out"]["mode"] = "a"' 'd["pipefail"] = "bash"' 'd["deadline_s"] = 0' 'd["deadline_s"] = "10s"' \
        'd["checkpoint"] = "f"' 'd["report"] = 1' 'del d["stages"][0]["cmd"]' 'd["stages"][0]["cmd"] = []' \
        'd["stages"][0]["cmd"] = ["a", 1]' 'd["stages"][0]["cmd"] = ""' 'd["stages"][0]["command"] = []' \
        'd["stages"][0]["env"] = ["A=1"]' 'd["stages"][0]["env"]["A"] = 1' 'd["stages"][0]["env"]["A=B"] = "1"' \
        'd["stages"][0]["env_clear"] = 1' 'd["stages"][0]["stderr"] = "null"' 'd["stages"][0]["timeout_s"] = -1' \
        'd["stages"][0]["limits"]["time"] = 1' 'd["stages"][0]["limits"]["memory"] = "64 MB"' \
        'd["stages"][0]["limits"]["cpu"] = -1' 'd["stages"][0]["ok_exit"] = 0' 'd["stages"][0]["ok_exit"] = [256]' \
        'd["stages"][0]["early_close"] = True' 'd["stages"][0]["name"] = ""' \
        'd["stages"][1]["map"] = 2' 'd["stages"][1]["map"]["workers"] = 0' 'del d["stages"][1]["map"]["dead_letter"]' \
        'd["stages"][1]["map"]["order"] = "none"' 'd["stages"][1]["map"]["call"] = ""' 'd["stages"][1]["map"]["launcher"] = []' \
        'del d["stages"][1]["map"]["launcher"]' 'd["stages"][1]["map"]["launcher_stop"] = [""]' \
        'd["stages"][1]["map"]["start_timeout_s"] = 0' 'd["stages"][1]["map"]["window"] = 0' \
        'd["stages"][1]["map"]["max_record"] = "1MB"' 'd["stages"][1]["map"]["call"] = "f"' \
        'd["stages"][1]["map"]["drop_null"] = 1' 'd["stages"][1]["map"]["check"] = True' \
        'd["stages"][1]["map"]["encoding"] = "utf-8"' 'd["stages"][1]["map"]["reorder_bytes"] = None' \
        'd["stages"][0]["encoding"] = None' \
        'd["stages"][0]["encoding"] = "auto"' 'd["stages"][0]["cmd"][0] = ""' 'd["stages"][0]["name"] = "a\tb"' \
        'd["stages"][0]["env"]["A"] = None' 'd["stages"][0]["env_pass"] = ["A=B"]' 'd["stages"][0]["nice"] = 20' \
        'd["stages"][0]["ok_exit"] = []' 'd["stages"][0]["ok_exit"] = [1, 1]' 'd["stages"][0]["cwd"] = ""' \
        'd["grace_s"] = -1' 'd["drain_s"] = 1e10' 'd["stages"] = d["stages"][1:] * 63' 'd["in"] = {"path": ""}' &&
        exits 1 validate pipe-spec "$work/twice.json" && agrees "$work/twice.json" 2
}
check "spoilt specs are refused, and by weir" spoilt_specs

spoilt_records() {
    spoil audit-record "$work/audit.json" \
        'd["seq"] = 0' 'd["event"] = "begun"' 'd["event"] = "started"' 'd["hash"] = d["hash"][:-1]' 'd["prev"] = "A" * 64' 'd["alg"] = "md5"' \
        'd["alg"] = "sha256"' 'del d["key_id"]' 'd["time"] = "2026-01-02"' 'd["job"] = "1"' 'del d["who"]["host"]' 'd["who"]["uid"] = "root"' \
        'd["what"]["argv"] = []' 'd["what"]["argv"][0] = 1' 'd["what"]["env"] = {}' 'd["outcome"] = "well"' 'd["outcome"] = None' 'd["outcome"] = "ok"' \
        'd["status"] = None' 'del d["status"]["type"]' 'del d["status"]["code"]' 'd["status"]["code"] = 256' 'd["traceparent"] = "x"' 'del d["wall_ms"]' \
        'd["events"][0]["event"] = "exited"' 'del d["events"]' 'd["more"] = 1'
}
check "an audit record is accepted" validate audit-record "$work/audit.json"
check "spoilt audit records are refused" spoilt_records
