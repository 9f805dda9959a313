#!/bin/sh
# weir map: nothing waits without an end, and what it waits for is reported.  Input without end,
# launchers that wait for a slot, that are refused, that read ahead; workers that buffer.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes
unset PYTHONUNBUFFERED

weir=$builddir/weir
# shellcheck disable=SC2034  # checks in quotes use them
out=$work/out err=$work/err doc=$work/doc.json
seq 2000 >"$work/in"
program() { # program NAME: its code on stdin
    cat >"$work/$1"
    chmod +x "$work/$1"
}
program slot <<'END' # waits for one of two slots, then runs the command
#!/bin/sh
while :; do
    for slot in 1 2; do
        exec 9<"$SLOTS/$slot"
        if flock -n 9; then "$@"; exit $?; fi
    done
    sleep 0.1
done
END
program busy <<'END' # takes four at a time, as an sshd takes ten
#!/bin/sh
[ "$(ls "$SLOTS" | wc -l)" -ge 4 ] && { echo "Connection closed by remote host" >&2; exit 255; }
: >"$SLOTS/$$"
sleep 0.2
rm "$SLOTS/$$"
exec "$@"
END
program ahead <<'END' # reads all it can get for a second before the worker starts
#!/usr/bin/env python3
import os, select, subprocess, sys, time
got, end = b"", time.monotonic() + 1
while (left := end - time.monotonic()) > 0 and select.select([0], [], [], left)[0]:
    part = os.read(0, 65536)
    if not part:
        break
    got += part
with open(f"{os.environ['SLOTS']}/{os.getpid()}", "w") as given:
    given.write(f"{got.count(10)}\n")
worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
while got:
    worker.stdin.write(got)
    worker.stdin.flush()
    got = os.read(0, 65536)
worker.stdin.close()
sys.exit(worker.wait())
END
program slow <<'END'
#!/bin/sh
while read -r line; do sleep 0.001; echo "$line"; done
END
program buffers.py <<'END' # as many programs do: its output is written when there is enough, or at the end
import sys
for line in sys.stdin:
    sys.stdout.write(line)
END

# map STATUS WORD...: runs weir map, with its outputs in $out and $err.
map() {
    map_wanted=$1
    shift
    exits "$map_wanted" timeout 60 "$weir" map "$@" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
}

slots() {
    SLOTS=$(mktemp -d "$work/slots.XXXXXX")
    export SLOTS
}

plan 23

# --- Input without end ---

check "--timeout holds with input that is always ready and has no line" eval \
    'map 124 --timeout 500ms -- cat </dev/zero && has "timed out" "$err"'
check "... or blank lines only" eval 'yes "" | map 124 --timeout 500ms -- cat'
check "... or records that are dead" eval 'yes no | map 124 --timeout 500ms --on-error skip -- cat'
term() { # a record first: its worker says that weir is at work
    : >"$err"
    mkfifo "$work/endless"
    (echo 1; exec cat /dev/zero) >"$work/endless" 2>"$work/.cat" &
    "$weir" map --input "$work/endless" -- sh -c 'echo up >&2; cat' >"$out" 2>"$err" &
    pid=$!
    until grep -qs up "$err"; do sleep 0.01; done
    kill -TERM $pid
    wait $pid
    term_status=$?
    wait
    same 143 $term_status
}
check "... or a fast worker that floods its stderr" eval \
    'yes 1 | map 124 --timeout 500ms -j2 -- sh -c "yes >&2 & exec cat"'
check "... or one that floods stderr and never replies" eval \
    'seq 3 | map 124 --timeout 500ms -j2 -- sh -c "yes >&2 & exec cat >/dev/null"'
check "... or one whose reply never ends" eval \
    'seq 3 | map 124 --timeout 500ms -j1 --max-record 1G -- sh -c "tr \"\\0\" 1 </dev/zero"'
