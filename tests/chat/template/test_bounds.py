"""Templates that want too much: each is stopped, and says where."""

from __future__ import annotations

import pytest

from server.chat.template import bounds
from server.chat.template.template import TemplateBroken, TemplateError
from tests.chat.chat_templates import inline, text_of
from tests.growth import num_calls

MESSAGES = [{"role": "user", "content": "Hi"}]
GROW = "{% set ns = namespace(x='Hi') %}{% for i in range(60) %}{% set ns.x = "

EXPLOSIONS = {
    "doubling": GROW + "ns.x + ns.x %}{% endfor %}",
    "joining": GROW + "ns.x ~ ns.x %}{% endfor %}",
    "the join filter": GROW + "[ns.x, ns.x] | join %}{% endfor %}",
    "blocks": GROW + "ns.x %}{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
    "lists": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "repeating": "{{ 'x' * 10000000000 }}",
    "repeating from the right": "{{ 10000000000 * [1] }}",
    "replacing": "{{ ('x' * 10000000) | replace('x', 'y' * 10000000) }}",
    "the replace method": "{{ ('x' * 10000000).replace('x', 'y' * 10000000) }}",
    "padding": "{{ 'x'.ljust(10000000000) }}",
    "centering": "{{ 'x' | center(10000000000) }}",
    "indenting": "{{ 'x\\ny' | indent(width=10000000000) }}",
    "batches": "{{ [1] | batch(10000000000, 1) | list }}",
    "formatting": "{{ '{:>10000000000}'.format(1) }}",
    "formatting by a value": "{{ '{:>{}}'.format(1, 10000000000) }}",
    "percents": "{{ '%10000000000d' % 1 }}",
    "percents of precision": "{{ '%.10000000000f' | format(1) }}",
    "percents by a value": "{{ '%*d' % (10000000000, 1) }}",
    "powers": "{{ 10 ** 10000000 }}",
    "products": "{% set ns = namespace(x=9) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "JSON": "{{ {'a': 1} | tojson(indent=10000000000) }}",
    "a range": "{% for i in range(10000000000) %}{% endfor %}",
}


@pytest.mark.parametrize("source", EXPLOSIONS.values(), ids=EXPLOSIONS.keys())
def test_a_template_cannot_explode(source: str) -> None:
    with pytest.raises(TemplateBroken) as broken:
        inline("\n" + source).render(MESSAGES)
    assert broken.value.line == 2


def test_a_template_cannot_write_more_than_a_prompt_can_be() -> None:
    with pytest.raises(TemplateBroken, match="more than 33554432"):
        inline("{% for i in range(90000) %}{{ 'x' * 90000 }}{% endfor %}").render(MESSAGES)


def test_a_template_cannot_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_TURNS", 10_000)
    monkeypatch.setattr(bounds, "MAX_TURNS_TRIED", 1_000)
    loops = "{% for a in range(200) %}{% for b in range(200) %}{% endfor %}{% endfor %}"
    calls = "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(30) }}"
    for source in (loops, calls):
        with pytest.raises(TemplateBroken, match="more than 10000 loop turns and calls"):
            inline(source).render(MESSAGES)


DEEP = (
    "{% set ns = namespace(a=[1], b=[1]) %}"
    "{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = {'x': ns.b, 'y': ns.b} %}{% endfor %}"
    "{% set c = namespace(a=[1]) %}{% for i in range(40) %}{% set c.a = [c.a, c.a] %}{% endfor %}"
)
"""Lists and objects that hold each other twice, forty times over."""
WRITTEN = [
    *("ns.a", "ns.b", "ns.a ~ ''", "ns.b | tojson", "ns.a | string", "ns.a | join", "[ns.a] | join", "ns.b | pprint"),
    *("'%s' % ns.a", "'%s' % [ns.a]", "'%s' | format(ns.a)", "'{}'.format(ns.a)", "'{x}'.format_map(ns.b)"),
    *("ns.a == c.a", "ns.a in [c.a]", "ns.a is eq c.a", "[ns.a].index(c.a)", "[ns.a, c.a] | unique | list"),
    *("[ns.a, c.a] | sort", "[ns.a, c.a] | max", "raise_exception(ns.a)", "strftime_now(ns.a)"),
    *("[ns.a] | select('equalto', c.a) | list", "ns.a | urlencode", "{'a': ns.b} | xmlattr"),
    *("[{'a': ns.a}, {'a': c.a}] | groupby('a') | list", "{'a': ns.a, 'b': c.a} | dictsort(by='value')"),
]


