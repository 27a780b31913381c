"""Prints a digest of what a step changes, in a process of its own: `python -m tests.own_keras`."""

import hashlib
import pathlib
import tempfile

from vae_gan3d.tensorflow_start import start_tensorflow


def main():
    start_tensorflow(verbose=False)
    from tests.fakes import random_grids, write_records
    from tests.small_runs import VAE_LOSS, make_config, restored_weights
    from vae_gan3d.data.record_set import find_records
    from vae_gan3d.training import loop

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_records(folder, random_grids(4, 16))
        config = make_config(
            folder,
            loss=VAE_LOSS,
            epochs=1,
            checkpoint_every=1,
            deterministic=True,
            report=False,
            image_every=100,
        )
        assert loop.train(config, find_records(str(folder))) == 0
        weights, _ = restored_weights(config)
    print(hashlib.sha256(b"".join(weight.tobytes() for weight in weights)).hexdigest())


if __name__ == "__main__":
    main()
