"""A protocol is frozen once, amended in the open, and keeps confidential estimates sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import write_project
from pacte_eval.definitions.project import Project
from pacte_eval.diagnostics import Verdicts
from pacte_eval.results import ResultSet
from pacte_eval.studies import run_study
from pacte_eval.studies.protocol import freeze, read_protocol, record_override
from pacte_eval.studies.seal import history_of, seal_of

STUDY = "nsw-lalonde"
FIRST, BETWEEN, LATER = date(2026, 1, 15), date(2026, 2, 1), date(2026, 3, 2)
Edit = Callable[[str, Callable[[dict], None]], None]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_project(tmp_path / "etude")
    return Project(tmp_path / "etude")


@pytest.fixture
def edit(project: Project) -> Edit:
    def edited(relative: str, change: Callable[[dict], None]) -> None:
        path = project.root / relative
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    return edited


def confidential(edit: Edit) -> None:
    edit(f"studies/{STUDY}/persons.yml", lambda d: d.update(nature="confidential"))


def demanding(edit: Edit, size: int) -> None:
    edit(
        f"studies/{STUDY}/study.yml",
        lambda d: d.update(thresholds={"min_effective_size": size}),
    )


def test_a_plan_says_what_was_declared(project: Project) -> None:
    plan = freeze(project, "certifiante-2019", today=FIRST).read_text(encoding="utf-8")
    assert plan.startswith("# Plan d'analyse\u00a0: Se former pour obtenir une certification")
    for words in (
        "«\u202fEmploi salarié privé le dernier jour du mois\u202f», mois +24",
        "caliper de 0,2 écart type",
        "mois −24 à −7",
        "−6 à −1",
        "au moins 80\u202f% des personnes formées",
        "Publics\u00a0: ",
        "sous main de justice",
        "2026-01-15\u00a0: gel",
        "zones.csv",
        "Premières entrées en formation certifiante, 2019.",
    ):
        assert words in plan, words


def test_a_plan_says_what_will_try_the_effect(project: Project) -> None:
    plan = freeze(project, "primo-entrants-comite", today=FIRST).read_text(encoding="utf-8")
    for words in (
        "Autre estimateur\u00a0: équilibrage entropique des moyennes.",
        "Sans le bloc «\u202fMétier\u202f»",
        "6\u202f631\u202f€ par parcours",
        "effets plantés de 0,0, 10,0 points",
        "Le travail à temps plein d'avant l'entrée ne peut pas dépendre de la formation.",
        "des lieux\u00a0: qpv, infra-bac.",
    ):
        assert words in plan, words


def test_freezing_again_changes_nothing(project: Project) -> None:
    freeze(project, STUDY, today=FIRST)
    path = project.root / "studies" / STUDY / "protocol.yml"
    before = path.read_bytes()
    freeze(project, STUDY, today=LATER)
    assert path.read_bytes() == before


def test_what_changed_needs_its_reason(project: Project, edit: Edit) -> None:
    freeze(project, STUDY, today=FIRST)
    with pytest.raises(InputError, match="no amendment"):
        freeze(project, STUDY, amend="rien", today=LATER)
    demanding(edit, 50)
    with pytest.raises(InputError, match=r"study\.yml changed.*--amend"):
        freeze(project, STUDY, today=LATER)
    plan = freeze(project, STUDY, amend="Seuil | <b>relevé</b>", today=LATER)
    protocol = read_protocol(project, STUDY)
    assert protocol is not None
    (amendment,) = protocol.amendments
    assert (amendment.date, amendment.changed) == (LATER, ("study.yml",))
    assert protocol.current == amendment.hash != protocol.hash
    text = plan.read_text(encoding="utf-8")
    assert "2026-03-02\u00a0: amendement" in text
    assert "<b>" not in text


def test_every_declaration_is_under_the_hash(project: Project, edit: Edit) -> None:
    freeze(project, "certifiante-2019", today=FIRST)
    edit("cohorts/publics/infra-bac.yml", lambda d: d.update(label="Autre"))
    edit("cohorts/entrants-2019.yml", lambda d: d["controls"].update(seed=1))
    zones = project.root / "cohorts/territories/zones.csv"
    zones.write_text(zones.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"cohort\.yml, public-infra-bac\.yml, zones\.csv"):
        freeze(project, "certifiante-2019")


def test_a_protocol_edited_by_hand_is_refused(project: Project, edit: Edit) -> None:
    freeze(project, STUDY, today=FIRST)
    edit(f"studies/{STUDY}/protocol.yml", lambda d: d["files"].update({"study.yml": "0" * 64}))
    with pytest.raises(InputError, match="edited by hand"):
        read_protocol(project, STUDY)


def test_amending_or_overriding_nothing_is_refused(project: Project) -> None:
    with pytest.raises(InputError, match="no protocol to amend"):
        freeze(project, STUDY, amend="x")
    with pytest.raises(InputError, match="no protocol"):
        record_override(project, STUDY, "x")
    freeze(project, STUDY)
    with pytest.raises(InputError, match="its reason"):
        record_override(project, STUDY, "  ")


def verdicts(*words: str) -> Verdicts:
    return Verdicts(
        pd.DataFrame(
            {
                "diagnostic": [f"contrôle {place}" for place in range(len(words))],
                "value": 0.0,
                "threshold": 0.0,
                "verdict": list(words),
                "sentence": "",
            }
        )
    )


@pytest.mark.parametrize("word", ["fail", "non concluant", "non testable"])
def test_confidential_estimates_are_sealed_unless_all_is_favourable(word: str) -> None:
    assert (
        seal_of("confidential", verdicts("pass", "warning"), None).state == "contrôles favorables"
    )
    seal = seal_of("confidential", verdicts("pass", word), None)
    assert seal.closed
    assert "contrôle 1" in seal.sentence
    assert "contrôle 0" not in seal.sentence


@pytest.mark.parametrize("nature", ["synthetic", "public"])
def test_open_data_are_never_sealed_and_say_what_is_unfavourable(nature: str) -> None:
    seal = seal_of(nature, verdicts("fail"), None)  # type: ignore[arg-type]
    assert seal.state == "ouvert"
    assert "contrôle 0" in seal.sentence


def test_an_override_holds_for_the_protocol_it_was_given_for(project: Project, edit: Edit) -> None:
    freeze(project, STUDY, today=FIRST)
    protocol = record_override(project, STUDY, "Le comité en a débattu.", BETWEEN)
    seal = seal_of("confidential", verdicts("fail"), protocol)
    assert seal.state == "dérogation"
    assert "Le comité en a débattu." in seal.sentence
    demanding(edit, 50)
    freeze(project, STUDY, amend="Seuil", today=LATER)
    amended = read_protocol(project, STUDY)
    assert amended is not None
    assert seal_of("confidential", verdicts("fail"), amended).closed
    events = list(history_of(amended, seal)["event"])
    assert events == ["gel", "dérogation", "amendement", "dérogation"]


def test_confidential_data_are_not_opened_without_their_protocol(
    project: Project, edit: Edit
) -> None:
    confidential(edit)
    with pytest.raises(InputError, match=r"persons\.yml.*no protocol: run pacte protocol"):
        run_study(project, STUDY)
    freeze(project, STUDY)
    demanding(edit, 50)
    with pytest.raises(InputError, match=r"study\.yml changed since the protocol"):
        run_study(project, STUDY)
    assert not (project.root / "results").exists()


@pytest.mark.slow
def test_sealed_estimates_are_neither_computed_nor_written(
    project: Project, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    confidential(edit)
    freeze(project, STUDY, today=FIRST)

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("an effect was estimated behind the seal")

    with monkeypatch.context() as patch:
        patch.setattr("pacte_eval.studies.analysis.estimate", computed)
        sealed = ResultSet.open(run_study(project, STUDY))
    assert not {"effects", "windows", "bounds", "benchmark", "truth"} & set(sealed.tables)
    assert {"balance", "support", "verdicts", "flow", "protocol"} <= set(sealed.tables)
    state = sealed.table("protocol").frame.iloc[-1]
    assert state["event"] == "scellé"
    assert "placebo" in state["reason"]
    assert "protocol.yml" in sealed.definitions
    assert sealed.run_log["design_attempts"] == 1

    opened = ResultSet.open(run_study(project, STUDY, override="Données d'essai."))
    assert "effects" in opened.tables
    assert opened.table("protocol").frame.iloc[-1]["event"] == "dérogation"
    assert opened.run_log["design_attempts"] == 2
    journal = yaml.safe_load(
        (project.root / "studies" / STUDY / "journal.yml").read_text(encoding="utf-8")
    )
    assert [attempt["state"] for attempt in journal] == ["scellé", "dérogation"]
    assert journal[0]["verdicts"]["placebo"] == "non testable"


def test_an_override_of_nothing_is_refused(project: Project) -> None:
    with pytest.raises(InputError, match="nothing is sealed"):
        run_study(project, STUDY, override="x")
