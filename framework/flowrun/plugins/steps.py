"""`@step`: a plain function becomes a step, its signature read once and kept."""

from __future__ import annotations

import functools
import inspect
import keyword
import types
import typing
from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec
from msgspec import Meta as Meta

from flowrun.errors import CodeLine, StepDefinitionError, shown_path

P = ParamSpec("P")
R = TypeVar("R")

Names = tuple[str, ...]
NamesOf = Callable[[types.SimpleNamespace], typing.Iterable[str]]
OptionsCheck = Callable[[types.SimpleNamespace], None]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

REQUIRED: Any = inspect.Parameter.empty
CONTEXT = "ctx"


class Input(msgspec.Struct, frozen=True):
    """A value a step takes: its name, and whether the step can do without."""

    name: str
    required: bool = True


class Option(msgspec.Struct, frozen=True):
    """A setting of a step: name, annotated type, default (`REQUIRED` if there is none)."""

    name: str
    annotation: Any
    default: Any

    @property
    def description(self) -> str:
        """The text of `Meta(description=...)`, or nothing."""
        for extra in getattr(self.annotation, "__metadata__", ()):
            if isinstance(extra, msgspec.Meta) and extra.description:
                return extra.description
        return ""


class Step(msgspec.Struct, Generic[P, R], eq=False, dict=True, weakref=True):
    """A registered function with inputs, options and outputs; calling it calls the function.

    inputs: the fixed ones. If `inputs_of` is set, further input names follow from the options, and
        the function takes those values as one dict in its first positional parameter.
    others: the type of the options of any name (`**named: str`), or None.
    outputs: the fixed names. If `outputs_of` is set, they follow from the options, and the
        function returns a dict of them.
    options_check, shape_function, outline_function: set by the decorators `check_options`,
        `on_shapes` and `on_outlines`.
    """

    name: str
    function: Callable[P, R]
    inputs: tuple[Input, ...]
    options: tuple[Option, ...]
    outputs: Names
    others: Option | None = None
    inputs_of: NamesOf | None = None
    outputs_of: NamesOf | None = None
    options_check: OptionsCheck | None = None
    shape_function: Callable[..., Any] | None = None
    outline_function: Callable[..., Any] | None = None
    takes_context: bool = False
    random: bool = False
    effect: bool = False
    version: str = ""
    about: str = ""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def on_shapes(self, function: Decorated) -> Decorated:
        """Decorator: call this function in place of the step in a check, on tensors without data.

        It takes the step's own parameters, returns tensors that have shape, dtype and device, and
        an `Unknown` for a number that only a run can give. A step needs one if its own code looks
        at its data, or acts outside of the recipe. Its `ctx` is a `CheckContext`. It raises
        NeedsDataError if it cannot give the shapes either.

        Raises StepDefinitionError if its parameters differ from the step's, or if there is one.
        """
        self._require_first("on_shapes", self.shape_function)
        _require_same_parameters("on_shapes", self.function, function)
        self.shape_function = function
        return function

    def on_outlines(self, function: Decorated) -> Decorated:
        """Decorator: call this function before a run, to find what the run would fail with.

        It takes the step's own parameters; an input is what the function of the step above gave, or
        an `Unknown`. It may look at names and at the beginning of files, is fast (below 10 ms),
        imports no tensor library, and returns what is known of each output, if only an `Unknown`.
        Its `ctx` downloads nothing. It raises NeedsDataError if it knows nothing, and
        any other FlowrunError, best an OptionError, only if the run is certain to fail; several of
        them in an ExceptionGroup.

        Raises StepDefinitionError if its parameters differ from the step's, or if there is one.
        """
        self._require_first("on_outlines", self.outline_function)
        _require_same_parameters("on_outlines", self.function, function)
        self.outline_function = function
        return function

    def check_options(self, function: Decorated) -> Decorated:
        """Decorator: call this function with the options when a recipe is planned.

        It takes the options as attributes of one object, and raises OptionError if they do not go
        together; the recipe is then refused before anything runs, at that option's line.

        Raises StepDefinitionError if the step has such a function.
        """
        self._require_first("check_options", self.options_check)
        self.options_check = function
        return function

    def _require_first(self, decorator: str, found: Callable[..., Any] | None) -> None:
        if found is not None:
            raise StepDefinitionError(
                f"{self.place}: step `{self.name}` has two functions below "
                f"`@{self.name}.{decorator}`; keep one of them"
            )

    @property
    def place(self) -> CodeLine:
        """The first line of the function; shown as `file:line`."""
        return _place(inspect.unwrap(self.function))

    @property
    def usual_outputs(self) -> Names:
        """The fixed outputs, or those that follow from the options' defaults, if any."""
        if self.outputs_of is None:
            return self.outputs
        defaults = {o.name: o.default for o in self.options if o.default is not REQUIRED}
        try:
            return tuple(self.outputs_of(types.SimpleNamespace(**defaults)))
        except Exception:  # an option that is required, or that has another default than it needs
            return ()

    def option(self, name: str) -> Option | None:
        """The option of that name, or None."""
        return next((option for option in self.options if option.name == name), None)


