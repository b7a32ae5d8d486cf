"""The likelihood rectification of DDFM: one EM step, per image.

Notation. ``a`` and ``b`` are the two sources in [-1, 1], ``f`` the luma of the prior's estimate,
``y = a - b``. With Laplace noise and a Laplace prior, both written as scale mixtures of normals,
the E step gives weights ``C`` and ``D`` and the M step a weighted least squares problem with a
smoothness term. The code works with 1/C and 1/D, so nothing divides by a difference that may be
zero; that is the same arithmetic up to rounding::

    1/D = sqrt(tau_b/2) sqrt(x^2 + 1e-6)             tau_b <- mean(1/D) + tau_b/2
    1/C = sqrt(tau_a/2) |y - x + 1e-6|               tau_a <- mean(1/C) + tau_a/2
    D <= 2C
    x  <- (2 C y + eta k) / (2C + 2D + eta)

Three forms exist. They differ in what ``x`` is, in what is smoothed into ``k`` and in the result:

========  =========  ================================  =========
form      x          k                                 result
========  =========  ================================  =========
released  f - b      y - H, H = smoothed y - x         a - x
paper     f - b      smoothed x                        x + b
older     a - f      y - H, H = smoothed y - x         a - x
========  =========  ================================  =========

``paper`` is the paper's Algorithm 1 (equations 16, 25, 27, 29, 30, 31), ``older`` an earlier
version of the authors; both are self-consistent. ``released`` takes the first line of one and the
rest of the other, which mirrors the blend: where f is w a + (1 - w) b, and tau_a = tau_b, the
result weights a by 1 - max(w, 1/3) instead of max(w, 1/3).

Source: Zhao et al., ICCV 2023, section 3; released code at 589f5cb; smoothing as in
``prox(z) = argmin |k - z|^2 + |grad k - u|^2`` solved with circular differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

Form = Literal["released", "paper", "older"]
Gradient = Literal["open", "circular"]


class Rectifier(Protocol):
    """The rectification that the sampler calls between two steps; it may keep a state."""

    def step(self, f: Tensor) -> Tensor:
        """The rectified luma for the prior's luma ``f``; both float32 [N, 1, H, W]."""


@dataclass(frozen=True)
class EMSettings:
    """Constants of the EM step.

    Attributes:
        form: see the module's table.
        psi: weight of the smoothness term.
        eta: penalty of the splitting (rho in the released code).
        gradient: of the smoothed image: ``circular`` forward differences (those of the smoothing),
            or ``open`` as released: opposite sign, and the last column and row keep their value.
        clamp: apply D <= 2C, which the paper's readable parts do not have.
        smoothness: leave out the smoothness term if false (row II of the paper's Table 2).
    """

    form: Form = "released"
    psi: float = 0.5
    eta: float = 0.001
    gradient: Gradient = "open"
    clamp: bool = True
    smoothness: bool = True


class EM:
    """The EM step with its state, for a batch of independent images.

    Args:
        settings: constants.
        a, b: sources, float32 [N, 1, H, W] in [-1, 1].

    Attributes:
        tau_a, tau_b: scales [N, 1, 1, 1], 1 before the first step (gamma and rho in the paper).
        u1, u2: shrunk gradients of the smoothed image along width and height; None before.
        smoothed: the smoothed image (H or k) of the last step.
        inverse_c, inverse_d: 1/C and 1/D of the last step.
    """

    def __init__(self, settings: EMSettings, a: Tensor, b: Tensor) -> None:
        self.settings = settings
        self.a, self.b = a, b
        self.y = a - b
        self.tau_a = a.new_ones(a.shape[0], 1, 1, 1)
        self.tau_b = self.tau_a.clone()
        self.u1: Tensor | None = None
        self.u2: Tensor | None = None
        self.smoothed: Tensor | None = None
        self.inverse_c: Tensor | None = None
        self.inverse_d: Tensor | None = None
        self._smooth = Smoothing(a.shape[2], a.shape[3], 1.0, 1.0, a.device)

    def step(self, f: Tensor) -> Tensor:
        """One step: the rectified luma F for the prior's luma ``f``, float32 [N, 1, H, W]."""
        settings, y = self.settings, self.y
        x = self.a - f if settings.form == "older" else f - self.b
        rest = y - x
        inverse_d = x.square().add_(1e-6).sqrt_().mul_((self.tau_b / 2).sqrt_())
        inverse_c = rest.add(1e-6).abs_().mul_((self.tau_a / 2).sqrt_())
        if settings.clamp:
            torch.maximum(inverse_d, inverse_c / 2, out=inverse_d)
        self.tau_b = inverse_d.mean((2, 3), keepdim=True).add_(self.tau_b / 2)
        self.tau_a = inverse_c.mean((2, 3), keepdim=True).add_(self.tau_a / 2)
        self.inverse_c, self.inverse_d = inverse_c, inverse_d
        # x = (2 C y + eta k) / (2C + 2D + eta), times 1/C and 1/D above and below the line.
        above = 2 * y * inverse_d
        below = (inverse_c + inverse_d).mul_(2)
        if settings.smoothness:
            k = self._smoothed_x(x, rest)
            both = (inverse_c * inverse_d).mul_(settings.eta)
            above.addcmul_(both, k)
            below.add_(both)
        x = above.div_(below)
        return x.add_(self.b) if settings.form == "paper" else torch.sub(self.a, x)

    def _smoothed_x(self, x: Tensor, rest: Tensor) -> Tensor:
        """k of the M step; also advances the shrunk gradients."""
        of_x = self.settings.form == "paper"
        field = x if of_x else rest
        if self.u1 is not None and self.u2 is not None:
            field = field + adjoint_differences(self.u1, self.u2)
        self.smoothed = self._smooth(field)
        psi, eta = self.settings.psi, self.settings.eta
        differences = open_differences if self.settings.gradient == "open" else forward_differences
        u1, u2 = differences(self.smoothed)
        shrink = eta / (2 * psi + eta)
        self.u1, self.u2 = u1.mul_(shrink), u2.mul_(shrink)
        return self.smoothed if of_x else self.y - self.smoothed


