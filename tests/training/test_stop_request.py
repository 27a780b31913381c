"""The first signal asks, the second acts."""

import os
import signal
import subprocess
import sys

import pytest

from vae_gan3d.training.stop_request import stop_request


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_first_signal_is_remembered_and_told_of(capfd, number, status):
    with stop_request("stopping after this step") as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
    assert stop.exit_status == status
    assert capfd.readouterr().err == "\nstopping after this step; again to leave at once\n"


def test_second_ctrl_c_leaves_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt), stop_request("stopping after this step"):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


# Sends itself signals from another thread while the main thread is in C, where no handler of Python is heard.
DEAF = """
import hashlib, os, signal, sys, threading, time
from vae_gan3d.training.stop_request import stop_request
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[1] == "ignored" else signal.default_int_handler)
def ask_twice():
    for _ in range(2):
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
with stop_request("stopping", at_once=True) as stop:
    threading.Thread(target=ask_twice).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000)
print("still here,", stop.signal_number)
"""


@pytest.mark.parametrize(("before", "status", "said"), [("heard", 130, ""), ("ignored", 0, "still here, 2\n")])
def test_a_second_one_ends_a_process_that_is_deaf_to_it_unless_it_was_ignored_before(before, status, said):
    outcome = subprocess.run([sys.executable, "-c", DEAF, before], capture_output=True, text=True, timeout=60)
    assert (outcome.returncode, outcome.stdout) == (status, said)
    assert outcome.stderr.startswith("\nstopping; again to leave at once\n")
    assert outcome.stderr.count("stopped") == (status == 130)


def test_signals_are_remembered_at_once_and_handlers_and_wakeups_put_back(capfd):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_request("stopping after this step", at_once=True) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop
    assert stop.exit_status == 143
    assert capfd.readouterr().err == "\nstopping after this step; again to leave at once\n"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_request("stopping after this step"):
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
