"""Figures: pure functions from a tidy frame to a matplotlib figure, one house style.

Each figure has a sibling `describe_…` that says in French what it shows, for those who do not see
it. `to_svg` and `to_png` write a figure with the same bytes every time.
"""

from pacte_eval.figures.balance import (
    describe_love_plot,
    describe_overlap_plot,
    love_plot,
    overlap_plot,
)
from pacte_eval.figures.coverage import coverage_by_month, describe_coverage_by_month
from pacte_eval.figures.effects import describe_effect_paths, effect_paths
from pacte_eval.figures.flow import describe_flow_chart, flow_chart
from pacte_eval.figures.forest import describe_forest, forest
from pacte_eval.figures.paths import (
    describe_effect_path,
    describe_levels_path,
    effect_path,
    levels_path,
)
from pacte_eval.figures.style import to_png, to_svg

__all__ = [
    "coverage_by_month",
    "describe_coverage_by_month",
    "describe_effect_path",
    "describe_effect_paths",
    "describe_flow_chart",
    "describe_forest",
    "describe_levels_path",
    "describe_love_plot",
    "describe_overlap_plot",
    "effect_path",
    "effect_paths",
    "flow_chart",
    "forest",
    "levels_path",
    "love_plot",
    "overlap_plot",
    "to_png",
    "to_svg",
]
