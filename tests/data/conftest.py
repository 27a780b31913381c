"""A small tree of shapes, and how most tests read it and write its records."""

import pytest

from tests.fakes import write_shape_tree
from vae_gan3d.data import record_writer, shards
from vae_gan3d.data.record_writer import create_record_sets
from vae_gan3d.data.sandbox import GridResult
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.errors import UserError


@pytest.fixture
def tree(tmp_path):
    return write_shape_tree(tmp_path / "data")


@pytest.fixture
def readers_in_this_process(monkeypatch):
    """Reads without child processes, which have tests of their own."""

    def read_grids(paths, *, workers, options):
        del workers
        for path in paths:
            try:
                yield GridResult(path, read_grid(path, options=options), None)
            except UserError as error:
                yield GridResult(path, None, str(error))

    for module in (record_writer, shards):
        monkeypatch.setattr(module, "read_grids", read_grids)


def create_records(listing, folder, *, split_name="train", **options):
    return create_record_sets({split_name: listing}, folder, **options)[split_name]


def write(listing, folder, **options):
    return create_records(listing, folder, progress=False, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())
