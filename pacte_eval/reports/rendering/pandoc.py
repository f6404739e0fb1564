"""Calls pandoc: Markdown to its JSON tree, and the tree to a format.

What comes from cells is read without raw HTML, raw attributes or HTML containers, so that a label
such as `<script>` stays the text it is. Any warning of pandoc is an error here.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pypandoc

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import tree
from pacte_eval.reports.rendering.tree import Node

SOURCE = "markdown-yaml_metadata_block"
DATA = SOURCE + (
    "-raw_html-raw_tex-raw_attribute-native_divs-native_spans-markdown_in_html_blocks-latex_macros"
)
EPOCH = "315532800"  # 1980-01-01, the first date a docx archive can hold
NEXT_OUTPUT = "pacte-next-output"
MARKUP = re.compile(r"[*_`\[\]$^~\\<>@&'\"|{}#!]|--|\.\.\.|://")


def source_date_epoch() -> str:
    """Date written inside docx and PDF files, in seconds, the same for the same inputs."""
    return os.environ.get("SOURCE_DATE_EPOCH", EPOCH)


def run(arguments: Sequence[str], text: str, what: str, folder: Path | None = None) -> bytes:
    """Standard output of pandoc given `text`.

    Raises
    ------
    InputError
        With pandoc's own message, on an error or a warning.
    """
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), *arguments],
        input=text.encode(),
        capture_output=True,
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": source_date_epoch()},
    )
    complaint = " ".join(done.stderr.decode().split())
    if done.returncode or "[WARNING]" in complaint:
        raise InputError(f"{what}: pandoc: {complaint.replace('[WARNING] ', '')}")
    return done.stdout


def read(text: str, what: str, reader: str = SOURCE) -> Node:
    """The tree of a Markdown text; pipe tables keep natural widths however long their lines."""
    tree: Node = json.loads(run(["-f", reader, "-t", "json", "--columns=10000"], text, what))
    return tree


def read_outputs(texts: Sequence[str], what: str) -> list[list[Node]]:
    """Blocks of each text, read in one call unless one runs into the next."""
    if not texts:
        return []
    parts: list[list[Node]] = [[]]
    for block in read(f"\n\n{NEXT_OUTPUT}\n\n".join(texts), what, DATA)["blocks"]:
        if block == tree.para([tree.text(NEXT_OUTPUT)]):
            parts.append([])
        else:
            parts[-1].append(block)
    if len(parts) == len(texts):
        return parts
    return [read(text, what, DATA)["blocks"] for text in texts]


@functools.lru_cache(maxsize=4096)
def read_inlines(text: str, what: str) -> tuple[Node, ...]:
    """Inlines of a short Markdown text: a caption, a title, an inline value."""
    if not MARKUP.search(text):
        return tuple(plain_inlines(text))
    blocks = read(f"x {' '.join(text.split())}", what, DATA)["blocks"]
    if len(blocks) != 1 or blocks[0]["t"] != "Para":
        raise InputError(f"{what}: expected a single line of Markdown, not: {text[:60]}")
    return tuple(blocks[0]["c"][2:])


def plain_inlines(text: str) -> list[Node]:
    """Words of a text that is not read as Markdown."""
    parts = [part for part in re.split(r"([ \n\t]+)", text) if part]
    return [tree.SPACE if part.isspace() else tree.text(part) for part in parts]


def write(
    document: Node,
    to: str,
    arguments: Sequence[str],
    settings: dict[str, Any],
    what: str,
    folder: Path,
) -> bytes:
    """The tree in the format `to`, its citations resolved by citeproc.

    Raises
    ------
    InputError
        When it cites and no bibliography is declared, or the work is not in it.
    """
    command = ["-f", "json", "-t", to, "--wrap=none", "--syntax-highlighting=none", *arguments]
    if any(node["t"] == "Cite" for node in tree.walk(document["blocks"])):
        if not settings.get("bibliography"):
            raise InputError(f"{what}: it cites a work but declares no bibliography")
        command += ["--citeproc"]
        command += [f"--bibliography={path}" for path in settings["bibliography"]]
        command += [f"--csl={path}" for path in settings.get("csl", [])]
    return run(command, json.dumps(document, ensure_ascii=False), what, folder)
