"""Writes one page by public: header, parameters and an included part."""

from pathlib import Path

STUB = """---
title: "Public : {name}"
subtitle: "Retour à l'emploi des *{name}*"
author: "Équipe d'évaluation"
date: "3 novembre 2026"
banner: "Données synthétiques : aucun chiffre <réel> & aucune personne"
jupyter: python3
number-sections: true
format:
  html: default
  docx: default
  typst: default
---

```{{python}}
#| tags: [parameters]
public = "{name}"
territoire = "region-93"
```

{{{{< include /reports/_parts/public.qmd >}}}}
"""

folder = Path("pages/publics")
folder.mkdir(parents=True, exist_ok=True)
for name in ("jeunes", "seniors"):
    (folder / f"{name}.qmd").write_text(STUB.format(name=name), encoding="utf-8")
