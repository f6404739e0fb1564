"""Reports: pages in French from result sets, by Quarto or by the embedded renderer."""

from pacte_eval.reports.page import Page, open_page

__all__ = ["Page", "open_page"]
