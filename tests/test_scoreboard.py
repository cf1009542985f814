"""The scoreboard: the list of claims is complete, and verdicts follow from what is recorded."""

import csv
import re
from collections import Counter

import pytest

from lib import paths
from lib.studies import claims, records, scoreboard
from lib.studies.scoreboard import CLOSE, DIFFERENT, IMPOSSIBLE, NOT_RUN, SAME

CLAIMS = scoreboard.claims()
BY_ID = {claim["id"]: claim for claim in CLAIMS}
FIGURES, TABLES, EQUATIONS = 15, 3, 16
"""Of the paper."""


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of records of our own: write(name, result, profile)."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)

    def write(name, result, profile="full", **data):
        path = tmp_path / profile / f"{name}.json"
        records.write(path, result, profile=profile, data=data, seed=0, seconds=1)

    return write


# The list of claims


def numbers_of(kind):
    """What the column ``item`` names: "Figures 8, 9" has 8 and 9, "eqs. 13 to 16" all four."""
    found = set()
    for claim in CLAIMS:
        if re.match(kind, claim["item"]):
            named = [int(number) for number in re.findall(r"\d+", claim["item"])]
            found |= set(range(named[0], named[-1] + 1)) if " to " in claim["item"] else set(named)
    return found


def test_every_figure_table_and_equation_of_the_paper_has_a_claim():
    assert numbers_of("Figure") == set(range(1, FIGURES + 1))
    assert {claim["item"] for claim in CLAIMS if claim["kind"] == "figure"} >= {f"Figure {n}" for n in range(1, 16)}
    assert numbers_of("Table") == set(range(1, TABLES + 1))
    assert numbers_of(r"eqs?\.") == set(range(1, EQUATIONS + 1))


def test_ids_are_unique_and_kinds_known():
    assert len(BY_ID) == len(CLAIMS) > 100
    assert {claim["kind"] for claim in CLAIMS} == set(scoreboard.KINDS)


def test_every_claim_is_either_computed_or_judged():
    judged = {claim["id"] for claim in CLAIMS if claim["judged"]}
    assert judged | claims.READERS.keys() == BY_ID.keys()
    assert not judged & claims.READERS.keys()
    assert all(claim["reason"].strip().endswith((".", "?")) for claim in CLAIMS)


def test_only_figures_and_statements_are_judged_and_by_eye_with_a_figure():
    for claim in CLAIMS:
        if claim["judged"]:
            assert claim["kind"] in ("figure", "statement"), claim["id"]
        if claim["seen"]:
            assert claim["judged"] in (SAME, CLOSE, DIFFERENT), claim["id"]
            assert claim["figure"], claim["id"]
        elif claim["judged"]:
            assert claim["judged"] in (IMPOSSIBLE, NOT_RUN), claim["id"]


def test_numbers_and_measured_statements_have_a_tolerance_but_settings_none():
    for claim in CLAIMS:
        assert bool(claim["value"]) == (claim["kind"] in ("table", "number", "setting")), claim["id"]
        assert bool(claim["tolerance"]) == (not claim["judged"] and claim["kind"] != "setting"), claim["id"]


def test_chapters_and_figures_exist():
    for claim in CLAIMS:
        chapter = paths.BOOK / f"{claim['chapter']}.md"
        assert chapter.exists(), claim["id"]
        names = re.findall(r"^ *:?name: (\S+)$", chapter.read_text(), re.MULTILINE)
        assert not claim["figure"] or claim["figure"] in names, claim["id"]


def test_the_numbers_are_those_of_the_papers_tables():
    with open(paths.PAPER / "table2.csv", newline="") as table:
        for row in csv.DictReader(table):
            for measure in ("accuracy", "loss"):
                printed = "; ".join(row[f"{part}_{measure}"] for part in ("train", "validation", "test"))
                assert BY_ID[f"table-2-{row['network']}-{measure}"]["value"] == printed
            assert BY_ID[f"table-2-{row['network']}-size"]["value"] == row["size_mb"]
    with open(paths.PAPER / "table3.csv", newline="") as table:
        for row in csv.DictReader(table):
            claim = BY_ID[f"table-3-{row['image']}-{row['method']}".lower()]
            assert claim["value"] == "; ".join(row[metric] for metric in claims.METRICS)


# Verdicts


