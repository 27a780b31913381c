"""Writes folders of voxel grids or meshes as TFRecords.

python create_tf_record.py --data_dir=DATA/volumetric_data --classes=chair --output_dir=RECORDS
"""

import flags.phases
import flags.script
from vae_gan3d import phases


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.create_records(flags.phases.records_config(), verbose=flags.script.is_verbose())


if __name__ == "__main__":
    flags.script.run_script("create_tf_record", main)
