#!/usr/bin/env python3
"""weir on a terminal: who is in the foreground, and what Ctrl-C and Ctrl-Z do.

Each scenario runs in a process that leads a session on a pseudo-terminal of its
own and does what a shell with job control does; it also holds the other end of
the terminal, where it types and reads.  Prints TAP.  terminal.py WEIR SRCDIR
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import traceback
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

CTRL_C, CTRL_D, CTRL_Z = b"\x03", b"\x04", b"\x1a"


class Shell:
    """A shell's side of job control, and the person at the keyboard."""

    def __init__(self) -> None:
        self.person, terminal = pty.openpty()
        os.setsid()
        self.terminal = os.open(os.ttyname(terminal), os.O_RDWR)  # now the controlling one
        os.close(terminal)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.seen = b""

    def foreground(self) -> Any:
        return os.tcgetpgrp(self.terminal)

    def give(self, group: Any) -> None:
        os.tcsetpgrp(self.terminal, group)

    def start(
        self,
        *words: Any,
        background: bool = False,
        group: int = 0,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
    ) -> Any:
        """Starts a program in a process group (0: its own); returns its pid.

        Only the child touches the foreground: what the program does with it comes after.
        """
        executed, at_exec = os.pipe()  # at_exec is closed when the program is executed
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, group)
            if not background:
                self.give(os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            for number, fd in enumerate((stdin, stdout, stderr)):
                os.dup2(self.terminal if fd is None else fd, number)
            try:
                os.execvp(words[0], words)
            finally:
                os._exit(126)
        os.close(at_exec)
        os.read(executed, 1)
        os.close(executed)
        return pid

    def type(self, keys: Any) -> None:
        os.write(self.person, keys)

    def until(self, text: Any) -> Any:
        """Reads what the terminal shows until text is there; returns all up to it."""
        while text not in self.seen:
            ready = select.select([self.person], [], [], PATIENCE_S)[0]
            assert ready, f"{text!r} did not come; seen: {self.seen!r}"
            self.seen += os.read(self.person, 65536)
        before, _, self.seen = self.seen.partition(text)
        return before

    def wait(self, pid: Any, flags: int = 0) -> Any:
        return os.waitpid(pid, flags)[1]

    def wait_stopped(self, pid: Any) -> Any:
        status = self.wait(pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"not stopped: {status:#x}; seen: {self.seen!r}"
        self.give(os.getpgrp())
        return os.WSTOPSIG(status)

    def fg(self, pid: Any) -> None:
        self.give(pid)
        os.kill(-pid, signal.SIGCONT)

    def wait_foreground(self, wanted: Any) -> None:
        """For what is announced by no process: the foreground becomes wanted()."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted(self.foreground()):
            assert time.monotonic() < deadline, f"the foreground stays {self.foreground()}"
            time.sleep(0.005)


def wait_state(pid: Any, wanted: Any) -> None:
    """For the state of a process that is no child of ours."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with open(f"/proc/{pid}/stat") as stat:
            state = stat.read().rpartition(")")[2].split()[0]
        if state == wanted:
            return
        assert time.monotonic() < deadline, f"process {pid} is in state {state}"
        time.sleep(0.005)


def exited(status: Any, code: int = 0) -> None:
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == code, f"status {status:#x}"


def signaled(status: Any, number: Any) -> None:
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == number, f"status {status:#x}"


def python(code: Any) -> Any:
    return [sys.executable, "-c", code]


SHOW_PLACE = "import os; print('foreground' if os.tcgetpgrp(0) == os.getpgrp() else 'background')"
COUNT_INTERRUPTS = """
import os, select, signal
signals, wakeup = os.pipe()
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
signal.signal(signal.SIGINT, lambda number, frame: None)
count = 0
print("ready", flush=True)
while True:
    if signals in select.select([0, signals], [], [])[0]:
        os.read(signals, 1)
        count += 1
        print("interrupted", count, flush=True)
    else:
        input()
        break
print("in all", count)
"""


def the_job_gets_the_foreground_and_gives_it_back(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", *python(SHOW_PLACE))
    shell.until(b"foreground")
    exited(shell.wait(weir))
    assert shell.foreground() == weir, "the terminal was not taken back"


def what_is_typed_reaches_the_job(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", "cat")
    shell.type(b"hello\n")
    shell.until(b"hello\r\n")  # the echo
    shell.until(b"hello\r\n")
    shell.type(CTRL_D)
    exited(shell.wait(weir))


def ctrl_c_reaches_the_job_once(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", *python(COUNT_INTERRUPTS))
    shell.until(b"ready")
    shell.type(CTRL_C)
    shell.until(b"interrupted 1")
    shell.type(b"\n")
    shell.until(b"in all 1")
    exited(shell.wait(weir))


def a_job_that_dies_of_ctrl_c_takes_weir_with_it(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", "sh", "-c", "echo ready; exec cat")
    shell.until(b"ready")
    shell.type(CTRL_C)
    signaled(shell.wait(weir), signal.SIGINT)


def ctrl_z_stops_weir_too_and_fg_goes_on(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", "sh", "-c", "echo ready; exec cat")
    shell.until(b"ready")
    for word in (b"one\n", b"two\n"):
        shell.type(CTRL_Z)
        assert shell.wait_stopped(weir) == signal.SIGTSTP
        shell.fg(weir)
        shell.wait_foreground(lambda group: group not in (weir, os.getpgrp()))
        shell.type(word)
        shell.until(word.replace(b"\n", b"\r\n"))
        shell.until(word.replace(b"\n", b"\r\n"))
    shell.type(CTRL_D)
    exited(shell.wait(weir))


def a_stopped_job_gets_its_modes_back(shell: Any) -> None:
    code = """
import signal, sys, termios
modes = termios.tcgetattr(0)
modes[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, modes)
print("ready", flush=True)
input()
print("echo is", bool(termios.tcgetattr(0)[3] & termios.ECHO))
"""
    weir = shell.start(WEIR, "run", "--", *python(code))
    shell.until(b"ready")
    shell.type(CTRL_Z)
    shell.wait_stopped(weir)
    assert termios.tcgetattr(shell.terminal)[3] & termios.ECHO, "the shell got the job's modes"
    shell.fg(weir)
    shell.wait_foreground(lambda group: group not in (weir, os.getpgrp()))
    shell.type(b"\n")
    shell.until(b"echo is False")
    exited(shell.wait(weir))


def a_job_in_the_background_leaves_the_terminal_alone(shell: Any) -> None:
    shell.give(os.getpgrp())
    weir = shell.start(WEIR, "run", "--", *python(SHOW_PLACE), background=True)
    shell.until(b"background")
    exited(shell.wait(weir))
    assert shell.foreground() == os.getpgrp(), "the terminal was stolen"


def a_background_job_that_reads_stops_and_fg_lets_it_read(shell: Any) -> None:
    shell.give(os.getpgrp())
    weir = shell.start(WEIR, "run", "--", "cat", background=True)
    assert shell.wait_stopped(weir) == signal.SIGTTIN
    shell.fg(weir)
    shell.type(b"late\n")
    shell.until(b"late\r\n")
    shell.until(b"late\r\n")
    shell.type(CTRL_D)
    exited(shell.wait(weir))


def a_job_that_cannot_start_leaves_the_terminal_to_weir(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--", "no-such-program")
    exited(shell.wait(weir), 127)
    assert shell.foreground() == weir, "the terminal is lost"
    weir = shell.start(WEIR, "pipe", "cat", "no-such-program")
    exited(shell.wait(weir), 127)
    assert shell.foreground() == weir, "the terminal is lost"


def a_neighbour_in_the_pipeline_gets_to_the_keyboard(shell: Any) -> None:
    """weir run -- job | less: less reads the terminal that the job has."""
    weir = shell.start(WEIR, "run", "--", "sh", "-c", "echo ready; sleep 1000")
    shell.until(b"ready")
    less = shell.start(*python("print('>', input())"), group=weir, background=True)
    shell.type(b"q\n")
    shell.until(b"> q")
    exited(shell.wait(less))
    shell.type(CTRL_C)
    signaled(shell.wait(weir), signal.SIGINT)


def pipe_to_neighbour(shell: Any, *reader: Any) -> Any:
    """The end of a pipe for weir, and its reader in the process group to come."""
    ours, theirs = os.pipe()
    leader = shell.start(*reader, stdin=ours)
    return leader, theirs


def beside_a_neighbour_the_job_waits_for_the_terminal_until_it_reads(shell: Any) -> None:
    """job | less: less has the terminal from the shell, and no stop disturbs it."""
    leader, pipe = pipe_to_neighbour(shell, "cat")
    code = SHOW_PLACE + "; print('got', input(), flush=True)"
    weir = shell.start(WEIR, "run", "--", *python(code), group=leader, stdout=pipe)
    os.close(pipe)
    shell.type(b"word\n")
    shell.until(b"background")
    shell.until(b"got word")
    exited(shell.wait(weir))
    exited(shell.wait(leader))
    assert shell.foreground() == leader


def a_neighbour_that_reads_the_terminal_is_not_disturbed(shell: Any) -> None:
    code = "import os; os.dup2(os.open('/dev/tty', os.O_RDWR), 0); print('>', input())"
    leader, pipe = pipe_to_neighbour(shell, *python(code))
    weir = shell.start(WEIR, "run", "--", "echo", group=leader, stdout=pipe)
    os.close(pipe)
    exited(shell.wait(weir, os.WUNTRACED))
    shell.type(b"q\n")
    shell.until(b"> q")
    exited(shell.wait(leader, os.WUNTRACED))


def a_neighbour_is_never_left_stopped_when_the_job_ends(shell: Any) -> None:
    """It may want the terminal at any moment of a job: some of these are the last one."""
    for pause in range(30):
        weir = shell.start(WEIR, "run", "--", "sleep", str(pause / 1000))
        neighbour = shell.start(
            "sh", "-c", "read line; echo got $line", group=weir, background=True
        )
        exited(shell.wait(weir))
        shell.type(b"%d\n" % pause)
        shell.until(b"got %d" % pause)
        exited(shell.wait(neighbour))


def modes_are_mended_after_a_job_that_was_killed(shell: Any) -> None:
    code = """
import os, termios
modes = termios.tcgetattr(0)
modes[3] &= ~(termios.ECHO | termios.ICANON)
termios.tcsetattr(0, termios.TCSANOW, modes)
os.kill(os.getpid(), 9)
"""
    before = termios.tcgetattr(shell.terminal)
    weir = shell.start(WEIR, "run", "--", *python(code))
    exited(shell.wait(weir), 128 + signal.SIGKILL)
    assert termios.tcgetattr(shell.terminal) == before, "the modes are not as they were"


def modes_that_a_job_meant_to_set_stay(shell: Any) -> None:
    exited(shell.wait(shell.start(WEIR, "run", "--", "stty", "-echo")))
    assert not termios.tcgetattr(shell.terminal)[3] & termios.ECHO


def a_pipeline_has_the_terminal_as_one(shell: Any) -> None:
    weir = shell.start(
        WEIR, "pipe", "cat", f"'{sys.executable}' -uc '{SHOW_PLACE_OF_GROUP}'", "cat"
    )
    shell.until(b"foreground")
    shell.type(CTRL_Z)
    assert shell.wait_stopped(weir) == signal.SIGTSTP
    shell.fg(weir)
    shell.wait_foreground(lambda group: group not in (weir, os.getpgrp()))
    shell.type(b"word\n")
    shell.until(b"word\r\n")
    shell.until(b"word\r\n")
    shell.type(CTRL_C)
    signaled(shell.wait(weir), signal.SIGINT)
    assert shell.foreground() == weir


SHOW_PLACE_OF_GROUP = """
import os
tty = os.open("/dev/tty", os.O_RDWR)
print("foreground" if os.tcgetpgrp(tty) == os.getpgrp() else "background")
os.execvp("cat", ["cat"])
"""


def ctrl_c_ends_weir_whose_input_is_no_terminal(shell: Any) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    weir = shell.start(WEIR, "run", "--", "sh", "-c", "echo ready; exec sleep 1000", stdin=null)
    shell.until(b"ready")
    shell.type(CTRL_C)
    signaled(shell.wait(weir), signal.SIGINT)


def ctrl_z_stops_a_job_whose_input_is_no_terminal(shell: Any) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    weir = shell.start(WEIR, "run", "--", "sh", "-c", "echo ready $$; exec sleep 1000", stdin=null)
    shell.until(b"ready ")
    job = int(shell.until(b"\r\n"))
    shell.type(CTRL_Z)
    shell.wait_stopped(weir)
    wait_state(job, "T")
    shell.fg(weir)
    shell.type(CTRL_C)
    signaled(shell.wait(weir), signal.SIGINT)


ASK = "read answer </dev/tty; echo got $answer"


def what_asks_on_dev_tty_is_answered_whatever_its_input_is(shell: Any) -> None:
    """So do ssh, sudo, gpg, less and fzf."""
    for words in (
        ["run", "--", "sh", "-c", ASK],
        ["run", "--json", "--", "sh", "-c", ASK],
        ["pipe", f"sh -c '{ASK}'", "cat"],
        ["pipe", "true", f"sh -c '{ASK}'"],
    ):
        null = os.open("/dev/null", os.O_RDONLY)
        ours, theirs = os.pipe()
        for stdin in (null, ours):
            weir = shell.start(WEIR, *words, stdin=stdin)
            shell.type(b"yes\n")
            shell.until(b"got yes")
            exited(shell.wait(weir))
            assert shell.foreground() == weir, "the terminal was not taken back"
        for fd in (null, ours, theirs):
            os.close(fd)


def a_stage_stopped_before_it_is_executed_does_not_hold_the_spawner(shell: Any) -> None:
    """The first stage asks while the others still look for theirs on a long PATH."""
    path = "/a:" * 30000 + os.environ["PATH"]
    null = os.open("/dev/null", os.O_RDONLY)
    producer = shell.start("sleep", "1000")  # beside it the job starts in the background
    words = ["env", f"PATH={path}", WEIR, "pipe", f"/bin/sh -c '{ASK}'", *["cat"] * 8]
    weir = shell.start(*words, group=producer, stdin=null)
    os.close(null)
    shell.type(b"yes\n")
    shell.until(b"got yes")
    exited(shell.wait(weir))
    os.kill(producer, signal.SIGKILL)
    shell.wait(producer)


def beside_a_producer_a_job_gets_the_terminal_when_it_asks(shell: Any) -> None:
    """producer | weir run -- job: Ctrl-C is for both until then."""
    ours, theirs = os.pipe()
    producer = shell.start(
        "sh", "-c", "trap 'exit 3' INT; echo data; while :; do sleep 0.01; done", stdout=theirs
    )
    os.close(theirs)
    weir = shell.start(
        WEIR,
        "run",
        "--",
        "sh",
        "-c",
        f"echo ready; {ASK}; exec sleep 1000",
        group=producer,
        stdin=ours,
    )
    shell.until(b"ready")
    shell.type(b"yes\n")
    shell.until(b"got yes")
    shell.type(CTRL_C)  # the job has the terminal now
    signaled(shell.wait(weir), signal.SIGINT)
    shell.type(CTRL_C)
    exited(shell.wait(producer), 3)


def a_worker_has_no_terminal_to_be_stopped_for(shell: Any) -> None:
    """/dev/tty cannot be opened there, as under setsid(1)."""
    ours, theirs = os.pipe()
    os.write(theirs, b"1\n")
    os.close(theirs)
    code = "while read record; do read word </dev/tty || echo 0; done"
    weir = shell.start(WEIR, "map", "-j1", "--check", "none", "--", "sh", "-c", code, stdin=ours)
    shell.until(b"0\r\n")
    exited(shell.wait(weir))


def progress_is_drawn_and_lines_stand_above_it(shell: Any) -> None:
    null = os.open("/dev/null", os.O_WRONLY)
    os.environ["TERM"] = "xterm"
    weir = shell.start(
        WEIR,
        "pipe",
        "--progress",
        "tty",
        "sh -c 'echo first >&2; read line; echo second >&2; exit 3'",
        "cat",
        stdout=null,
    )
    shell.until(b"sh: first\r\n")
    shell.until(b"running")
    shell.type(b"\n")
    shell.until(b"sh: second\r\n")
    shell.until(b"exited 3")
    shell.until(b"weir pipe: sh: exited with 3\r\n")
    exited(shell.wait(weir), 3)


def a_wide_terminal_shows_rates_as_bars(shell: Any) -> None:
    null = os.open("/dev/null", os.O_WRONLY)
    os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
    fcntl.ioctl(shell.person, termios.TIOCSWINSZ, struct.pack("4H", 30, 120, 0, 0))
    # So slow that the second worker is needed.
    slow = "while read x; do sleep 0.02; echo $x; done"
    # Each ends when its input does.
    for words, shown in (
        (["map", "-j2", "--", "sh", "-c", slow], "  worker "),
        (["each", "-j2", "--", "true"], " done  "),
        (["pipe", "--meter", "cat", "cat"], "/s  "),
    ):
        ours, theirs = os.pipe()
        weir = shell.start(WEIR, words[0], "--progress", "tty", *words[1:], stdin=ours, stdout=null)
        os.close(ours)
        os.write(theirs, b"1\n" * 200)
        deadline = time.monotonic() + PATIENCE_S
        while "█".encode() not in shell.seen or shown.encode() not in shell.seen:
            assert time.monotonic() < deadline, shell.seen[-2000:]
            if select.select([shell.person], [], [], 0.02)[0]:
                shell.seen += os.read(shell.person, 65536)
            else:
                os.write(theirs, b"1\n")
        os.close(theirs)
        exited(shell.wait(weir))
        shell.seen = b""


def no_color_is_heeded(shell: Any) -> None:
    null = os.open("/dev/null", os.O_WRONLY)
    os.environ["TERM"] = "xterm"
    words = (WEIR, "pipe", "--progress", "tty", "false")
    exited(shell.wait(shell.start(*words, stdout=null)), 1)
    assert b"\x1b[31m" in shell.until(b"weir pipe: false: exited with 1")
    os.environ["NO_COLOR"] = "1"
    exited(shell.wait(shell.start(*words, stdout=null)), 1)
    assert b"\x1b[31m" not in shell.until(b"weir pipe: false: exited with 1")


def a_terminal_of_its_own_is_typed_into(shell: Any) -> None:
    before = termios.tcgetattr(shell.terminal)
    code = """
import os
print("leads" if os.getsid(0) == os.getpid() == os.tcgetpgrp(0) else "is led", flush=True)
raise SystemExit(len(input()))
"""
    weir = shell.start(WEIR, "run", "--pty", "--", *python(code))
    shell.until(b"leads\r\n")
    shell.type(b"seven..\n")
    shell.until(b"seven..\r\n")
    exited(shell.wait(weir), 7)
    assert termios.tcgetattr(shell.terminal) == before, "the modes are not as they were"
    assert shell.foreground() == weir


def ctrl_c_and_ctrl_d_are_keys_of_a_terminal_of_its_own(shell: Any) -> None:
    weir = shell.start(WEIR, "run", "--pty", "--", *python(COUNT_INTERRUPTS))
    shell.until(b"ready")
    shell.type(CTRL_C)
    shell.until(b"interrupted 1")
    shell.type(b"\n")
    shell.until(b"in all 1")
    exited(shell.wait(weir))
    weir = shell.start(WEIR, "run", "--pty", "--", "sh", "-c", "echo ready; cat; echo end; exit 3")
    shell.until(b"ready")
    shell.type(CTRL_D)
    shell.until(b"end")
    exited(shell.wait(weir), 3)


SHOW_SIZE = """
import os, signal
def show(*ignored):
    print("size %d %d" % tuple(os.get_terminal_size()), flush=True)
signal.signal(signal.SIGWINCH, show)
show()
while True:
    signal.pause()
"""


def a_terminal_of_its_own_follows_the_size(shell: Any) -> None:
    fcntl.ioctl(shell.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    weir = shell.start(WEIR, "run", "--pty", "--", *python(SHOW_SIZE))
    shell.until(b"size 100 30")
    fcntl.ioctl(shell.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 101, 0, 0))
    shell.until(b"size 101 31")
    os.kill(weir, signal.SIGWINCH)  # sent by hand it is passed on, too
    shell.until(b"size 101 31")
    os.kill(weir, signal.SIGTERM)
    exited(shell.wait(weir), 128 + signal.SIGTERM)


def weir_stopped_from_outside_leaves_the_terminal_as_it_was(shell: Any) -> None:
    before = termios.tcgetattr(shell.terminal)
    weir = shell.start(WEIR, "run", "--pty", "--", "sh", "-c", "echo ready; exec cat")
    shell.until(b"ready\r\n")
    shell.type(b"one\n")
    shell.until(b"one\r\none\r\n")  # weir reads its terminal, which is in raw mode
    os.kill(weir, signal.SIGTSTP)
    assert shell.wait_stopped(weir) == signal.SIGTSTP
    assert termios.tcgetattr(shell.terminal) == before, "the modes are not as they were"
    shell.fg(weir)
    shell.type(b"two\n")
    shell.until(b"two\r\n")
    shell.type(CTRL_D)
    exited(shell.wait(weir))
    assert termios.tcgetattr(shell.terminal) == before, "the modes are not as they were"


def in_the_background_a_terminal_of_its_own_is_not_typed_into(shell: Any) -> None:
    shell.give(os.getpgrp())
    before = termios.tcgetattr(shell.terminal)
    weir = shell.start(
        WEIR, "run", "--pty", "--", "sh", "-c", "echo ready; read x; exit 4", background=True
    )
    shell.until(b"ready")
    assert termios.tcgetattr(shell.terminal) == before, "a background job has set the modes"
    shell.fg(weir)
    shell.type(b"late\n")
    exited(shell.wait(weir), 4)


def a_program_killed_on_a_terminal_of_its_own_leaves_the_modes(shell: Any) -> None:
    before = termios.tcgetattr(shell.terminal)
    weir = shell.start(WEIR, "run", "--pty", "--", "sh", "-c", "kill -9 $$")
    exited(shell.wait(weir), 128 + signal.SIGKILL)
    assert termios.tcgetattr(shell.terminal) == before, "the modes are not as they were"


SCENARIOS = [
    a_terminal_of_its_own_is_typed_into,
    ctrl_c_and_ctrl_d_are_keys_of_a_terminal_of_its_own,
    a_terminal_of_its_own_follows_the_size,
    weir_stopped_from_outside_leaves_the_terminal_as_it_was,
    in_the_background_a_terminal_of_its_own_is_not_typed_into,
    a_program_killed_on_a_terminal_of_its_own_leaves_the_modes,
    the_job_gets_the_foreground_and_gives_it_back,
    what_is_typed_reaches_the_job,
    ctrl_c_reaches_the_job_once,
    a_job_that_dies_of_ctrl_c_takes_weir_with_it,
    ctrl_z_stops_weir_too_and_fg_goes_on,
    a_stopped_job_gets_its_modes_back,
    a_job_in_the_background_leaves_the_terminal_alone,
    a_background_job_that_reads_stops_and_fg_lets_it_read,
    a_job_that_cannot_start_leaves_the_terminal_to_weir,
    a_neighbour_in_the_pipeline_gets_to_the_keyboard,
    beside_a_neighbour_the_job_waits_for_the_terminal_until_it_reads,
    a_neighbour_that_reads_the_terminal_is_not_disturbed,
    a_neighbour_is_never_left_stopped_when_the_job_ends,
    modes_are_mended_after_a_job_that_was_killed,
    modes_that_a_job_meant_to_set_stay,
    a_pipeline_has_the_terminal_as_one,
    ctrl_c_ends_weir_whose_input_is_no_terminal,
    ctrl_z_stops_a_job_whose_input_is_no_terminal,
    what_asks_on_dev_tty_is_answered_whatever_its_input_is,
    a_stage_stopped_before_it_is_executed_does_not_hold_the_spawner,
    beside_a_producer_a_job_gets_the_terminal_when_it_asks,
    a_worker_has_no_terminal_to_be_stopped_for,
    progress_is_drawn_and_lines_stand_above_it,
    a_wide_terminal_shows_rates_as_bars,
    no_color_is_heeded,
]


def in_a_session(scenario: Any) -> Any:
    """The case that runs it in a process of its own."""

    def case() -> None:
        pid = os.fork()
        if pid == 0:
            signal.alarm(2 * PATIENCE_S)
            status = 1
            try:
                scenario(Shell())
                status = 0
            except BaseException:
                for line in traceback.format_exc().splitlines():
                    print("#  ", line)
                sys.stdout.flush()
            os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0

    case.__name__ = scenario.__name__
    return case


run_cases([in_a_session(scenario) for scenario in SCENARIOS])
