"""The first signal asks, the second acts."""

import os
import signal

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


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_request("stopping after this step"):
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
