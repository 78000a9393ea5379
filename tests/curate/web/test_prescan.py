"""The encoding that a page names for itself is found as the HTML standard says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.web.prescan import HEAD_BYTES, declared_encoding

LATIN_2 = "iso8859-2"
NAMED = {
    "in quotes": '<meta charset="iso-8859-2">',
    "in single quotes": "<meta charset='iso-8859-2'>",
    "without quotes": "<meta charset=iso-8859-2>",
    "without quotes, closed": "<meta charset=iso-8859-2 />",
    "in capitals": '<META CHARSET="ISO-8859-2">',
    "behind a slash": "<meta/charset=iso-8859-2>",
    "on lines of their own": "<meta\n\tcharset\n=\n'iso-8859-2'\n>",
    "blanks around the label": '<meta charset=" iso-8859-2\t">',
    "by http-equiv": '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">',
    "by http-equiv, content first": '<meta content="text/html; charset=iso-8859-2" http-equiv="content-type">',
    "by http-equiv, quoted within": """<meta http-equiv=content-type content='text/html;charset="iso-8859-2"'>""",
    "by http-equiv, more behind": '<meta http-equiv=content-type content="x; charset = iso-8859-2; y=z">',
    "by http-equiv, charset without a value first": '<meta http-equiv=content-type content="charset charset=latin2">',
    "charset before http-equiv's": '<meta charset=latin2 http-equiv=content-type content="x; charset=gbk">',
    "the second meta tag": '<meta name="a" content="b"><meta charset="iso-8859-2">',
    "an unknown label first": "<meta charset=martian><meta charset=iso-8859-2>",
    "the first of two attributes": "<meta charset=iso-8859-2 charset=gbk>",
    "behind a comment": "<!-- <meta charset=gbk> --><meta charset=iso-8859-2>",
    "behind the shortest comment": "<!--><meta charset=iso-8859-2>",
    "behind a doctype": '<!DOCTYPE html "x"><html lang="a>b"><head><meta charset=iso-8859-2>',
    "behind a value that holds a tag": """<html data-a="<meta charset='gbk'>"><meta charset=iso-8859-2>""",
    "in a script, as the prescan does": "<script>'<meta charset=iso-8859-2>'</script>",
    "behind a bare sign": "1 < 2 <meta charset=iso-8859-2>",
    "in an end tag's neighbour": "</p title='>'><meta charset=iso-8859-2>",
    "behind a processing instruction": "<?php ?><meta charset=iso-8859-2>",
    "by an XML declaration": '<?xml version="1.0" encoding="iso-8859-2"?><html>',
    "by an XML declaration, single quotes": "<?xml version='1.0' encoding = 'iso-8859-2'?><html>",
    "by a meta tag against the XML declaration": '<?xml encoding="gbk"?><meta charset=iso-8859-2>',
    "late in the head": f"<head><script>{'x' * 5000}</script><meta charset=iso-8859-2>",
    "late, behind a script's tag": f"<head><script>'<meta charset=gb'+{'x' * 5000}</script><meta charset=latin2>",
    "late, behind a title": f"<head><title><b>{'x' * 5000}</title><meta charset=iso-8859-2>",
}
UNNAMED = {
    "no tag": "charset=iso-8859-2",
    "a comment": "<!-- <meta charset=iso-8859-2> -->",
    "an open comment": "<!-- <meta charset=iso-8859-2>",
    "another attribute": "<meta data-charset=iso-8859-2>",
    "another tag": "<metacharset=iso-8859-2><p charset=gbk>",
    "a description": '<meta name="description" content="how charset=iso-8859-2 works">',
    "a refresh": '<meta http-equiv=refresh content="charset=iso-8859-2">',
    "no pragma": '<meta content="text/html; charset=iso-8859-2">',
    "a pragma with a blank": '<meta http-equiv="Content-Type " content="charset=iso-8859-2">',
    "a quote without its end": """<meta http-equiv=content-type content="charset='iso-8859-2">""",
    "an attribute without its end": """<meta test=" charset=iso-8859-2><p>""",
    "a label with a quote": '<meta charset=iso-8859-2"><p>',
    "a tag without its end": "<meta charset=iso-8859-2",
    "a value of another tag": '<p title="x><meta charset=iso-8859-2>',
    "a label that the standard lacks": "<meta charset=martian>",
    "no label": "<meta charset><meta charset=''>",
    "late in a script": f"<head><script>{'x' * 5000}<meta charset=gbk></script>",
    "late in the body": f"<head></head><body>{'x' * 5000}<meta charset=gbk>",
    "later than is read": f"<head><script>{'x' * HEAD_BYTES}</script><meta charset=gbk>",
    "an XML declaration within the page": '<html><?xml version="1.0" encoding="iso-8859-2"?>',
}


@pytest.mark.parametrize("page", NAMED.values(), ids=NAMED)
def test_a_page_names_its_encoding(page):
    assert declared_encoding(page.encode()) == LATIN_2


@pytest.mark.parametrize("page", UNNAMED.values(), ids=UNNAMED)
def test_what_looks_like_a_name_is_none(page):
    assert declared_encoding(page.encode()) == ""


@pytest.mark.parametrize("label", ["utf-16", "UTF-16LE", "utf-16be", "unicode", "iso-10646-ucs-2", "utf-8"])
def test_utf_16_in_ascii_means_utf_8(label):
    assert declared_encoding(f"<meta charset={label}>".encode()) == "utf-8"
    assert declared_encoding(f'<?xml version="1.0" encoding="{label}"?>'.encode()) == "utf-8"


def test_a_user_defined_encoding_is_windows_1252():
    assert declared_encoding(b"<meta charset=x-user-defined>") == "cp1252"


@given(st.lists(st.sampled_from(["<", "!--", "-->", "meta", " ", "/", ">", "charset", "=", "'", '"', "gbk", "p", "x"])))
def test_any_markup_is_read_to_an_end(parts):
    assert declared_encoding("".join(parts).encode()) in ("", "gb18030")
