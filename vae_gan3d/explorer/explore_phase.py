"""`--phase=explore`. Checks the arguments before it imports TensorFlow (slow) and werkzeug (optional)."""

import signal
import sys
import webbrowser
from typing import TYPE_CHECKING

from vae_gan3d.config import ExploreConfig
from vae_gan3d.data.record_set import RecordSet, find_records
from vae_gan3d.models.prior_choice import choose_prior, require_known_classes
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow
from vae_gan3d.training import run_folder

if TYPE_CHECKING:
    from vae_gan3d.explorer.session import Explorer

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def explore(config: ExploreConfig, *, verbose: bool) -> int:
    """Serves the explorer until Ctrl-C or SIGTERM.

    Args:
        config: the phase's configuration.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status, 0.

    Raises:
        UserError: the checkpoint or the records cannot be used, or the address is in use.
    """
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    records = find_records(config.records, config.split_name) if config.records else None
    if records is not None:
        require_known_classes(model, records.classes)
    choice = choose_prior(config.prior, prefix, model=model, records=records)
    from vae_gan3d.explorer.server import ExplorerServer, remove_forgotten_folders

    remove_forgotten_folders()
    server = ExplorerServer(config.host, config.port)  # fails early if the address is in use
    start_tensorflow(verbose=verbose)
    from vae_gan3d.explorer.app import AppOptions, ExplorerApp
    from vae_gan3d.explorer.session import Explorer, TrainingShapes
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        trained = load_model(prefix, model)
        trained.prior = choice.load(prefix, trained, seed=config.seed)
        explorer = Explorer(
            trained,
            TrainingShapes(trained, records) if trained.has_encoder and records is not None else None,
            refinements=config.refinements,
            threshold=config.threshold,
        )
        options = AppOptions(
            name=str(prefix),
            notes=_notes(explorer, records),
            reading=config.reading.at(model.resolution),
            upload_mb=config.upload_mb,
            files=config.files,
            seed=config.seed,
            hosts=_LOCAL_HOSTS if config.host in _LOCAL_HOSTS else (),
        )
        app = ExplorerApp(explorer, options)
    if config.host not in _LOCAL_HOSTS:
        print(
            f"warning: with --host={config.host} everyone who reaches this machine can use the explorer: it asks for "
            "no password",
            file=sys.stderr,
        )
    print(f"the explorer is at {server.address} (Ctrl-C ends it)", flush=True)
    if config.browser:
        webbrowser.open(server.address)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.serve(app)
    print("\nthe explorer has ended")
    return 0


def _notes(explorer: "Explorer", records: RecordSet | None) -> tuple[str, ...]:
    """Sentences for the page: which parts are missing, and why."""
    notes = []
    if not explorer.model.has_encoder:
        notes.append("The model is a plain GAN, which has no encoder: no uploads, and no training shapes.")
    elif records is None:
        notes.append("Training shapes are not shown: start the explorer with --records.")
    if explorer.main_directions is None:
        remedy = " Start the explorer with --records." if explorer.model.has_encoder else ""
        notes.append(f"Main directions are not there: N(0, I) varies equally in all directions.{remedy}")
    return tuple(notes)
