"""Robustness trials with real processes and real faults. Each file is a command: python -m tests.robustness.NAME."""