check "SIGTERM ends it" term
silent() {
    : >"$err"
    mkfifo "$work/few"
    (echo 1; exec sleep 1000) >"$work/few" 2>"$work/.cat" &
    feeder=$!
    timeout 60 "$weir" map -j1 --grace 500ms --input "$work/few" -- \
        sh -c 'read -r line; echo up >&2; exec sleep 1000' >"$out" 2>"$err" &
    pid=$!
    until grep -qs up "$err"; do sleep 0.01; done
    kill -TERM $pid
    wait $pid
    silent_status=$?
    kill $feeder
    wait
    same 143 $silent_status
}
check "so does it a drain in which no worker says anything" silent

# --- Launchers ---

blocked() {
    slots && : >"$SLOTS/1" && : >"$SLOTS/2" &&
        map 0 -j3 --reorder-bytes 1K --window 16 --launcher "$work/slot" --input "$work/in" -- "$work/slow" &&
        cmp "$work/in" "$out" && has "has not started reading for a second" "$err"
}
check "a launcher that waits for a slot delays no other, and is reported" blocked
program blocks <<'END'
#!/bin/sh
exec sleep 1000
END
none() {
    map 4 -j4 --start-timeout 1s --grace 200ms --launcher "$work/blocks" --input "$work/in" -- cat &&
        has "did not start in time" "$err"
}
check "launchers that all wait for ever are given up soon after the start timeout" none
late() { # the first worker is busy all the time, and the second never starts
    slots && : >"$SLOTS/1" &&
        map 0 -j2 --start-timeout 500ms --grace 200ms --launcher "$work/one" --input "$work/some" -- "$work/slower" &&
        cmp "$work/some" "$out" && has "did not start within 0.5 s" "$err"
}
seq 100 >"$work/some"
program one <<'END' # only one at a time: another waits for ever
#!/bin/sh
exec 9<"$SLOTS/1"
flock 9
exec "$@"
END
program slower <<'END'
#!/bin/sh
while read -r line; do sleep 0.02; echo "$line"; done
END
check "a launcher that blocks while the others are busy is given up after the start timeout" late
held() { # the third never gets a slot: others are done, and it is let go
    slots && : >"$SLOTS/1" && : >"$SLOTS/2" || return 1
    flock "$SLOTS/2" sh -c 'echo held; read -r _' <"$work/gate" >"$work/held" &
    exec 8>"$work/gate"
    while ! [ -s "$work/held" ]; do sleep 0.01; done
    map 0 -j2 --grace 1s --launcher "$work/slot" --input "$work/in" -- cat && cmp "$work/in" "$out"
    held_status=$?
    exec 8>&-
    wait
    return $held_status
}
mkfifo "$work/gate"
check "... nor when it never gets one" held
storm() {
    slots && map 0 -j12 --launcher "$work/busy" --input "$work/in" -- cat && cmp "$work/in" "$out"
}
check "a far end that takes four at a time: starts are spread, and tried again" storm
window() {
    slots && map 0 -j3 --launcher "$work/ahead" --input "$work/in" -- cat && cmp "$work/in" "$out" &&
        [ "$(cat "$SLOTS"/* | sort -n | tail -1)" -le 64 ]
}
check "a launcher that reads ahead gets few records before the first reply" window
many_lives() { # tr answers only when its input ends
    seq 20000 >"$work/in" &&
        map 0 -j1 --launcher env --report "$doc" --input "$work/in" -- tr a b && cmp "$work/in" "$out" &&
        [ "$("$PYTHON3" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["workers"]))' "$doc")" -lt 40 ]
}
check "... and more with each worker that answers at its end" many_lives
check "4: what a launcher cannot execute is not tried again" eval \
    'map 4 --launcher "sh -c '\''exit 127'\''" -- cat <"$work/in" && has "exited with 127" "$err"'

# --- Workers that do not start, or buffer ---

check "4: a worker that cannot run is tried more than once, and not for long" eval '
    map 4 -j1 --report "$doc" -- false <"$work/in" && has "the worker cannot run: exited with 1" "$err" &&
    "$PYTHON3" -c "import json, sys; d = json.load(open(sys.argv[1])); assert len(d[\"workers\"]) > 1 and d[\"dead\"] == 0, d" "$doc"'
check "a worker that is refused at first runs later" eval '
    slots && map 0 -j1 --input "$work/in" -- sh -c "mkdir \$SLOTS/\$(ls \$SLOTS | wc -l); [ -e \$SLOTS/3 ] || exit 1; exec cat" && cmp "$work/in" "$out"'

