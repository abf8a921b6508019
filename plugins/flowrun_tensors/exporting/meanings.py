"""What the names of a module stand for, followed through imports to where they are defined."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass

from flowrun import did_you_mean, listed
from flowrun_tensors.exporting.names import Use
from flowrun_tensors.exporting.scopes import RefusedError
from flowrun_tensors.exporting.sources import Imported, Library, Module


@dataclass(frozen=True, slots=True)
class Defined:
    """A name that a module of the script defines."""

    module: Module
    name: str


@dataclass(frozen=True, slots=True)
class External:
    """A name that an import binds which the script keeps: `import a.b` and `import a.c` are two."""

    imports: tuple[Imported, ...]


Meaning = Defined | External | Module


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name in a statement, the whole expression that stands for it, and what that is."""

    node: ast.expr
    meaning: Defined | External


class Meanings:
    """Finds what names stand for among the modules of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def of_use(self, module: Module, use: Use) -> Resolved | None:
        """What a used name stands for; None for a builtin, and for what no one defines."""
        if use.imported is not None:
            meaning: Meaning | None = self._of_import(module.imported(*use.imported), use.node)
        else:
            meaning = self.of_name(module, use.node.id, use.node)
        node: ast.expr = use.node
        for attribute in use.attributes:
            if not isinstance(meaning, Module):
                break
            if not isinstance(attribute.ctx, ast.Load):
                raise RefusedError(
                    f"it assigns to `{ast.unparse(attribute)}`, of another module", node
                )
            meaning = self._of_attribute(meaning, attribute.attr, attribute)
            node = attribute
        if isinstance(meaning, Module):
            message = f"the module `{ast.unparse(node)}` is used as a value"
            raise RefusedError(
                f"{message}; name what you need of it: `{ast.unparse(node)}.name`", node
            )
        return None if meaning is None else Resolved(node, meaning)

    def of_name(self, module: Module, name: str, node: ast.AST) -> Meaning | None:
        """What a name at the top of a module stands for."""
        imports = module.imports.get(name, [])
        if module.giving(name):
            if imports:
                message = f"`{name}` is both imported and assigned at the top of {module.path}"
                raise RefusedError(f"{message}; give one of the two another name", node)
            return Defined(module, name)
        if not imports:
            return self._of_star(module, name, node)
        if self._library.holds(imports[-1].module):
            return self._of_import(imports[-1], node)
        return External(tuple(imports))

    def full_name(self, module: Module, expression: ast.expr) -> str | None:
        """The dotted name of what an expression stands for, through imports: `flowrun.step`."""
        if isinstance(expression, ast.Attribute):
            inner = self.full_name(module, expression.value)
            return None if inner is None else self._followed(inner, expression.attr)
        if not isinstance(expression, ast.Name) or expression.id not in module.imports:
            return None
        found = module.imports[expression.id][-1]
        return found.meant if found.name is None else self._followed(found.module, found.name)

    def _followed(self, owner: str, name: str) -> str:
        """The full name of what a module gives under a name, where it has it from another."""
        if self._library.holds(owner) and not self._library.stands_for_another(owner):
            module = self._library.find(owner)
            if module is not None and name in module.imports:
                return self.full_name(module, ast.Name(name)) or f"{owner}.{name}"
        return f"{owner}.{name}"

    def _of_import(self, found: Imported, node: ast.AST) -> Meaning:
        if not self._library.holds(found.module):
            return External((found,))
        if found.name is None:
            return self._module(found.meant, node)
        return self._of_attribute(self._module(found.module, node), found.name, node)

    def _of_attribute(self, module: Module, name: str, node: ast.AST) -> Meaning:
        """What a module gives under a name: what stands in it, or a module of that package."""
        meaning = self.of_name(module, name, node)
        if meaning is not None:
            return meaning
        if self._library.is_template(module):
            known = {one for statement in module.statements for one in statement.binds}
            public = sorted(one for one in known if not one.startswith("_"))
            hint = did_you_mean(name, public) or f"a script has: {listed(public, limit=40)}"
            message = f"it uses `{name}`, which an exported script has nothing in place of"
            raise RefusedError(f"{message}\n    {hint}", node)
        return self._module(f"{module.name}.{name}", node)

    def _module(self, name: str, node: ast.AST) -> Module:
        module = self._library.find(name)
        if module is None:
            message = f"the source of `{name}` cannot be had"
            raise RefusedError(f"{message}; export takes the code from .py files", node)
        return module

    def _of_star(self, module: Module, name: str, node: ast.AST) -> Meaning | None:
        """What a name stands for that may come from an `import *`."""
        for star in module.stars:
            if self._library.holds(star):
                meaning = self.of_name(self._module(star, node), name, node)
                if meaning is not None:
                    return meaning
            elif hasattr(sys.modules.get(star), name):
                return External((Imported(star, name, name),))
        return None
