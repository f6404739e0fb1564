"""The figures of a page, and what each shows in words."""

from __future__ import annotations

from IPython.display import Markdown
from matplotlib.figure import Figure

from pacte_eval.figures import (
    describe_effect_path,
    describe_levels_path,
    describe_love_plot,
    effect_path,
    flow_chart,
    forest,
    levels_path,
    love_plot,
    overlap_plot,
)
from pacte_eval.reports.french import escape_markdown
from pacte_eval.reports.page import Page
from pacte_eval.results.schemas import LEVEL, RAW_GAP


def effects(page: Page) -> Figure:
    """Effect on the primary outcome by month."""
    truth = None
    if "truth" in page.results.tables:
        truth = page.here("truth").frame
    return effect_path(page.effects().frame, label="Effet sur l'emploi", truth=truth)


def levels(page: Page) -> Figure:
    """Employment of the treated and of their matched controls by month."""
    return levels_path(page.effects().frame)


def flow(page: Page) -> Figure:
    """The flow chart, the treated first."""
    return flow_chart(page.results.table("flow").frame, page.arms)


def balance(page: Page) -> Figure:
    """Standardised differences of the characteristics that differed most before matching."""
    return love_plot(page.most_different(), page.study.thresholds.max_smd)


def overlap(page: Page) -> Figure:
    """Where the scores of both arms lie."""
    return overlap_plot(page.here("overlap", design=LEVEL).frame)


def cells(page: Page) -> Figure:
    """The primary effect in every cell."""
    return forest(page.cell_rows())


def benchmark(page: Page) -> Figure:
    """Estimates beside the experiment."""
    frame = page.results.table("benchmark").frame
    low, high = frame["estimate"] - 1.96 * frame["se"], frame["estimate"] + 1.96 * frame["se"]
    shown = frame.assign(label=frame["source"], ci_low=low, ci_high=high)
    corrected = shown[shown["source"] != RAW_GAP]
    experiment = frame[frame["source"] == page.experiment_label()]["estimate"].iloc[0]
    return forest(corrected, unit="dollars", references={"Essai randomisé": experiment})


def reading(page: Page, figure: str) -> Markdown:
    """What a figure shows, in words, for those who do not see it and those who doubt."""
    words = {
        "effects": lambda: describe_effect_path(page.effects().frame),
        "levels": lambda: describe_levels_path(page.effects().frame),
        "balance": lambda: describe_love_plot(page.most_different()),
    }[figure]()
    return Markdown(f"*Lecture.* {escape_markdown(words)}")
