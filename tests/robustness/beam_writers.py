"""The writer of records by Apache Beam, which has an environment of its own: make test-beam makes it."""

import functools

import apache_beam  # noqa: F401 (without it there is no such writer)

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
