"""What is timed, with what it is timed against. Each file is a command: python -m benchmarks.NAME."""
