"""Calls pandoc: Markdown to its JSON tree, and the tree to a format.

What comes from cells is read without raw HTML, raw attributes or HTML containers, so that a label
such as `<script>` stays the text it is. Any warning of pandoc is an error here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pypandoc

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering.source import Page
from pacte_eval.reports.rendering.tree import Node

SOURCE = "markdown-yaml_metadata_block"
DATA = SOURCE + (
    "-raw_html-raw_tex-raw_attribute-native_divs-native_spans-markdown_in_html_blocks-latex_macros"
    "-auto_identifiers"
)
# The date written inside docx and PDF files: by default 1980-01-01, the first that docx can hold
EPOCH = os.environ.get("SOURCE_DATE_EPOCH", "315532800")


def run(arguments: Sequence[str], text: str, what: str, folder: Path | None = None) -> bytes:
    """Standard output of pandoc given `text`; its message is raised, be it only a warning."""
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), *arguments],
        input=text.encode(),
        capture_output=True,
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
    )
    complaint = " ".join(done.stderr.decode().split())
    if done.returncode or "[WARNING]" in complaint:
        raise InputError(f"{what}: pandoc: {complaint.replace('[WARNING] ', '')}")
    return done.stdout


def read(text: str, what: str, reader: str = SOURCE) -> Node:
    """The tree of a Markdown text; pipe tables keep natural widths however long their lines."""
    tree: Node = json.loads(run(["-f", reader, "-t", "json", "--columns=10000"], text, what))
    return tree


def read_inlines(text: str, what: str) -> list[Node]:
    """Inlines of one line of Markdown: a caption, a title, an inline value."""
    line = text.replace("\n", " ")
    [paragraph] = read(f"x {line}", what, DATA)["blocks"]  # "x" lest "1. a" begin a list
    return list(paragraph["c"][2:])


def write(document: Node, to: str, arguments: Sequence[str], page: Page, folder: Path) -> bytes:
    """The tree in the format `to`, its citations resolved by citeproc."""
    command = ["-f", "json", "-t", to, "--wrap=none", "--syntax-highlighting=none", "--citeproc"]
    bibliography = page.project.declared(page.project.config, "bibliography")
    if bibliography:
        shutil.copy(bibliography, folder)  # its address would be written in the Word file
        command += [f"--bibliography={bibliography.name}"]
    whole = json.dumps(document, ensure_ascii=False)
    return run([*command, *arguments], whole, page.name, folder)
