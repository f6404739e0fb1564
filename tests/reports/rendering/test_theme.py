"""The colours of the theme against the contrast that WCAG 2.1 asks of text (4.5 to 1, level AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = Path(__file__).parents[3] / "reports" / "theme" / "pacte.css"
NAMED = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", CSS.read_text(encoding="utf-8")))
PAIRS = re.findall(r"--strong: (#\w{6});\s*--pale: (#\w{6});", CSS.read_text(encoding="utf-8"))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_known() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("text", ["ink", "grey", "accent", "accent-strong"])
@pytest.mark.parametrize("ground", ["paper", "tint"])
def test_text_colours(text: str, ground: str) -> None:
    assert contrast(NAMED[text], NAMED[ground]) >= 4.5


def test_callouts_and_banner() -> None:
    assert len(PAIRS) == 5
    for strong, pale in PAIRS:
        assert contrast(strong, pale) >= 4.5
        assert contrast(NAMED["ink"], pale) >= 4.5


def test_nothing_is_imported() -> None:
    assert not re.search(r"@import|url\(|https?:", CSS.read_text(encoding="utf-8"))
