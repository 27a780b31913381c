"""Writes one set of records, as most tests of the writer do."""

from vae_gan3d.data.record_writer import create_record_sets


def create_records(listing, folder, *, split_name="train", **options):
    return create_record_sets({split_name: listing}, folder, **options)[split_name]


def write(listing, folder, **options):
    return create_records(listing, folder, progress=False, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())
