"""The optimizers that a run can be trained with."""

import keras
import tensorflow as tf

_SECOND_DECAY = 0.99
_WEIGHT_DECAY = 0.01
_MOMENTUM = 0.9
# Scales and biases are few, and are not what overfits.
_NOT_DECAYED = ["bias", "gamma", "beta", "scale", "offset"]


class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` that moves a variable and both its moments by one operation in place of a dozen.

    With `weight_decay` it is `keras.optimizers.AdamW`.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Does what `keras.optimizers.Adam.update_step` does: Kingma and Ba 2015, the form before section 2.1.

        Args:
            gradient: dense, of the variable's shape.
            variable: one that the optimizer was built for, float32.
            learning_rate: a float32 scalar.
        """
        index = self._get_variable_index(variable)
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.float32) + 1.0
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def make_optimizer(kind: str, learning_rate: float, *, beta1: float, name: str) -> keras.optimizers.Optimizer:
    """Makes an optimizer, not built yet.

    Args:
        kind: `adam` (Kingma and Ba 2015); `adamw`, the same with a decoupled weight decay of 0.01 on kernels
            (Loshchilov and Hutter 2019); `sgd`, with a momentum of 0.9; `rmsprop`, with the decay 0.99; or `adadelta`
            (Zeiler 2012), whose learning rate is near 1.
        learning_rate: above 0.
        beta1: the first decay of Adam and AdamW; the others have none.
        name: what the optimizer's variables begin with in a checkpoint.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "adam":
        return Adam(learning_rate, beta_1=beta1, beta_2=_SECOND_DECAY, name=name)
    if kind == "adamw":
        optimizer = Adam(learning_rate, beta_1=beta1, beta_2=_SECOND_DECAY, weight_decay=_WEIGHT_DECAY, name=name)
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
        return optimizer
    if kind == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=_MOMENTUM, name=name)
    if kind == "rmsprop":
        return keras.optimizers.RMSprop(learning_rate, rho=_SECOND_DECAY, name=name)
    if kind == "adadelta":
        return keras.optimizers.Adadelta(learning_rate, name=name)
    raise ValueError(f"optimizer={kind!r} is not known: give adam, adamw, sgd, rmsprop or adadelta")
