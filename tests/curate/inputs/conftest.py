"""The fixture that the tests of files of the user's own share."""

import pytest

from curate.inputs.rows import numbered_rows


@pytest.fixture
def read(tmp_path):
    """Returns the rows of a file of this name and content."""

    def read_file(name, content, **options):
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(content)
        return [*numbered_rows(path, name=name, **options)]

    return read_file
