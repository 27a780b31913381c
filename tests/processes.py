"""Scripts as processes without a network, whose attempts to reach one are counted.

`python -m tests.processes` is a process that imports TensorFlow once and forks scripts, see `ScriptServer`.
"""

import contextlib
import ctypes
import importlib
import json
import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
HOOK = pathlib.Path(__file__).parent / "network_hook"
_CLONE_NEWNET = 0x40000000  # of <sched.h>
_SOUGHT = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_HERE = ("", "localhost", "::1", "::", "0.0.0.0", socket.gethostname(), None)
_COUNTS = ("OutNoRoutes", "OutRequests", "Ip6OutNoRoutes", "Ip6OutRequests")
_ADD = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_sought_outside: list[str] = []


class CutNetwork:
    """Starts processes without a network, and tells which attempts they made.

    As root on Linux, all processes share a network namespace in which no interface is up, and the kernel counts the
    packets that find no route. On every system a hook in Python refuses and notes each connection and each lookup of an
    address.

    Attributes:
        isolated: whether the processes have such a namespace.
    """

    def __init__(self, notes: pathlib.Path, namespace: int | None) -> None:
        """Takes the file for notes, and the open file of the namespace, if there is one."""
        self.isolated = namespace is not None
        self._notes, self._namespace = notes, namespace

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs Python with some arguments, as the process itself: signals reach it."""
        python = [sys.executable, *arguments]
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._namespace}", *python] if self.isolated else python

    @property
    def environment(self) -> dict[str, str]:
        """The environment of such a process."""
        path = os.pathsep.join([str(HOOK), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**os.environ, "PYTHONPATH": path, "NETWORK_ATTEMPTS": str(self._notes)}

    def attempts(self) -> list[str]:
        """A line for each attempt that Python made, and one for the packets that the kernel counted."""
        noted = self._notes.read_text().splitlines() if self._notes.exists() else []
        counted = _in_thread(self._count) if self.isolated else 0
        return noted + ([f"{counted} packets that the kernel counted"] if counted else [])

    def _count(self) -> int:
        if ctypes.CDLL(None, use_errno=True).setns(self._namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        names, values = (
            line.split()[1:]
            for line in pathlib.Path("/proc/thread-self/net/snmp").read_text().splitlines()
            if line.startswith("Ip:")
        )
        counts = dict(zip(names, values, strict=True))
        snmp6 = pathlib.Path("/proc/thread-self/net/snmp6")  # absent where there is no IPv6
        counts.update(line.split() for line in (snmp6.read_text().splitlines() if snmp6.exists() else ()))
        return sum(int(counts.get(name, 0)) for name in _COUNTS)


@contextlib.contextmanager
def cut_network(folder: pathlib.Path) -> Iterator[CutNetwork]:
    """A network without a way out; its notes are written to a folder."""
    namespace = _in_thread(_new_namespace) if sys.platform == "linux" else None
    try:
        yield CutNetwork(folder / "network_attempts", namespace)
    finally:
        if namespace is not None:
            os.close(namespace)


def refuse_outside() -> None:
    """Refuses and notes each attempt of this process to reach another machine, from now on."""

    def refuse(event, arguments):
        if event not in _SOUGHT:
            return
        host = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        if isinstance(host, tuple):
            host = host[0]
        elif event in ("socket.connect", "socket.sendto"):
            return  # a path is an address on this machine
        if host not in _HERE and not str(host).startswith("127."):
            _sought_outside.append(f"{event} {host}")
            raise PermissionError(f"no test needs {host}")

    sys.addaudithook(refuse)


def sought_outside() -> list[str]:
    """The attempts that were refused since the last call."""
    sought = [*_sought_outside]
    _sought_outside.clear()
    return sought


def start_script(network, words):
    """A script as a process of its own, without a terminal and without a network."""
    return subprocess.Popen(
        network.command(words),
        cwd=ROOT,
        env=network.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish_script(process, seconds=300):
    """Waits for a process, and kills it if it takes too long."""
    with process:
        try:
            out, error = process.communicate(timeout=seconds)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


class ScriptServer:
    """Starts scripts by forking a process that has imported what they need, so that it is imported once.

    The process reads one JSON value a line. For the words of a command line and two files it starts a script, adds to
    the files what the script says, and answers with the number of its process. For such a number it waits, and answers
    with the exit status, negative for a signal.
    """

    def __init__(self, network, *modules, **environment):
        """Imports modules in a process without a network."""
        self._process = subprocess.Popen(
            network.command(["-m", "tests.processes", *modules]),
            env={**network.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def start(self, words, out, error=None):
        """The number of a new process; what it says is added to one file or two."""
        return self._ask([words, str(out), str(error or out)])

    def wait(self, number):
        """The exit status of a process."""
        return self._ask(number)

    def run(self, words, out, error=None):
        """The exit status of a script that is waited for."""
        return self.wait(self.start(words, out, error))

    def _ask(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def wait_until(happened, seconds=300):
    """Waits until a function returns true."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def main():
    """Imports modules and answers until there are no more questions."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            print(os.waitstatus_to_exitcode(os.waitpid(question, 0)[1]), flush=True)
            continue
        number = os.fork()
        if number == 0:
            _become(*question)
        print(number, flush=True)


def _become(words, out, error):
    """Runs a script in this process, which ends with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, path, flags in ((0, os.devnull, os.O_RDONLY), *((n, p, _ADD) for n, p in ((1, out), (2, error)))):
        os.dup2(os.open(path, flags), stream)
    sys.argv = words
    status = 1
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _in_thread(function):
    """The result of a function that may change the network of its thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def _new_namespace() -> int | None:
    if ctypes.CDLL(None).unshare(_CLONE_NEWNET):
        return None
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


if __name__ == "__main__":
    main()