# live WORD...: gives one record, and the next only after a reply, or after a hint.
mkfifo "$work/live"
live() {
    "$PYTHON3" - "$weir" "$work" "$@" <<'END'
import os, subprocess, sys, threading
weir, work, wanted, *words = sys.argv[1:]
job = subprocess.Popen([weir, "map", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
job.stdin.write(b"1\n")
job.stdin.flush()
watchdog = threading.Timer(60, job.kill)
watchdog.start()
if wanted == "hint":
    line = job.stderr.readline()
    assert b"keeps its output in a buffer" in line and b"--line-buffered" in line, line
else:
    line = job.stdout.readline()
    assert line == b"1\n", line
rest, said = job.communicate(b"2\n")
watchdog.cancel()
assert rest == (b"1\n2\n" if wanted == "hint" else b"2\n"), rest
assert job.returncode == 0 and said == b"", (job.returncode, said)
END
}
check "a worker that buffers, and slow input: a hint is given, once" live hint -j1 -- "$PYTHON3" "$work/buffers.py"
# The worker writes more than pipe and forwarder hold, and ends; the reader begins after that.
late_reader() {
    cat >"$work/late.py" <<'END'
import os, subprocess, sys, time
weir, worker = sys.argv[1:]
job = subprocess.Popen([weir, "map", "-j1", "--", sys.executable, worker], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
job.stdin.write(b"1\n")
job.stdin.close()
assert job.stdout.readline() == b"1\n"
while not os.path.exists(worker + ".over"):  # written by the worker, as the last thing it does
    pass
time.sleep(1.5)  # the second that weir waits for more of a worker that has ended
said = job.stderr.read()
assert job.wait() == 0 and len(said) == 170000, (job.returncode, len(said))
END
    cat >"$work/flood.py" <<'END'
import sys
for line in sys.stdin:
    print(line, end="", flush=True)
for i in range(170):
    sys.stderr.write("%05d " % i + "e" * 993 + "\n")
sys.stderr.flush()
open(sys.argv[0] + ".over", "w").close()
END
    timeout 60 "$PYTHON3" "$work/late.py" "$weir" "$work/flood.py"
}
check "what a worker says on stderr is not lost to a slow reader" late_reader
check "--line-buffered: a Python worker answers at once" live reply -j1 --line-buffered -- "$PYTHON3" "$work/buffers.py"
if command -v stdbuf >/dev/null && ! grep -q -e -fsanitize= "$builddir/config.status"; then
    check "--line-buffered: so does a program of the C library" live reply -j1 --line-buffered -- sed s/a/b/
else
    test_number=$((test_number + 1))
    echo "ok $test_number - --line-buffered: so does a program of the C library # SKIP no stdbuf, or a sanitizer"
fi

# --- Memory ---

memory() { # 300,000 records of 100 bytes: what weir itself takes
    "$PYTHON3" - "$weir" "$work" <<'END'
import subprocess, sys
weir, work = sys.argv[1:]
with open(f"{work}/large", "w") as large:
    for i in range(300000):
        large.write('{"id":%d,"v":"%s"}\n' % (1000000 + i, "x" * 78))
def peak():
    with open(f"{work}/large") as large:
        job = subprocess.Popen([weir, "map", "-j2", "--", "cat"], stdin=large, stdout=subprocess.PIPE)
    most = 0
    while job.stdout.read(1 << 16):
        for line in open(f"/proc/{job.pid}/status"):
            if line.startswith("VmHWM:"):
                most = max(most, int(line.split()[1]))
    assert job.wait() == 0
    return most
peaks = [peak()]
while peaks[-1] >= 8192 and len(peaks) < 6: # where one worker had no processor, more waits
    peaks.append(peak())
assert peaks[-1] < 8192, f"{peaks} KiB"
END
}
if grep -q -e -fsanitize= "$builddir/config.status"; then
    test_number=$((test_number + 1))
    echo "ok $test_number - in order, -j2: less than 8 MiB of weir's own # SKIP a sanitizer takes memory of its own"
else
    check_linux /proc "in order, -j2: less than 8 MiB of weir's own" memory
fi
