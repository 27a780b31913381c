"""Pages of one file: templates, and texts that cannot break out of their places."""

import json

import pytest

from vae_gan3d.viewing.page import escaped, fill_template, script_json, web_file

SCRIPTS = ("three.min.js", "shapes.js", "curves.js", "report.js")
HOSTILE = "</script><!-- <b>&amp;\u2028{{title}}\"'"


def test_places_are_filled_once_and_texts_are_left_as_they_are():
    assert fill_template("<p>{{a}}</p>{{b}}{{a}}", {"a": "{{b}}", "b": "\\1"}) == "<p>{{b}}</p>\\1{{b}}"


def test_a_place_without_a_text_is_refused():
    with pytest.raises(KeyError, match="missing"):
        fill_template("{{missing}}", {"a": ""})


def test_html_and_attributes_show_any_text():
    assert escaped('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"


def test_json_within_a_script_ends_no_script_and_is_read_back():
    text = script_json({"name": HOSTILE, "values": [1, 0.5, None]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": HOSTILE, "values": [1, 0.5, None]}


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        script_json([float("nan")])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_stand_within_a_page(name):
    text = web_file(name).lower()
    assert "</script" not in text
    assert "<!--" not in text


def test_the_librarys_licence_comes_with_it():
    assert "Permission is hereby granted, free of charge" in web_file("three.min.js")[:500]
