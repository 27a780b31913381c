"""Scripts as processes that are forked off one which has imported TensorFlow, so that it is imported once.

The process, `python -m tests.forked_scripts`, reads the words of a command line and a file for what it says, as JSON,
one command a line, and answers with the number of the new process; a number alone is that of a process to wait for, and
the answer its exit status, negative for a signal's number.
"""

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time


class ScriptServer:
    """Starts scripts in a network that was cut, and waits for them."""

    def __init__(self, network, **environment):
        self._process = subprocess.Popen(
            network.command(["-m", "tests.forked_scripts"]),
            env={**network.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words, log):
        """The number of a new process; what it says is added to a file."""
        return self._ask([words, str(log)])

    def wait(self, number):
        """The exit status of a process."""
        return self._ask(number)

    def run(self, words, log):
        """The exit status of a script that is waited for."""
        return self.wait(self.start(words, log))

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def wait_until(happened, seconds=300):
    """Waits for something, on a machine that may do other things beside."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def main():
    """Answers until there are no more questions."""
    import vae_gan3d.evaluation.report
    import vae_gan3d.models.prior_fitting
    import vae_gan3d.training.loop  # noqa: F401 (once for all, with TensorFlow and Matplotlib)

    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            print(os.waitstatus_to_exitcode(os.waitpid(question, 0)[1]), flush=True)
            continue
        number = os.fork()
        if number == 0:
            _become(*question)
        print(number, flush=True)


def _become(words, log):
    """Runs a script in this process, which ends with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(log, "ab") as file, open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = words
    status = 1
    with contextlib.suppress(BaseException):
        try:
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