class Smoothing:
    """Solves (identity + weight KᵀK) k = z / scale for circular forward differences K.

    Args:
        height, width: of the images.
        identity: factor of the identity.
        weight: factor of the squared differences.
    """

    def __init__(
        self, height: int, width: int, identity: float, weight: float, device: torch.device
    ) -> None:
        self.size = (height, width)
        rows = torch.arange(height, dtype=torch.float64) / height
        columns = torch.arange(width // 2 + 1, dtype=torch.float64) / width
        # |exp(2 pi i k / n) - 1|^2 = 2 - 2 cos(2 pi k / n)
        squares = (2 - 2 * torch.cos(2 * torch.pi * rows))[:, None] + (
            2 - 2 * torch.cos(2 * torch.pi * columns)
        )
        self._inverse = (1 / (identity + weight * squares)).float().to(device)

    def __call__(self, z: Tensor) -> Tensor:
        """k for z, float32 [N, 1, H, W]."""
        spectrum = torch.fft.rfft2(z).mul_(self._inverse)
        return torch.fft.irfft2(spectrum, s=self.size)


def forward_differences(h: Tensor) -> tuple[Tensor, Tensor]:
    """Circular forward differences h[n+1] - h[n] along width and height."""
    return h.roll(-1, 3).sub_(h), h.roll(-1, 2).sub_(h)


def open_differences(h: Tensor) -> tuple[Tensor, Tensor]:
    """The released gradient: h[n] - h[n+1], and h itself in the last column or row."""
    along_width, along_height = h.clone(), h.clone()
    along_width[:, :, :, :-1] -= h[:, :, :, 1:]
    along_height[:, :, :-1] -= h[:, :, 1:]
    return along_width, along_height


def adjoint_differences(u1: Tensor, u2: Tensor) -> Tensor:
    """The adjoint of circular forward differences: u[n-1] - u[n], summed over both directions."""
    return u1.roll(1, 3).sub_(u1).add_(u2.roll(1, 2)).sub_(u2)


@dataclass(frozen=True)
class ADMMSettings:
    """Fixed weight instead of inferred ones: rows III and IV of the paper's Table 2.

    Attributes:
        phi: weight of \\|f - b\\|_1 beside \\|f - a\\|_1.
        psi: weight of the smoothness term.
        penalty: of the splitting; the paper does not give it.
    """

    phi: float
    psi: float = 0.5
    penalty: float = 1.0


class ADMM:
    """One ADMM iteration per diffusion step on |x - y|_1 + phi |x|_1 + psi |grad x|^2, x = f - b.

    The paper names the method and not the updates; these are the standard ones with scaled duals,
    which are kept from step to step. The prior's luma enters as the current x.
    """

    def __init__(self, settings: ADMMSettings, a: Tensor, b: Tensor) -> None:
        self.settings = settings
        self.b = b
        self.y = a - b
        self.dual_data = torch.zeros_like(a)
        self.dual_prior = torch.zeros_like(a)
        self._smooth = Smoothing(
            a.shape[2], a.shape[3], 2 * settings.penalty, 2 * settings.psi, a.device
        )

    def step(self, f: Tensor) -> Tensor:
        """One iteration from x = f - b; returns x + b, float32 [N, 1, H, W]."""
        mu, y = self.settings.penalty, self.y
        x = f - self.b
        p = soft(x - y + self.dual_data, 1 / mu)
        q = soft(x + self.dual_prior, self.settings.phi / mu)
        x = self._smooth(mu * (y + p - self.dual_data) + mu * (q - self.dual_prior))
        self.dual_data += x - y - p
        self.dual_prior += x - q
        return x + self.b


def soft(z: Tensor, threshold: float) -> Tensor:
    """Soft thresholding: sign(z) max(|z| - threshold, 0)."""
    return z - z.clamp(-threshold, threshold)
