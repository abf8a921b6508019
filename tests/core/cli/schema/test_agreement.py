"""The schema and flowrun's own planning say the same of options and settings, whatever they are."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import inspect as types

import flowrun
from flowrun import OptionError, RecipeError
from flowrun.api import new_registry
from flowrun.plugins.option_types import choices, takes_a_fraction, takes_a_whole_number
from flowrun.plugins.steps import REQUIRED, Option
from flowrun.recipes.devices import DTYPES, KINDS
from flowrun.recipes.keys import LARGEST_SEED
from tests.core.cli.schema.conftest import Document, printed_schema
from tests.sampling import examples

REGISTRY = new_registry()
STEPS = {name: found[0][1] for name, found in REGISTRY.steps.items()}
# Steps whose inputs do not follow from their options: with every value at hand, all that can be
# wrong with one of them is its options.
PLANNED = ("split", "init_params", "gd_train", "evaluate", "normalize", "bench", "predict")
VALUES = (
    "data columns params model X_train y_train X_val y_val mean std encoding table train val test"
).split()
GIVEN = {"tensor": dict.fromkeys(VALUES, 1)}

# No `$`: what a reference stands for is not a schema's to know. No control character that YAML
# refuses, and no line end, before which Python's `$` matches and that of JSON Schema does not.
TEXTS = st.text(st.characters(codec="ascii", exclude_characters="$\n\x7f"), max_size=4)
WORDS = TEXTS | st.sampled_from(
    sorted(
        word
        for step in STEPS.values()
        for option in step.options
        for word in choices(option.annotation)
    )
)
NUMBERS = (  # those at the bounds of some option among them
    st.sampled_from([-1, 0, 1, 2, 0.0, 0.5, 1.0, -0.0, 1e3, 1e-9, 2**63, -0.01, 1.5])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = NUMBERS | WORDS | st.booleans() | st.none()
# JSON Schema does not tell 1.0 from 1. flowrun does, but for an option that is a whole number only.
EXACT = SCALARS.filter(lambda value: not (isinstance(value, float) and value.is_integer()))
ANYTHING = SCALARS | st.lists(EXACT, max_size=3) | st.dictionaries(WORDS, EXACT, max_size=2)


@functools.cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(printed_schema())


def plans(recipe: Document) -> bool:
    """Whether flowrun can plan a recipe."""
    try:
        flowrun.plan(recipe, registry=REGISTRY.copy())
    except RecipeError:
        return False
    return True


def fitting(kind: types.Type) -> st.SearchStrategy[Any]:
    """Values of an option's type, within its bounds."""
    if isinstance(kind, types.Metadata):
        return fitting(kind.type)
    if isinstance(kind, types.UnionType):
        return st.one_of(*map(fitting, kind.types))
    if isinstance(kind, types.LiteralType):
        return st.sampled_from(kind.values)
    if isinstance(kind, types.IntType):
        return st.integers(kind.ge, kind.le)
    if isinstance(kind, types.FloatType):
        return st.floats(
            *(kind.gt if kind.ge is None else kind.ge, kind.lt if kind.le is None else kind.le),
            exclude_min=kind.gt is not None,
            exclude_max=kind.lt is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    if isinstance(kind, types.StrType):
        return st.text("ab", min_size=kind.min_length or 0, max_size=kind.max_length)
    if isinstance(kind, (types.ListType, types.VarTupleType)):
        return st.lists(fitting(kind.item_type), min_size=kind.min_length or 0, max_size=4)
    if isinstance(kind, types.DictType):
        return st.nothing()  # what goes into it is for the step's own check of its options
    return {types.BoolType: st.booleans(), types.NoneType: st.none()}[type(kind)]


def fitting_options(name: str) -> st.SearchStrategy[Document]:
    """Options for a step that are all as it declares them."""
    required, optional = {}, {}
    for option in STEPS[name].options:
        group = required if option.default is REQUIRED else optional
        group[option.name] = fitting(types.type_info(option.annotation))
    whole = st.fixed_dictionaries(required, optional=optional)
    return whole.filter(lambda options: go_together(name, options))


def is_exact(name: str, options: Document) -> bool:
    """Whether no option that takes a fraction as well as a whole number is given such as 1.0."""
    return not any(
        isinstance(options.get(option.name), float) and options[option.name].is_integer()
        for option in STEPS[name].options
        if takes_a_fraction(option.annotation) and takes_a_whole_number(option.annotation)
    )


def go_together(name: str, options: Document) -> bool:
    """Whether a step's own check, which no schema can hold, lets options stand together."""
    step = STEPS[name]
    given = {option.name: option.default for option in step.options} | options
    try:
        if step.options_check is not None:
            step.options_check(SimpleNamespace(**given))
    except OptionError:
        return False
    except Exception:  # an option that does not fit: there is nothing to hold against another
        return True
    return True


def outside(option: Option) -> list[object]:
    """Values just beyond an option's bounds, and one of a kind that no option takes."""
    kind = types.type_info(option.annotation)
    while isinstance(kind, types.Metadata):
        kind = kind.type
    kinds = kind.types if isinstance(kind, types.UnionType) else (kind,)
    is_alone = len([one for one in kinds if not isinstance(one, types.NoneType)]) == 1
    may_be_mapping = any(isinstance(one, types.DictType) for one in kinds)
    may_be_number = any(isinstance(one, (types.IntType, types.FloatType)) for one in kinds)
    other = [7] if may_be_number else 7
    beyond: list[object] = [other if may_be_mapping else {"a": 1}]
    for one in kinds if is_alone else ():  # beyond one kind of a union may lie another one
        if isinstance(one, (types.IntType, types.FloatType)):
            beyond += [bound for bound in (one.gt, one.lt) if bound is not None]
            beyond += [bound - 1 for bound in (one.gt, one.ge) if bound is not None]
            beyond += [bound + 1 for bound in (one.lt, one.le) if bound is not None]
        elif isinstance(one, types.LiteralType):
            beyond += [f"{one.values[0]}x", str(one.values[0]).upper()]
        elif isinstance(one, (types.ListType, types.VarTupleType, types.StrType)):
            empty = "" if isinstance(one, types.StrType) else []
            beyond += [empty] if one.min_length else []
    return beyond


BEYOND = [
    pytest.param(name, option.name, value, id=f"{name}.{option.name}={value}")
    for name, step in STEPS.items()
    for option in step.options
    if not isinstance(types.type_info(option.annotation), types.AnyType)
    for value in outside(option)
]


@pytest.mark.parametrize("name", PLANNED)
@pytest.mark.campaign
@settings(max_examples=examples(40, sample=15), deadline=None)
@given(data=st.data())
def test_options_within_their_bounds_fit(name: str, data: st.DataObject) -> None:
    recipe = {"recipe": "r", "steps": [GIVEN, {name: data.draw(fitting_options(name))}]}
    assert validator().is_valid(recipe)
    assert plans(recipe)


@pytest.mark.parametrize("name", PLANNED)
@pytest.mark.campaign
@settings(max_examples=examples(60, sample=20), deadline=None)
@given(data=st.data())
def test_options_fit_where_flowrun_can_plan_them(name: str, data: st.DataObject) -> None:
    names = [option.name for option in STEPS[name].options]
    changed = st.dictionaries(st.sampled_from([*names, *names, "epochs"]), ANYTHING, max_size=2)
    options = {**data.draw(fitting_options(name)), **data.draw(changed)}
    assume(go_together(name, options) and is_exact(name, options))
    recipe = {"recipe": "r", "steps": [GIVEN, {name: options}]}
    assert validator().is_valid(recipe) == plans(recipe)


@pytest.mark.parametrize(("name", "option", "value"), BEYOND)
def test_a_value_beyond_the_bounds_of_an_option_is_refused_by_both(
    name: str, option: str, value: object
) -> None:
    step = STEPS[name]
    needed = {o.name: "a" for o in step.options if o.default is REQUIRED and o.name != option}
    entry = {name: {**needed, option: value}}
    message = rf"{name}: the option `{option}` does not fit"
    with pytest.raises(RecipeError, match=message):
        flowrun.plan({"recipe": "r", "steps": [GIVEN, entry]}, registry=REGISTRY.copy())
    document = {"recipe": "r", "steps": [{name: {option: value}}]}
    places = {tuple(error.absolute_path) for error in all_errors(document)}
    assert ("steps", 0, name, option) in places


def all_errors(document: Document) -> list[Any]:
    """Every error of a document, those of alternatives and branches included."""
    found, waiting = [], list(validator().iter_errors(document))
    while waiting:
        error = waiting.pop()
        found.append(error)
        waiting += error.context
    return found


TOP = {
    "recipe": SCALARS,
    "about": SCALARS,
    "section": SCALARS,
    "seed": st.integers(-1, 1) | st.integers(LARGEST_SEED - 1, LARGEST_SEED + 1) | EXACT,
    "device": st.sampled_from([*KINDS, "auto", "gpu", "cuda:1", "cpu:1000", "cuda:"]) | SCALARS,
    "dtype": st.sampled_from([*DTYPES, "float", "torch.float32"]) | SCALARS,
    "needs": st.lists(st.sampled_from([*KINDS, "no cuda", "gpu", "no", 1]), max_size=2) | SCALARS,
    "tags": st.lists(st.sampled_from(["slow", "a b", "skip", "é", "2nd", 1]), max_size=2) | SCALARS,
    "vars": st.dictionaries(WORDS, SCALARS, max_size=2) | SCALARS,
    "step": SCALARS,
    "expect": st.dictionaries(
        st.sampled_from(["data", "data.y", "data[0]", "data[-1, 2]", "data..y", "data[", "[0]"]),
        st.dictionaries(
            st.sampled_from(
                ["below", "between", "equals", "shape", "dtype", "rtol", "golden", "over"]
            ),
            # The lower bound first: that is more than a schema can say.
            SCALARS | st.lists(EXACT, max_size=3) | st.lists(NUMBERS, max_size=3).map(sorted),
            max_size=2,
        )
        | SCALARS,
        max_size=2,
    )
    | SCALARS,
}


@pytest.mark.parametrize("key", TOP)
@pytest.mark.campaign
@settings(max_examples=examples(40, sample=15), deadline=None)
@given(data=st.data())
def test_a_setting_of_a_recipe_fits_where_flowrun_can_plan_it(
    key: str, data: st.DataObject
) -> None:
    recipe = {"recipe": "r", "steps": [GIVEN, "shuffle"], key: data.draw(TOP[key])}
    assert validator().is_valid(recipe) == plans(recipe)


BESIDE = {
    "id": SCALARS | st.sampled_from(["a-b", "2nd", "-a", "a b"]),
    "out": st.dictionaries(st.sampled_from(["data", "rows"]), SCALARS, max_size=2) | SCALARS,
    "device": TOP["device"],
    "dtype": TOP["dtype"],
    "cache": SCALARS,
    "devise": SCALARS,
}


@pytest.mark.parametrize("key", BESIDE)
@pytest.mark.campaign
@settings(max_examples=examples(40, sample=15), deadline=None)
@given(data=st.data())
def test_a_key_beside_a_step_fits_where_flowrun_can_plan_it(key: str, data: st.DataObject) -> None:
    recipe = {"recipe": "r", "steps": [GIVEN, {"shuffle": {}, key: data.draw(BESIDE[key])}]}
    assert validator().is_valid(recipe) == plans(recipe)