@pytest.mark.parametrize(
    ("found", "printed", "tolerance", "word"),
    [
        (0.9589, "0.958", "0.02", SAME),  # rounded or cut off to the printed digits
        (0.9571, "0.958", "0.02", SAME),
        (0.9595, "0.958", "0.02", CLOSE),
        (0.978, "0.958", "0.02", CLOSE),
        (0.9781, "0.958", "0.02", DIFFERENT),
        (110, "100", "10 %", CLOSE),
        (110.1, "100", "10 %", DIFFERENT),
        (90, "100", "10 %", CLOSE),
        (-0.125, "-0.125", "10 %", SAME),
        (-0.2, "-0.125", "10 %", DIFFERENT),
        (float("nan"), "0.5", "0.02", DIFFERENT),
        ([0.5, 0.6], "0.5; 0.6", "0.02", SAME),
        ([0.50, 0.63], "0.50; 0.62", "0.02", CLOSE),
        ([0.50, 0.9], "0.50; 0.62", "0.02", DIFFERENT),
    ],
)
def test_numbers_are_compared_with_the_tolerance(found, printed, tolerance, word):
    assert scoreboard.compare_numbers(found, printed, tolerance).word == word


def test_a_setting_is_the_same_only_if_it_is_equal():
    assert scoreboard.compare_numbers(7.4, "7", "10 %").word == SAME
    assert scoreboard.compare_numbers(7.4, "7").word == DIFFERENT
    assert scoreboard.compare_numbers(1e-7, "1e-8").word == DIFFERENT
    assert scoreboard.compare_numbers(7, "7").word == SAME


def test_as_many_numbers_as_printed_are_needed():
    with pytest.raises(ValueError, match="zip"):
        scoreboard.compare_numbers([1.0], "1; 2", "10 %")


@pytest.mark.parametrize(("holding", "word"), [(10, SAME), (9, CLOSE), (8, CLOSE), (7, DIFFERENT), (0, DIFFERENT)])
def test_a_statement_is_close_if_most_cases_hold(holding, word):
    verdict = scoreboard.compare_cases([True] * holding + [False] * (10 - holding), "20 %")
    assert (verdict.word, verdict.found) == (word, f"{holding} of 10")


def test_nothing_measured_is_not_run():
    assert scoreboard.compare_cases([], "20 %").word == NOT_RUN


# Verdicts from records


def training(accuracy, samples=392240):
    """A record as `lib.training` writes it."""
    last = {"samples": 1, "train_accuracy": 0.9956, "validation_accuracy": 0.9699, "train_loss": 0.0123}
    result = {"test": {"accuracy": accuracy, "loss": 0.161}, "history": [last | {"validation_loss": 0.1205}]}
    result |= {"samples_seen": 100 * samples, "recipe": {"batch": 128, "learning_rate": 0.001}}
    return result, {"samples": {"train": samples, "validation": 98040, "test": 49920}, "photos": 1000}


def test_a_full_run_would_be_read_and_judged(results):
    assert scoreboard.judge(BY_ID["accuracy"], "full").word == NOT_RUN
    result, data = training(0.9580)
    results("train_mobilenet_v2-paper", result, **data)
    results("table_2_mobilenet_v2", result, **data)
    read = "accuracy epochs samples-seen patches table-1-training table-1-testing photos batch learning-rate loss"
    for name in [*read.split(), "table-2-mobilenet_v2-accuracy", "table-2-mobilenet_v2-loss"]:
        assert scoreboard.judge(BY_ID[name], "full").word == SAME, name
        assert scoreboard.judge(BY_ID[name], "local").word == NOT_RUN, name


@pytest.mark.parametrize(("accuracy", "word"), [(0.9580, SAME), (0.97, CLOSE), (0.9, DIFFERENT)])
def test_a_changed_record_changes_the_verdict(results, accuracy, word):
    result, data = training(accuracy)
    results("train_mobilenet_v2-paper", result, "local", **data)
    assert scoreboard.judge(BY_ID["accuracy"], "local").word == word


def test_table_2_is_read_from_the_short_trainings(results):
    accuracy = {"mobilenet_v2": 0.8, "efficientnet_b0": 0.9, "nasnet_mobile": 0.7, "densenet121": 0.7}
    for network, value in accuracy.items():
        results(f"table_2_{network}", training(value)[0], "local")
    assert scoreboard.judge(BY_ID["table-2-mobilenet_v2-accuracy"], "local").word == DIFFERENT
    assert scoreboard.judge(BY_ID["shufflenet-worst"], "local").word == NOT_RUN  # one is missing
    results("table_2_shufflenet_v2", training(0.69)[0], "local")
    assert scoreboard.judge(BY_ID["shufflenet-worst"], "local") == scoreboard.Verdict(SAME, "4 of 4")
    assert scoreboard.judge(BY_ID["mobilenet-accurate"], "local") == scoreboard.Verdict(DIFFERENT, "3 of 4")


def test_a_row_of_table_3_takes_the_exact_qy_where_there_is_no_other(results):
    printed = [float(number) for number in BY_ID["table-3-book-gfdf"]["value"].split(";")]
    found = dict(zip(claims.METRICS, printed, strict=True))
    results("table3", {"Book": {"gfdf": found | {"QY": float("nan"), "QY exact": found["QY"]}}}, "local")
    assert scoreboard.judge(BY_ID["table-3-book-gfdf"], "local").word == SAME


