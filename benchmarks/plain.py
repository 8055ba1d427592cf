"""A plain torchvision script that trains a network on a folder of images, as its reference scripts do it.

Usage: python benchmarks/plain.py FOLDER [NETWORK] [--epochs N] [--batch-size N] [--keep-workers]

FOLDER holds a folder of images for each class. This is what someone would write who starts from pytorch/vision's
references/classification: a DataLoader whose workers decode and augment, float32, Adam. Nothing of norrsken is in it.
Prints the images a second of each epoch, loading included. The references start the workers anew in every epoch;
--keep-workers keeps them.
"""

import argparse
import os
import time
from typing import Any

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import InterpolationMode, v2

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_data(folder: str, batch_size: int, keep_workers: bool) -> DataLoader[Any]:
    """The images of a folder in batches: flipped, turned by up to 10°, made brighter or darker by up to 10 %."""
    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(10, interpolation=InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.1),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return DataLoader(
        torchvision.datasets.ImageFolder(folder, transform),
        batch_size,
        shuffle=True,
        num_workers=min(len(os.sched_getaffinity(0)), 8),
        pin_memory=torch.cuda.is_available(),
        persistent_workers=keep_workers,
    )


def train_one_epoch(
    model: nn.Module, data: DataLoader[Any], optimizer: torch.optim.Optimizer, device: torch.device
) -> float:
    """One pass over all images; the mean loss."""
    model.train()
    criterion, total, seen = nn.CrossEntropyLoss(), 0.0, 0
    for images, targets in data:
        images, targets = images.to(device), targets.to(device)  # noqa: PLW2901
        loss = criterion(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
        seen += len(targets)
    return total / seen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("network", nargs="?", default="resnet18")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--keep-workers", action="store_true")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load_data(arguments.folder, arguments.batch_size, arguments.keep_workers)
    images = torchvision.datasets.ImageFolder(arguments.folder)
    model = torchvision.models.get_model(arguments.network, weights=None, num_classes=len(images.classes)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, arguments.epochs + 1):
        start = time.perf_counter()
        loss = train_one_epoch(model, data, optimizer, device)
        print(f"epoch {epoch}: {len(images) / (time.perf_counter() - start):.1f} images/s, loss {loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
