"""The command line of `scripts/rooms`: prints the picture of a checkout and, last, one JSON line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.picture.imports import read_checkout
from scripts.picture.picture import picture_of

CHECKOUT = Path(__file__).parents[2]
TOPS = ("server", "schemas", "storage", "scripts")


def main() -> None:
    parser = argparse.ArgumentParser("scripts/rooms", description="The picture of the imports of a checkout.")
    parser.add_argument("path", nargs="?", type=Path, default=CHECKOUT, help="a checkout; this one if none is given")
    try:
        picture = picture_of(read_checkout(parser.parse_args().path, TOPS))
    except ValueError as error:
        sys.exit(f"rooms: {error}")
    print(picture.as_text())
    print(picture.as_json())


if __name__ == "__main__":
    main()
