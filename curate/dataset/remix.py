"""Another mixture for a finished output: its recipe and its manifest are written again, and no shard is touched."""

from pathlib import Path
from typing import Any

from curate import recipe, settings
from curate.dataset import manifest
from curate.settings import SettingsError, Where
from curate.stage.claims import held
from curate.stage.parts import write_bytes


def remix(out: Path, assignments: tuple[str, ...]) -> dict[str, Any]:
    """Write the manifest of an output with `--set` assignments to its mixture on top, and return it.

    A preset among them starts anew: of the mixture before only the tokens and the stated qualities stay.
    """
    contract = manifest.read(out)
    with held(out):
        try:
            chosen = _assigned(contract["recipe"], assignments, out)
            mixed = manifest.mixed(contract, chosen, out)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"{out / 'manifest.json'}: malformed manifest: {error!r}") from None
        if (out / "recipe.toml").exists():
            write_bytes(out / "recipe.toml", mixed["recipe"].encode())
        manifest.write(mixed, out)
        (out / "report.html").unlink(missing_ok=True)  # it shows the mixture from before
    return mixed


def _assigned(text: str, assignments: tuple[str, ...], out: Path) -> recipe.Recipe:
    table = settings.parse_toml(text, f"the recipe of {out}")
    parsed = [settings.parse_assignment(assignment) for assignment in assignments]
    if ("mixture", "preset") in [path for path, _ in parsed]:
        before = table.get("mixture", {})
        table["mixture"] = {name: before[name] for name in ("tokens", "quality") if name in before}
    for assignment, (path, value) in zip(assignments, parsed, strict=True):
        if path[0] != "mixture" and (path[0], path[2:]) != ("sources", ("weight",)):
            raise SettingsError(
                f"--set {assignment}: a mixture changes mixture.* and sources.NAME.weight, nothing else"
            )
        if path[0] == "sources" and path[1] not in table.get("sources", {}):
            raise SettingsError(f"--set {assignment}: the recipe of {out} has no source {path[1]!r}")
        table = settings.assign(table, path, value)
    return recipe.from_table(table, Where("the mixture", ""))
