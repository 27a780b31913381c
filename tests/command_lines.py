"""The command lines that the original scripts published, spellings and all, and how tests change their values."""

import shlex
from collections.abc import Mapping

CREATE = (
    'create_tf_record.py --name="chair" --if_train=True --cube_len=64 --max_epoch=500 '
    '--LOCAL_PATH=DATA/volumetric_data/ --TFRECORD_DIR=OUT --split_name="train"'
)
_COMMON = (
    "--epoch=500 --batch=50 --len_vector=200 --len_x=64 --save_iner=10 --len_data=10668 --save_im_inter=10 "
    "--print_log_inter=15 --save_path=RUN/ --logdir=RUN/ --record_dir=OUT/train.tfrecords"
)
TRAIN = f'train.py {_COMMON} --phase="train"'
TEST = (
    f'test.py  {_COMMON} --phase="test" --load_path=RUN/model.ckpt-400 --save_dir=OUT2/ --scale=0.3 '
    "--im1_dir=A.mat --im2_dir=B.mat"
)


def words(line: str, changed: Mapping[str, object] | None = None, *added: str) -> list[str]:
    """A command line as a list, as a shell would split it.

    Args:
        line: one of the above.
        changed: other values for flags that the line has.
        added: further words.

    Raises:
        KeyError: the line has no such flag, so the change would add one.
    """
    script, *flags = shlex.split(line)
    values = dict(flag.split("=", 1) for flag in flags)
    for name, value in (changed or {}).items():
        if f"--{name}" not in values:
            raise KeyError(name)
        values[f"--{name}"] = str(value)
    return [script, *(f"{name}={value}" for name, value in values.items()), *added]