def test_readings_that_differ_in_accuracy_are_told(results):
    matrix = {"a": {"a": {"accuracy": 0.9}, "b": {"accuracy": 0}}, "b": {"b": {"accuracy": 0.5}}}
    results("kernel_support_spectrum_net_wide", {"matrix": matrix}, "local")
    assert scoreboard.judge(BY_ID["kernel"], "local") == scoreboard.Verdict(DIFFERENT, "1 of 2")


def test_photos_without_a_measure_are_left_out(results):
    photos = {
        "marked": {"gum": {"noise, marked": 6.0, "noise, blurred": 1.0}, "um": {"noise, marked": 3.0}},
        "far": {"gum": {"noise, blurred": 2.0}, "um": {"noise, blurred": 3.0}},
        "neither": {"gum": {"halo": 1.0}, "um": {"halo": 1.0}},
    }
    results("enhancement", {"real": photos}, "local")
    assert scoreboard.judge(BY_ID["gum-background"], "local").found == "1 of 2"


def test_what_was_seen_counts_in_that_profile_only():
    claim = BY_ID["fig-2"]
    assert scoreboard.judge(claim, "quick").found == "by eye"
    assert scoreboard.judge(claim, "local").word == NOT_RUN
    assert scoreboard.judge(BY_ID["deeplens"], "quick").word == IMPOSSIBLE


# The board


@pytest.fixture(scope="module")
def board():
    return scoreboard.board()


def test_every_claim_has_a_verdict_in_every_profile(board):
    for row in board:
        assert set(row["verdicts"]) == {"quick", "local", "full"}
        assert {verdict.word for verdict in row["verdicts"].values()} <= set(scoreboard.VERDICTS), row["id"]


def test_the_books_own_records_give_what_its_chapters_say(board):
    """Digits of Table 3, and statements that the chapters find wrong."""
    local = {row["id"]: row["verdicts"]["local"].word for row in board}
    assert local["table-3-cookie-gfdf"] == local["table-3-flower-gff"] == SAME
    assert local["gum-background"] == local["eq-12-far"] == local["photos"] == DIFFERENT


def test_equations_and_settings_hold_without_a_record(board):
    others = "eq-12-far", "threshold", "eq-3-camera"
    for row in board:
        if row["item"].startswith("eq") and not row["judged"] and row["id"] not in others:
            assert {verdict.word for verdict in row["verdicts"].values()} == {SAME}, row["id"]


def test_the_summary_counts_every_claim_once_a_profile(board):
    found = scoreboard.counts(board)
    for profile in ("any", "quick", "local", "full"):
        assert sum(sum(counter.values()) for (name, _), counter in found.items() if name == profile) == len(CLAIMS)
    assert "| local | figure |" in str(scoreboard.summary(board))


def test_the_table_links_every_claim_and_tells_profiles_that_agree_at_once(board):
    text = str(scoreboard.table(board))
    assert len(text.splitlines()) == len(CLAIMS) + 2
    assert text.count("{doc}`") == len(CLAIMS)
    step = next(line for line in text.splitlines() if line.startswith("| text | Step of the sliding window."))
    assert "**8 pixels** | **same** (8) | - |" in step
    assert all(line.count("|") == 7 for line in text.splitlines())


def test_the_data_of_the_table_has_no_markup(board):
    headings, *lines = scoreboard.table(board)._repr_mimebundle_()[1]["table"]
    assert len(lines) == len(board)
    for heading in ("It says", "Here", "Why", "Where"):
        assert not [line for line in lines if re.search(r"\*\*|`|\{doc|\{numref", line[headings.index(heading)])]
    assert [line for line in lines if r"$\lambda_{max}$" in line[headings.index("It says")]]
    where = [line[headings.index("Where")] for line in lines]
    assert [f"{row['chapter']}, {row['figure']}".removesuffix(", ") for row in board] == where


def test_the_overview_has_a_sign_for_every_claim(board):
    signs = Counter(text.get_text() for text in scoreboard.overview(board).axes[0].texts)
    assert sum(signs.values()) == len(CLAIMS)
    words = Counter(scoreboard.headline(row).word for row in board)
    assert {sign: words[word] for word, (sign, _) in scoreboard.VERDICTS.items() if words[word]} == dict(signs)


def test_a_verdict_that_rests_on_a_stale_record_says_so(results, monkeypatch):
    result, data = training(0.9580)
    results("train_mobilenet_v2-paper", result, "local", **data)
    told = str(scoreboard.judge(BY_ID["accuracy"], "local"))
    assert told == "**same** (0.9580), stale"
    monkeypatch.setattr(scoreboard.records, "is_stale", lambda record: False)
    assert str(scoreboard.judge(BY_ID["accuracy"], "local")) == "**same** (0.9580)"
    assert not scoreboard.judge(BY_ID["levels"], "local").stale  # of the code
