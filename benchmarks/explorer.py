"""Times the explorer with several clients that move the slider at once, and checks whether its memory grows.

    python -m benchmarks.explorer --checkpoint=RUN

Each client has two shapes and asks for a shape between them as soon as it has the last one, as the page does while the
user drags the slider. The time of an answer does not include drawing in the browser. Memory is the server's resident
memory (Linux), after a warm-up round of all clients and after each of six more rounds.
"""

import argparse
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from typing import Any

import numpy as np

_END_SECONDS = 60.0
_ROUNDS = 6
_MEBIBYTE_KB = 1024


class Visitor:
    """A client that moves the slider."""

    def __init__(self, address: str, seed: int) -> None:
        """Draws two shapes."""
        self._address = urllib.parse.urlsplit(address)
        self._generator = np.random.default_rng(seed)
        self._ends = [self._ask("/api/sample", {})["point"] for _ in range(2)]
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def move(self) -> None:
        """Moves the slider once, and stores the time of the answer or the error."""
        started = time.perf_counter()
        try:
            self._ask("/api/shape", {"ends": self._ends, "alpha": self._generator.random(), "path": "linear"})
            self.seconds.append(time.perf_counter() - started)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def _ask(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(fields))
            answer = connection.getresponse()
            contents = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(contents["error"])
        return contents


def resident_mebibytes(process: int) -> float:
    """Resident memory of a process."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / _MEBIBYTE_KB


def start_server(checkpoint: str, records: str) -> tuple[subprocess.Popen[str], str]:
    """Starts the explorer; returns its process and its address."""
    words = [sys.executable, "test.py", "--phase=explore", f"--checkpoint={checkpoint}"]
    words += [f"--records={records}"] if records else []
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if "http://" in line:
            return server, next(word for word in line.split() if word.startswith("http://"))
    raise SystemExit(f"error: the explorer ended with status {server.wait()}")


def visit(visitors: list[Visitor], seconds: float) -> None:
    """All clients move their sliders for some time."""
    end = time.monotonic() + seconds

    def keep_moving(visitor: Visitor) -> None:
        while time.monotonic() < end:
            visitor.move()

    threads = [threading.Thread(target=keep_moving, args=(visitor,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Prints the times of one client and of all clients, and the memory of the server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--records", default="")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    flags = parser.parse_args()
    server, address = start_server(flags.checkpoint, flags.records)
    try:
        visitors = [Visitor(address, seed) for seed in range(flags.clients)]
        visit(visitors[:1], min(5.0, flags.seconds))
        _report("one visitor", visitors[:1])
        visit(visitors, min(5.0, flags.seconds))
        memory = [resident_mebibytes(server.pid)]
        for visitor in visitors:
            visitor.seconds.clear()
        for _ in range(_ROUNDS):
            visit(visitors, flags.seconds / _ROUNDS)
            memory.append(resident_mebibytes(server.pid))
        _report(f"{flags.clients} visitors, {flags.seconds:g} s", visitors)
        print(f"memory of the server: {', '.join(f'{mebibytes:.1f}' for mebibytes in memory)} MiB")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(_END_SECONDS)
    print(f"exit status after Ctrl-C: {server.returncode}")


def _report(name: str, visitors: list[Visitor]) -> None:
    seconds = np.concatenate([visitor.seconds for visitor in visitors])
    errors = [error for visitor in visitors for error in visitor.errors]
    shares = ", ".join(f"{share} % within {np.percentile(seconds, share):.3f} s" for share in (50, 95, 100))
    print(f"{name}: {len(seconds)} answers, {shares}; {len(errors)} errors{': ' + errors[0] if errors else ''}")


if __name__ == "__main__":
    main()
