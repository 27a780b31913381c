"""What is promised, tried with real processes and real faults. Each file is a command: python -m trials.NAME."""
