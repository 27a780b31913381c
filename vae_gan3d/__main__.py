"""The command `vae-gan3d`, also `python -m vae_gan3d`: the scripts of the repository, where only the package is."""

import sys

import vae_gan3d.flags
from vae_gan3d.command_line import COMMAND
from vae_gan3d.text import choices_text, printable

_SCRIPTS = {"records": "create_tf_record", "train": "train", "test": "test"}
_USAGE = """usage: vae-gan3d COMMAND [--flag=value ...]

  records      writes folders of voxel grids or meshes as TFRecords (create_tf_record.py)
  train        trains a VAE-3D-GAN on records (train.py)
  test         interpolates, samples, evaluates, exports, explores (test.py)
  convert      turns one shape file into another
  demo_shapes  writes built-in shapes, to try things out without data

vae-gan3d COMMAND --help lists the flags of a command."""


def main() -> int:
    """Runs the command of the command line; returns the exit status, or exits with it."""
    command, *words = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "help"):
        print(_USAGE)
        return 0
    sys.argv = [f"{COMMAND} {command}", *words]
    if command in _SCRIPTS:
        from vae_gan3d import phases
        from vae_gan3d.flags.phases import phase_config, records_config
        from vae_gan3d.flags.script import is_verbose, run_script

        def run() -> int:
            if command == "records":
                return phases.create_records(records_config(), verbose=is_verbose())
            return phases.run(phase_config(command), verbose=is_verbose())

        run_script(_SCRIPTS[command], run)
    if command == "convert":
        from vae_gan3d.convert import main as convert

        return convert(words)
    if command == "demo_shapes":
        from vae_gan3d.demo_shapes import main as write_demo_shapes

        return write_demo_shapes(words)
    if command == "--version":
        print(vae_gan3d.__version__)
        return 0
    from vae_gan3d.flags.phases import PHASES

    commands = (*_SCRIPTS, "convert", "demo_shapes")
    remedy = f"give test --phase={command}" if command in PHASES else choices_text(command, commands)
    print(f"error: there is no command {printable(command)}: {remedy}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
