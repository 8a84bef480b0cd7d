"""Forms through the broker: what arrives means what was sent, however it was cut, and what is unclear is refused."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nebulab.errors import NotAllowed
from nebulab.session.broker.multipart import SLACK, FormRewriter
from support import forms
from support.forms import Part

HEAD = b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
END = b"\r\n--xyz--\r\n"


def rewrite(body: bytes, *cuts: int, announced: bool = False) -> list[Part]:
    """Send a form in pieces, and return the parts of the one that is sent on."""
    judged: list[tuple[str, str]] = []
    files: list[str] = []
    form = FormRewriter("xyz", lambda *field: judged.append(field), files.append, len(body) if announced else None)
    places = [0, *sorted(cuts), len(body)]
    out = b"".join(form.feed(body[start:end]) for start, end in pairwise(places)) + form.close()
    if announced:
        assert len(out) == form.length
    parts = forms.read(form.content_type, out)
    assert judged == [(part.name, part.content.decode()) for part in parts if not part.filename]
    assert files == [part.name for part in parts if part.filename]
    return parts


names = some.from_regex(r"[a-z_0-9|.]{1,20}", fullmatch=True).filter(lambda name: name not in {"key", "_charset_"})
contents = some.one_of(
    some.binary(max_size=200), some.lists(some.sampled_from([b"\r\n", b"--", b"xyz", b"\r", b"\n", b"a"])).map(b"".join)
).filter(lambda content: b"--xyz" not in content)
texts = some.text(max_size=100).map(str.encode).filter(lambda text: b"--xyz" not in text)
filenames = some.from_regex(r"[A-Za-z0-9_.() -]{1,30}[a-z]", fullmatch=True).map(str.strip)
parts = some.one_of(
    some.tuples(names, texts).map(lambda part: Part(*part)),
    some.tuples(names, contents, filenames).map(lambda part: Part(*part)),
)


@settings(max_examples=100, deadline=None, database=None)
@given(
    form=some.lists(parts, min_size=1, max_size=6, unique_by=lambda part: part.name),
    cuts=some.lists(some.integers(0, 400), max_size=8),
    announced=some.booleans(),
)
def test_a_form_means_what_it_meant(form: list[Part], cuts: list[int], announced: bool) -> None:
    body = forms.write(form)
    assert rewrite(body, *(min(cut, len(body)) for cut in cuts), announced=announced) == form


@settings(max_examples=300, deadline=None, database=None)
@given(body=some.lists(some.sampled_from([HEAD, END, b"--xyz\r\n", b"\r\n\r\n", b"\r\n", b"x", b"--", b"name"])))
def test_any_bytes_are_refused_or_mean_one_thing(body: list[bytes]) -> None:
    whole = HEAD + b"".join(body)
    try:
        found = rewrite(whole)
    except NotAllowed:
        return
    assert found[0].name == "a"
    assert found[0].content == whole[len(HEAD) :].partition(b"\r\n--xyz")[0]


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="f"; filename="a.txt"',
        "form-data; name=f; filename=a.txt",
        'form-data;name="f";filename="a.txt"',
        "form-data; name=\"f\"; filename*=utf-8''a.txt",
        'Form-Data; name="f"; filename="x"; filename*=UTF-8\'en\'%61.txt',
    ],
)
def test_a_head_as_libraries_write_it(disposition: str) -> None:
    body = f"--xyz\r\nContent-Disposition: {disposition}\r\ncontent-type: text/plain\r\n\r\n\x01{END.decode()}".encode()
    assert rewrite(body) == [Part("f", b"\x01", "a.txt")]


def test_a_file_has_no_type_of_its_own() -> None:
    """`multipart/mixed` would make the older parser look for parts inside of the file."""
    form = FormRewriter("xyz", lambda *_: None, lambda _: None)
    head = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="\\"a\\\\b;\r\nContent-Type: multipart/mixed'
    with pytest.raises(NotAllowed):
        form.feed(head + b"\r\n\r\n" + END)
    form = FormRewriter("xyz", lambda *_: None, lambda _: None)
    head = head.replace(b";\r\n", b'"\r\n')
    out = form.feed(head + b"; boundary=inner\r\n\r\n" + END) + form.close()
    assert b'name="f"; filename="%22a_b"\r\nContent-Type: application/octet-stream\r\n\r\n' in out


def test_a_files_name_in_any_script() -> None:
    for written in ('filename="grüße 文.txt"', "filename*=utf-8''gr%C3%BC%C3%9Fe%20%E6%96%87.txt"):
        form = FormRewriter("xyz", lambda *_: None, lambda _: None)
        out = form.feed(HEAD.replace(b'"a"', f'"f"; {written}'.encode()) + END) + form.close()
        assert 'name="f"; filename="grüße 文.txt"\r\n'.encode() in out


def test_a_clients_token_is_no_field() -> None:
    assert rewrite(forms.write([Part("key", b"secret"), Part("a", b"b")])) == [Part("a", b"b")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xyz",
        b"preamble\r\n--xyz--\r\n",
        b"--other--\r\n",
        HEAD,
        HEAD + b"x\r\n--xyz",
        HEAD + b"x\r\n--xyzz\r\n",
        HEAD.replace(b"form-data", b"attachment") + END,
        HEAD.replace(b'; name="a"', b"") + END,
        HEAD.replace(b'"a"', b'""') + END,
        HEAD.replace(b'"a"', b'"a"; name="b"') + END,
        HEAD.replace(b'"a"', b"\"a\"; name*=utf-8''b") + END,
        HEAD.replace(b'"a"', b"\"a\"; filename*=latin1''b") + END,
        HEAD.replace(b'"a"', b"\"a\"; filename*=utf-8''%ff") + END,
        HEAD.replace(b'"a"', b'"a') + END,
        HEAD.replace(b'"a"', b'"_charset_"') + END,
        HEAD.replace(b'"a"', b'"a%22; filename=%22b"') + END,
        HEAD.replace(b'"a"', b'"a\\\\"') + END,
        HEAD.replace(b'"a"', b'"\xff"') + END,
        HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + END,
        HEAD.replace(b"\r\n\r\n", b'\r\nContent-Disposition: form-data; name="b"\r\n\r\n') + END,
        HEAD.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n") + END,
        HEAD.replace(b"\r\n\r\n", b"\nX: y\r\n\r\n") + END,
        HEAD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 20_000),
        HEAD + b"\xff" + END,
        HEAD + b"1\r\n" + HEAD + b"2" + END,
        b"".join(HEAD.replace(b'"a"', f'"{number}"'.encode()) + b"\r\n" for number in range(1100)) + b"--xyz--",
    ],
)
def test_a_form_that_can_not_be_read_with_certainty_is_refused(body: bytes) -> None:
    for announced in (False, True):
        with pytest.raises(NotAllowed):
            rewrite(body, announced=announced)


def test_fields_are_small_and_files_are_not() -> None:
    large = b"x" * 5_000_000
    with pytest.raises(NotAllowed, match="too large"):
        rewrite(forms.write([Part("a", large)]))
    assert rewrite(forms.write([Part("a", large, "b")]), announced=True) == [Part("a", large, "b")]


def test_a_form_that_grows_beyond_what_was_announced_is_refused() -> None:
    many = [Part(f"{number}", b"", '\\"' * 200) for number in range(400)]
    body = forms.write(many)
    form = FormRewriter("xyz", lambda *_: None, lambda _: None, len(body))
    assert len(form.feed(body)) - len(body) > SLACK
    with pytest.raises(NotAllowed, match="too many"):
        form.close()


def test_nothing_of_a_refused_field_is_sent() -> None:
    def refuse(name: str, value: str) -> None:
        raise NotAllowed(f"{name} {value}")

    form = FormRewriter("xyz", refuse, lambda _: None)
    assert form.feed(HEAD + b"secret") == b""
    with pytest.raises(NotAllowed, match="a secret"):
        form.feed(END)


def test_the_boundary_that_is_sent_can_not_be_guessed() -> None:
    sent = {FormRewriter("xyz", lambda *_: None, lambda _: None).content_type for _ in range(10)}
    assert len(sent) == 10
    assert all(re.fullmatch(r"multipart/form-data; boundary=[0-9a-f]{32}", one) for one in sent)
