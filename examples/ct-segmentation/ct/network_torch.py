"""The same U-Net and loss in PyTorch. Takes and gives images as the Keras version does: (n, rows, columns,
channels)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ct.data import LESION, Part, batches, log_odds, mask_shares
from ct.setting import PROCESSOR, PUBLISHED, PUBLISHED_TV, Setting

_MOMENTUM, _EPSILON = 0.01, 1e-3  # of Keras' batch normalization, where momentum is counted the other way round


def gpu() -> bool:
    """Whether PyTorch computes on a GPU."""
    return bool(torch.cuda.is_available())


def setting() -> Setting:
    """Return the published setting where there is a GPU, else the small one."""
    return PUBLISHED if gpu() else PROCESSOR


class UNet(nn.Module):
    """(n, size, size, 1) to (n, size, size, 2) logits while it is trained, probabilities in `eval()`.

    Parameters
    ----------
    width
        Filters of the first level; 64 as published.
    dropout
        Share that is left out while training.
    scale
        Mean and standard deviation of the images that it is trained on; they become part of the network.
    shares
        Of each channel's pixels in the masks that it is trained on: its first answer. None begins at one half.
    """

    def __init__(
        self,
        width: int = 64,
        dropout: float = 0.2,
        scale: tuple[float, float] = (0.0, 1.0),
        shares: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale), persistent=True)
        widths = [width * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            _block(before, after) for before, after in zip([1, *widths], widths[:4], strict=False)
        )
        self.bottom = _block(widths[3], widths[4])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * filters, filters, 3, stride=2, padding=1, output_padding=1) for filters in widths[:4]
        )
        self.across = nn.ModuleList(_block(2 * filters, filters) for filters in widths[:4])
        self.dropout = nn.Dropout(dropout)
        self.mask = nn.Conv2d(width, 2, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d) and part is not self.mask:
                nn.init.kaiming_normal_(part.weight)
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        if shares is not None:
            with torch.no_grad():
                self.mask.bias.copy_(torch.from_numpy(log_odds(shares)))  # type: ignore[union-attr]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the masks of images; their sides must be divided by 16."""
        x = (images.permute(0, 3, 1, 2) - self.scale[0]) / self.scale[1]
        kept = []
        for block in self.down:
            kept.append(block(x))
            x = self.dropout(functional.max_pool2d(kept[-1], 2))
        x = self.bottom(x)
        for level in reversed(range(4)):
            x = self.across[level](self.dropout(torch.cat([self.up[level](x), kept[level]], 1)))
        logits = self.mask(x).permute(0, 2, 3, 1)
        return logits if self.training else torch.sigmoid(logits)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after, _EPSILON, _MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after, _EPSILON, _MOMENTUM),
        nn.ReLU(inplace=True),
    )


def total_variation(masks: torch.Tensor) -> torch.Tensor:
    """Return how much the lesions' channel changes from pixel to pixel: mean over rows plus mean over columns."""
    lesion = masks[..., LESION]
    down = (lesion[:, 1:, :] - lesion[:, :-1, :]).abs().mean()
    return down + (lesion[:, :, 1:] - lesion[:, :, :-1]).abs().mean()


def loss_of(logits: torch.Tensor, truth: torch.Tensor, weight: float = PUBLISHED_TV) -> torch.Tensor:
    """Return binary cross-entropy of both channels plus `weight` times the total variation of the probabilities."""
    entropy = functional.binary_cross_entropy_with_logits(logits.float(), truth)
    return entropy + weight * total_variation(torch.sigmoid(logits.float())) if weight else entropy


def train(
    training: Part,
    validation: Part,
    chosen: Setting = PROCESSOR,
    *,
    tv: float = PUBLISHED_TV,
    seed: int = 0,
    verbose: int = 2,
) -> tuple[UNet, dict[str, list[float]]]:
    """Train a network, and return it in `eval()`, on the processor, with its losses and rates by epoch.

    On a GPU it computes in halves and with a compiled step; on processors in float32.
    """
    model, optimizer = ready(training, chosen, seed=seed)
    device = "cuda" if gpu() else "cpu"
    step = torch.compile(model) if device == "cuda" else model
    halves = torch.amp.GradScaler(device) if device == "cuda" else None
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.1, patience=chosen.plateau - 1, min_lr=1e-5, threshold=1e-4, threshold_mode="abs"
    )
    told: dict[str, list[float]] = {"loss": [], "val_loss": [], "learning_rate": []}
    best: tuple[float, int, Any] = (float("inf"), 0, None)
    for epoch in range(chosen.epochs):
        given = batches(training, chosen.batch, seed * 1000 + epoch)
        told["loss"].append(one_epoch(step, optimizer, given, tv, halves))
        told["val_loss"].append(_validate(model, validation, chosen.batch, tv))
        told["learning_rate"].append(optimizer.param_groups[0]["lr"])
        if verbose:
            print(
                f"Epoch {epoch + 1}/{chosen.epochs} - "
                + " - ".join(f"{name}: {of[-1]:.4g}" for name, of in told.items())
            )
        plateau.step(told["val_loss"][-1])
        if told["val_loss"][-1] < best[0]:
            best = told["val_loss"][-1], epoch, copy.deepcopy(model.state_dict())
        elif epoch - best[1] >= chosen.patience:
            break
    if best[2] is not None:
        model.load_state_dict(best[2])
    return model.eval().to("cpu"), told


def ready(training: Part, chosen: Setting, *, seed: int = 0) -> tuple[UNet, torch.optim.Optimizer]:
    """Return the network before its first step, on the GPU where there is one, and its optimizer."""
    torch.manual_seed(seed)
    scale = (float(training.images.mean()), float(training.images.std()) or 1.0)
    model = UNet(chosen.width, chosen.dropout, scale, mask_shares(training.masks))
    model.to("cuda" if gpu() else "cpu", memory_format=torch.channels_last)
    return model, torch.optim.Adam(model.parameters(), chosen.rate, eps=1e-7)


def one_epoch(
    step: Any,
    optimizer: torch.optim.Optimizer,
    given: Iterable[tuple[np.ndarray, np.ndarray]],
    tv: float,
    halves: Any = None,
) -> float:
    """Train with every batch that is given, and return their mean loss; `halves` scales the gradients of halves."""
    device = "cuda" if gpu() else "cpu"
    step.train()
    losses = []
    for images, masks in given:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.float16, enabled=device == "cuda"):
            logits = step(torch.from_numpy(images).to(device))
        value = loss_of(logits, torch.from_numpy(masks).to(device), tv)
        if halves is None:
            value.backward()
            optimizer.step()
        else:
            halves.scale(value).backward()
            halves.step(optimizer)
            halves.update()
        losses.append(value.detach())
    return float(torch.stack(losses).mean())


def _validate(model: UNet, part: Part, batch: int, tv: float) -> float:
    truth = torch.from_numpy(part.masks)
    found = torch.from_numpy(predict(model, part.images, batch))
    return float(functional.binary_cross_entropy(found, truth) + tv * total_variation(found))


def predict(model: UNet, images: np.ndarray, batch: int = 32) -> np.ndarray:
    """Return the probabilities of images, (n, size, size, 2)."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        made = [
            model(torch.from_numpy(images[start : start + batch]).to(device)).float().cpu()
            for start in range(0, len(images), batch)
        ]
    found: np.ndarray = torch.cat(made).numpy()
    return found
