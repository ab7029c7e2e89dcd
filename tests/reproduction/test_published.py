"""Tables as data: every file is read, says what the page about the method says, and damage is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.metrics.scoring import choose
from engine.reproduction import published
from engine.reproduction.published import Figure, read_table, table_names

METHOD = Path(__file__).parents[2] / "docs" / "method.md"
HEADINGS = {"table1": "### Table 1 (ICML, dSprites)", "table3": "### Table 3 (choosing a model)"}
NAMES_ON_THE_PAGE = {
    "FactorVAE, quoted": "FactorVAE (quoted)",
    "InfoGAN (modified)": "InfoGAN (modified), 50 runs",
    "InfoGAN-CR": "InfoGAN-CR, 50 runs",
}


def on_the_page(heading: str) -> dict[str, list[Figure | None]]:
    """The numbers of a table of docs/method.md by the name of their row."""
    lines = METHOD.read_text().partition(f"{heading}\n")[2].partition("\n### ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]
    return {name: [figure(cell) for cell in cells] for name, *cells in rows}


def figure(cell: str) -> Figure | None:
    numbers = [float(number) for number in re.findall(r"\.\d+", cell)]
    return Figure(*numbers) if numbers else None


@pytest.mark.parametrize("name", HEADINGS)
def test_the_numbers_are_those_of_the_page_about_the_method(name: str) -> None:
    table, page = read_table(name), on_the_page(HEADINGS[name])
    ours = {
        NAMES_ON_THE_PAGE.get(row.title, row.title): [row.paper.get(column) for column in table.columns]
        for row in table.rows
    }
    assert page
    assert {title: ours[title] for title in page} == page


def test_the_pick_in_table_1_has_the_numbers_of_table_3() -> None:
    (pick,) = [row for row in read_table("table1").rows if row.selector]
    (same,) = [row for row in read_table("table3").rows if row.title == pick.title]
    assert pick.paper == same.paper


@pytest.mark.parametrize("name", table_names())
def test_every_column_is_a_score_and_every_row_says_what_it_is(name: str) -> None:
    table = read_table(name)
    choose(list(table.columns.values()))
    for row in table.rows:
        assert row.trainings or row.note, f"{row.name} has nothing to train and does not say why"
        assert row.quoted or row.trainings


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"no table 'table2' .tables: 3dteapots, table1, table3"):
        read_table("table2")
    with pytest.raises(InputError, match=r"no row 'gan' .rows: vae, beta-tcvae"):
        read_table("table1").choose(["infogan-cr", "gan"])
    with pytest.raises(InputError, match=r"no table '\.\./x'"):
        read_table("../x")


WHOLE = """
title = "A table"
data = "minisprites"
images = 10
image_shape = [8, 8, 1]
protocol = "paper"
columns = { mig = "mig" }
[trainings.one]
method = "vae"
preset = "quick"
[[rows]]
name = "first"
title = "First"
training = "one"
paper = { mig = 0.5 }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A table"', "title = ", "cannot be used"),
        ("images = 10", "images = 0", "images: "),
        ('training = "one"', 'training = "two"', "row 'first' names training 'two'"),
        ("mig = 0.5", "sap = 0.5", "row 'first' has a number in column 'sap'"),
        ("mig = 0.5", 'mig = "high"', "rows.0.paper.mig"),
        ("mig = 0.5", "mig = nan", "rows.0.paper.mig"),
        ('training = "one"', 'pool = ["one"]', "a pool and a selector"),
        ('method = "vae"', "", "either a method and a preset"),
        ("[[rows]]", '[[rows]]\nname = "first"\ntitle = "Again"\n[[rows]]', "two rows have the same name"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    (tmp_path / "mine.toml").write_text(WHOLE)
    assert read_table("mine").rows[0].paper["mig"] == Figure(0.5)
    assert old in WHOLE
    (tmp_path / "mine.toml").write_text(WHOLE.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "mine.toml"))) as raised:
        read_table("mine")
    assert said in str(raised.value)
