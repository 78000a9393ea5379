"""`curate status` names an output that cannot be gone on with."""

import json

from curate.inspection import status


def test_an_open_stage_of_an_older_form_is_not_said_to_resume(tmp_path):
    plan = {"format": "curate.plan", "version": 3, "stage": "filter", "settings": {}, "items": []}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    shown = status.of(tmp_path)
    assert [stage.state for stage in shown.stages] == ["older"]
    text = "\n".join(status.lines(shown))
    assert f"older: {tmp_path}: made by an older version of curate; make it anew, in another folder" in text
    assert text.endswith("no command of this version resumes it")