def step(
    *unexpected: object,
    outputs: str | Names | list[str] | NamesOf = REQUIRED,
    inputs: NamesOf | None = None,
    random: bool = False,
    effect: bool = False,
    version: str | int = "",
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step.

    Positional parameters are inputs, wired by name; one with a default is optional. Keyword-only
    parameters are options, validated from their annotations; `ctx` among them receives the
    run's `Context`. `**named: str` takes options of any name, all of one type; to the functions
    of the options below they are one dict, `options.named`.

    outputs: the names of the returned values, in order: `("data",)`, `("X", "y")`, `()`. A function
        of the options (`lambda options: options.values`) if the names depend on them; the step then
        returns a dict with exactly these names.
    inputs: a function of the options that gives further input names; one that ends in `?` is
        optional. The step receives the values as a dict, its first positional parameter.
    random: the step draws random numbers, so its seed belongs to its key.
    effect: the step acts outside of the recipe (it writes files): it is never skipped blindly.
    version: change it to make earlier results of this step invalid.

    Three decorators add functions to the step: `@name.on_shapes` one that replaces it in a check,
    `@name.on_outlines` one that finds mistakes by names and headers before a run, and
    `@name.check_options` one that checks its options against each other.

    Raises StepDefinitionError if the function cannot be a step.
    """
    usage = 'write it with the names of its outputs: @step(outputs=("name",))'
    if unexpected:
        where = _where(unexpected[0])
        raise StepDefinitionError(f"{where}@step takes keywords only; {usage}")

    def decorate(function: Callable[P, R]) -> Step[P, R]:
        if not isinstance(function, types.FunctionType):
            raise StepDefinitionError(f"@step goes on a function, not on {function!r}")
        if advice := _advice_on(function):
            raise StepDefinitionError(f"{_where(function)}{advice}")
        if outputs is REQUIRED:
            raise StepDefinitionError(f"{_where(function)}@step names no outputs; {usage}")
        return _read_signature(function, outputs, inputs, random, effect, str(version))

    return decorate


def _read_signature(
    function: Callable[P, R],
    outputs: str | Names | list[str] | NamesOf,
    inputs_of: NamesOf | None,
    random: bool,
    effect: bool,
    version: str,
) -> Step[P, R]:
    name = function.__name__
    signature = inspect.signature(function)
    inputs, keywords, others = [], [], []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise StepDefinitionError(
                f"{_place(function)}: step `{name}` has `*{parameter.name}`; a step names each "
                "input (names that depend on options: @step(inputs=...))"
            )
        if parameter.kind is parameter.VAR_KEYWORD:
            others.append(parameter)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            keywords.append(parameter)
        else:
            inputs.append(Input(parameter.name, parameter.default is REQUIRED))
    if CONTEXT in (value.name for value in inputs):
        raise StepDefinitionError(
            f"{_place(function)}: step `{name}` takes `{CONTEXT}` as an input; "
            "the run's context is keyword-only: put it after a `*`"
        )
    if inputs_of is not None:
        if not inputs:
            raise StepDefinitionError(
                f"{_place(function)}: step `{name}` names its inputs by its options, "
                "so its first positional parameter must take them as a dict"
            )
        inputs = inputs[1:]
    options = [parameter for parameter in keywords if parameter.name != CONTEXT]
    hints = _option_types(function, [*options, *others])
    made = Step(
        name=name,
        function=function,
        inputs=tuple(inputs),
        options=tuple(Option(p.name, hints[p.name], p.default) for p in options),
        outputs=() if callable(outputs) else _checked_names(function, outputs),
        inputs_of=inputs_of,
        outputs_of=outputs if callable(outputs) else None,
        others=next((Option(p.name, hints[p.name], REQUIRED) for p in others), None),
        takes_context=len(options) < len(keywords),
        random=random,
        effect=effect,
        version=version,
        about=(inspect.getdoc(function) or "").partition("\n")[0],
    )
    functools.update_wrapper(made, function)
    return made


def _require_same_parameters(
    decorator: str, function: Callable[..., Any], other: Callable[..., Any]
) -> None:
    """Raise StepDefinitionError if `other` cannot be called as the step's function is."""
    own, found = (
        [(one.name, one.kind) for one in inspect.signature(each).parameters.values()]
        for each in (function, other)
    )
    if own != found:
        raise StepDefinitionError(
            f"{_where(function)}the function below `@{function.__name__}.{decorator}` must take "
            f"the step's own parameters, ({', '.join(name for name, _ in own)}), and takes "
            f"({', '.join(name for name, _ in found)})"
        )


def _option_types(
    function: Callable[..., Any], options: list[inspect.Parameter]
) -> AnyMapping[str, Any]:
    """The evaluated annotations of the options alone: those of inputs may name heavy libraries."""
    annotations = {p.name: Any if p.annotation is REQUIRED else p.annotation for p in options}
    holder = types.SimpleNamespace(__annotations__=annotations)
    try:
        return typing.get_type_hints(holder, function.__globals__, include_extras=True)
    except Exception as error:
        raise StepDefinitionError(
            f"{_place(function)}: the annotations of step `{function.__name__}` "
            f"cannot be read: {error}"
        ) from error


def _checked_names(function: Callable[..., Any], outputs: str | Names | list[str]) -> Names:
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if not isinstance(name, str) or not is_value_name(name):
            raise StepDefinitionError(
                f"{_place(function)}: {name!r} is no name for an output of "
                f"step `{function.__name__}`; a name is a Python identifier"
            )
    if len(set(names)) < len(names):
        raise StepDefinitionError(
            f"{_place(function)}: step `{function.__name__}` gives an output twice: {names}"
        )
    return names


def is_value_name(text: str) -> bool:
    """Whether a value may have this name: a Python identifier, as Python itself reads it.

    In an expression `True` is a constant, and a letter such as the one of U+212F becomes an `e`.
    """
    if text.isascii():
        return text.isidentifier() and not keyword.iskeyword(text)
    from unicodedata import normalize  # hardly a recipe needs it

    return text.isidentifier() and normalize("NFKC", text) == text


def may_return_none(function: Callable[..., Any]) -> bool:
    """Whether a function says that it returns a value or None: `-> float | None`."""
    annotation = function.__annotations__.get("return")
    if isinstance(annotation, str):  # `from __future__ import annotations`
        *kinds, last = annotation.removeprefix("typing.").split(" | ")
        return last.startswith("Optional[") or (bool(kinds) and "None" in (*kinds, last))
    return type(None) in typing.get_args(annotation)


def _place(function: Callable[..., Any]) -> CodeLine:
    code = function.__code__
    return CodeLine(shown_path(Path(code.co_filename)), code.co_firstlineno)


def _advice_on(function: Callable[..., Any]) -> str:
    """What to write in place of a function whose call only begins to compute; else empty."""
    if inspect.iscoroutinefunction(function):
        return (
            "an `async def` is no step, because calling it gives a coroutine; write a `def` that "
            "runs the coroutine inside, with asyncio.run(...)"
        )
    if inspect.isgeneratorfunction(function):
        return "a function that yields is no step; collect what it yields, and return a list"
    if inspect.isasyncgenfunction(function):
        return (
            "an `async def` that yields is no step; write a `def` that collects what it yields "
            "inside, with asyncio.run(...), and returns a list"
        )
    return ""


def _where(decorated: object) -> str:
    """The beginning of a message about the object that `@step` decorates."""
    if isinstance(decorated, types.FunctionType):
        return f"{_place(decorated)}: step `{decorated.__name__}`: "
    return ""
