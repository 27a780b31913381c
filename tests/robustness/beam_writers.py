"""The writer of records with Apache Beam. It needs its own environment: make test-beam."""

import functools

import apache_beam  # noqa: F401 (the import fails if it is not installed)

from tests.robustness.run_writers import make_shapes, read_records, write_records
from tests.robustness.writers import Writer

WRITERS = (
    Writer(
        "beam",
        "a set of three files, by Apache Beam",
        functools.partial(write_records, shards=3, beam=("--direct_num_workers=1",)),
        read_records,
        make_shapes,
    ),
)
