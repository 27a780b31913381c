"""A mixture of Gaussians with full covariances, as numbers that are stored and drawn from. Needs no TensorFlow."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture:
    """p(z) = Σ_k weights[k] N(z | means[k], factors[k] factors[k]ᵀ).

    Attributes:
        weights: `[K]` float32, above 0, summing to 1.
        means: `[K, L]` float32.
        factors: `[K, L, L]` float32, the lower Cholesky factors of the covariances.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def __post_init__(self) -> None:
        """Checks the numbers, which may come from a file.

        Raises:
            ValueError: shapes do not fit, a number is not finite, or these are no weights or no Cholesky factors.
        """
        components, size = self.means.shape if self.means.ndim == 2 else (0, 0)
        if not components or not size:
            raise ValueError(f"means of shape {self.means.shape}: give [K, L], both at least 1")
        for name, wanted in (("weights", (components,)), ("factors", (components, size, size))):
            if getattr(self, name).shape != wanted:
                raise ValueError(f"{name} of shape {getattr(self, name).shape}: give {wanted}, as the means ask")
        for name in ("weights", "means", "factors"):
            if getattr(self, name).dtype != np.float32 or not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"the {name} are not all finite float32: fit them again")
        if self.weights.min() <= 0 or abs(self.weights.sum(dtype=np.float64) - 1) > 1e-4:
            raise ValueError(f"weights from {self.weights.min()} that sum to {self.weights.sum()}: give shares of 1")
        if np.triu(self.factors, 1).any() or np.diagonal(self.factors, axis1=1, axis2=2).min() <= 0:
            raise ValueError("factors that are not lower triangular, or not positive on the diagonal: fit them again")

    def rounded(self) -> "GaussianMixture":
        """The same with the factors at the precision of float16, in which they are stored: it moves by 1e-5 nats."""
        return dataclasses.replace(self, factors=self.factors.astype(np.float16).astype(np.float32))

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws independent vectors.

        Args:
            count: how many, N, 0 or more.
            generator: the source of chance.

        Returns:
            `[N, L]` float32.
        """
        shares = self.weights.astype(np.float64)
        chosen = generator.choice(len(shares), size=count, p=shares / shares.sum())
        draws = generator.standard_normal((count, self.means.shape[1]), dtype=np.float32)
        for component in np.unique(chosen):
            rows = chosen == component
            draws[rows] = self.means[component] + draws[rows] @ self.factors[component].T
        return draws
