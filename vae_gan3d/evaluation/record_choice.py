"""Which records are the test shapes, and which the training shapes. Needs no TensorFlow."""

import pathlib
import sys

from vae_gan3d.config import EvaluateConfig
from vae_gan3d.errors import UserError
from vae_gan3d.records.manifest import RECORD_SUFFIX, set_name
from vae_gan3d.records.record_set import RecordSet, find_records


def choose_records(config: EvaluateConfig) -> tuple[RecordSet, RecordSet | None]:
    """Finds both sets, and says on the terminal which they are.

    Without `train_records`, the set `train_split_name` of the folder that holds the test shapes is taken, if it is
    there.

    Args:
        config: the phase's configuration.

    Returns:
        The test shapes; the training shapes, or None where there are none, or none but the test shapes themselves.

    Raises:
        UserError: records that are named cannot be found or are damaged, or a folder holds another set alone.
    """
    test = find_records(config.records, config.split_name)
    if _is_other_split(config.records, config.split_name, test):
        other = set_name(test.files[0].name)
        raise UserError(
            f"{config.records} holds no set {config.split_name!r} but {other!r}: write the test shapes with "
            f"create_tf_record.py --if_train=false, or give --split_name={other}"
        )
    print(f"test shapes: {test.count}, {_place(test)}")
    training = _find_training(config)
    if training is None:
        return test, None
    if _overlap(test, training):
        print(
            f"warning: the test shapes and the training shapes are the same ({_place(test)}): the latter are left "
            "out; give the records that the model was trained on with --train_records",
            file=sys.stderr,
        )
        return test, None
    print(f"training shapes: {training.count}, {_place(training)}")
    return test, training


def _find_training(config: EvaluateConfig) -> RecordSet | None:
    if config.train_records:
        return find_records(config.train_records, config.train_split_name)
    beside = {set_name(path.name) for path in pathlib.Path(config.records).glob("*" + RECORD_SUFFIX)}
    return find_records(config.records, config.train_split_name) if config.train_split_name in beside else None


def _is_other_split(records: str, split_name: str, found: RecordSet) -> bool:
    """Whether a folder's only set was found in place of the one that was asked for."""
    return pathlib.Path(records).is_dir() and set_name(found.files[0].name) != split_name


def _overlap(first: RecordSet, second: RecordSet) -> bool:
    """Whether two sets share a file, by its place or by its contents."""
    return bool(_identities(first) & _identities(second))


def _identities(records: RecordSet) -> set[str]:
    shards = records.manifest.shards if records.manifest else ()
    digests = {shard.name: shard.sha256 for shard in shards}
    return {str(path.resolve()) for path in records.files} | {
        digests[path.name] for path in records.files if path.name in digests
    }


def _place(records: RecordSet) -> str:
    """The file, or the first of several."""
    others = len(records.files) - 1
    return f"{records.files[0]}" + (f" and {others} more" if others else "")
