"""Writing a set of records as most tests of the writer do."""

from vae_gan3d.data.record_writer import create_records


def write(listing, folder, **options):
    return create_records(listing, folder, split_name="train", progress=False, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())