@pytest.mark.parametrize("expression", WRITTEN)
def test_what_is_written_or_compared_is_bounded_with_all_that_is_in_it(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_TURNS", 2_000)
    monkeypatch.setattr(bounds, "MAX_TURNS_TRIED", 2_000)
    with pytest.raises(TemplateError):
        inline(f"{DEEP}{{{{ {expression} }}}}").render(MESSAGES)


@pytest.mark.parametrize("work", ["ns.x | list", "ns.x + ns.x", "'a' in ns.x", "ns.y | upper", "ns.y + ns.y"])
def test_what_goes_through_much_at_once_counts_as_much(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_TURNS", 50_000)
    monkeypatch.setattr(bounds, "MAX_TURNS_TRIED", 10_000)
    values = "{% set ns = namespace(x=range(90000) | list, y='y' * 9000000) %}"
    with pytest.raises(TemplateBroken, match="more than 50000 loop turns"):
        inline(values + f"{{% for i in range(1000) %}}{{% set z = {work} %}}{{% endfor %}}").render(MESSAGES)


def test_others_may_go_on_while_a_template_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    inline("{% for a in range(300) %}{% for b in range(300) %}{% endfor %}{% endfor %}").render(MESSAGES)
    assert len(pauses) >= 300 * 300 // bounds.TURNS_AT_ONCE
    assert set(pauses) == {0}


def test_the_budget_is_of_one_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_TURNS", 100)
    template = inline("{% for i in range(80) %}x{% endfor %}")
    assert [text_of(template.render(MESSAGES)) for _ in range(3)] == ["x" * 80] * 3


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ '-' * 10 }}{{ 3 * 4 }}{{ 2 ** 10 }}{{ 7 % 4 }}", "----------12102433"[:10] + "1210243"),
        ("{{ '%05.1f|%s|%(a)s' | replace('|%(a)s', '') % (2.25, 'x') }}", "002.2|x"),
        ("{{ '%d%%' | format(50) }}", "50%"),
        ("{{ '{:>4}{a}'.format(1, a=2) }}{{ '{a}'.format_map({'a': 3}) }}", "   123"),
        ("{{ 'x'.ljust(3) }}|{{ 'a\nb' | indent(2) }}|{{ 'aa'.replace('a', 'b', 1) }}", "x  |a\n  b|ba"),
        ("{{ 1000000 | default(2000000) }}{{ {}.get('x', 300000) }}", "1000000300000"),
        (
            "{% for x in [1, 2, 3] %}{{ loop.length }}{{ loop.revindex }}{{ ',' if not loop.last }}{% endfor %}",
            "33,32,31",
        ),
        ("{% for x in [[1, [2]], 3] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}", "123"),
        ("{% for x in nothing %}{{ x }}{% else %}none{% endfor %}", "none"),
    ],
)
def test_what_templates_do_is_well_within_the_bounds(source: str, text: str) -> None:
    assert text_of(inline(source).render(MESSAGES)) == text


@pytest.mark.parametrize("text", ["%(", "%(a", "%(a)", "%-", "%0", "%1.", ")", "%%"])
def test_formats_are_looked_through_once(text: str) -> None:
    assert num_calls(lambda: bounds.check_operands("%", text * 20_000, ())) < 10 * 20_000


@pytest.mark.parametrize("text", ["%(a)*d", "%(a)s%*d", "%%%((a) b)-0123456d", "(%d) %1.999999f", "%-+9999999d"])
def test_wide_formats_are_found_wherever_they_stand(text: str) -> None:
    with pytest.raises(bounds.LimitExceeded):
        bounds.check_operands("%", text, ())
