"""Keep the machine-learning libraries off the network, and quiet.

They look for newer files and report usage by default. A worker runs with customers' data and must not talk to anyone, so
every entry point that loads a model calls ``stay_offline`` first. Their progress bars would fill the logs.
"""

from __future__ import annotations

import os
import sys

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def stay_offline() -> None:
    """Sets the environment, and, where the hub's client was imported before, the constants that it read from it."""
    os.environ.update(_SETTINGS)
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
        constants.HF_HUB_DISABLE_TELEMETRY = True  # type: ignore[attr-defined]


def hide_progress_bars() -> None:
    """Those that transformers draws while it reads and writes weights."""
    from transformers.utils import logging

    logging.disable_progress_bar()
