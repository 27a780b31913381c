"""Writes folders of voxel grids or meshes as TFRecords.

python create_tf_record.py --data_dir=DATA/volumetric_data --classes=chair --output_dir=RECORDS
"""

import vae_gan3d.flags  # noqa: F401 (before slow imports: from here on Ctrl-C ends in one line)
from vae_gan3d import phases
from vae_gan3d.flags.phases import records_config
from vae_gan3d.flags.script import is_verbose, run_script


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.create_records(records_config(), verbose=is_verbose())


if __name__ == "__main__":
    run_script("create_tf_record", main)
