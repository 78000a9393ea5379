"""Writes report.html: one static file with the counts of each stage, the sources, and kept and rejected documents."""

import base64
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.inspection import funnel, pairs, signals
from curate.stage.claims import check_own
from curate.stage.parts import part_name
from curate.stage.record import read_stage
from curate.storage.writing import sealed_page, unsealed, write_bytes

PER_REASON = 3  # documents
KEPT = 8  # documents
PAIRS = 5  # near duplicates that are shown beside what was kept
SNIPPET = 600  # characters
PARTS = 4  # samples come from the first parts only, so that the report of a large dataset is quick

Row = dict[str, Any]


def write(out: Path) -> Path:
    """Writes the report of a run folder and returns its path; SettingsError where another file has its name."""
    check_own(out / "report.html")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("curate.inspection", ""), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        summary=funnel.summary(out),
        rejected=rejected_samples(out),
        kept=kept_samples(out),
        training=training(out),
        signals=signals.histograms(out),
        shown=signals.shown,
        contamination=funnel.contamination(out),
        removals=funnel.removals(out),
        pairs=removed_pairs(out),
        share=lambda part, whole: 100 * part / whole if whole else 0,
    )
    path = out / "report.html"
    write_bytes(path, sealed_page(page.encode("utf-8", "replace")))
    return path


def rejected_samples(out: Path) -> dict[str, list[Row]]:
    """Returns up to PER_REASON rejected documents for each reason, with the text that the stage read, if any."""
    samples: dict[str, list[Row]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for folder in funnel.stage_folders(out).values():
        record = read_stage(folder)
        for item in record.items[:PARTS]:
            name = part_name(item.number, "rejected")
            if name not in record.outputs:
                continue
            rejected, numbers = pq.read_table(storage.source(folder / name)), []
            for number, reason in enumerate(rejected["reason"].to_pylist()):
                counts[reason] += 1
                if counts[reason] <= PER_REASON:
                    numbers.append(number)
            chosen = rejected.take(pa.array(numbers, pa.int64())).to_pylist()
            source = item.base_uri or (item.uri if item.form == "part" else "")
            texts = _texts(storage.join(folder, source), [row["id"] for row in chosen]) if source else {}
            for row in chosen:
                samples[row["reason"]].append({**row, "text": texts.get(row["id"], "")[:SNIPPET]})
    return dict(samples)


def removed_pairs(out: Path) -> list[pairs.Pair]:
    """Returns up to PAIRS near duplicates of the sample that dedup has judged, beside what was kept."""
    removals = funnel.removals(out)
    return [*pairs.of_sample(funnel.stage_folders(out)["dedup"], removals["pairs"], PAIRS)] if removals else []


def kept_samples(out: Path) -> list[Row]:
    """Returns the first KEPT tokenized documents in the global order, which is drawn by hash: a random few."""
    folders = funnel.stage_folders(out)
    rows: list[Row] = []
    if "tokenize" not in folders:
        return rows
    record = read_stage(folders["tokenize"])
    for item in record.items[:PARTS]:
        path = storage.source(folders["tokenize"] / part_name(item.number))
        names = [name for name in pq.read_schema(path).names if name != "ids"]
        part = pq.read_table(path, columns=names)
        chosen = part.sort_by("order").slice(0, KEPT).to_pylist()
        texts = _texts(storage.join(folders["tokenize"], item.base_uri or item.uri), [row["id"] for row in chosen])
        rows += [{**row, "text": texts.get(row["id"], "")[:SNIPPET]} for row in chosen]
    return sorted(rows, key=lambda row: row["order"])[:KEPT]


def _texts(part: Path, ids: list[bytes]) -> dict[bytes, str]:
    """Returns the texts of these documents of a part by id."""
    if not ids or not part.name.endswith(".parquet"):
        return {}
    table = pq.read_table(storage.source(part), columns=["id", "text"], filters=pc.field("id").isin(ids))
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


def training(out: Path) -> Row | None:
    """Returns the content of train.json with the curve as base64, or None where nothing was trained here."""
    try:
        outcome: Row = unsealed((out / "train" / "train.json").read_bytes())
        outcome["curve"] = base64.b64encode((out / "train" / "loss.png").read_bytes()).decode()
    except (OSError, ValueError):
        return None
    return outcome
