"""Compare the module interp_actors with its stub, in an interpreter of the runtime."""

import ast
import inspect

import interp_actors

# What every class has, or every tuple with names; the stub leaves it to the base classes.
inherited = set(dir(object)) | {"__weakref__", "__dict__", "__static_attributes__", "__firstlineno__"}
inherited_by_tuples = set(dir(tuple)) | {
    "n_fields", "n_sequence_fields", "n_unnamed_fields", "__match_args__", "__replace__", "__reduce__"}


def is_public(name):
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def parameters_of_stub(function, with_self):
    """Return (name, kind, default) of each parameter, without self."""
    args = function.args
    positional = args.posonlyargs + args.args
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    found = []
    for i, (arg, default) in enumerate(zip(positional, defaults)):
        kind = "positional" if i < len(args.posonlyargs) else "either"
        found.append((arg.arg, kind, ast.literal_eval(default) if default else inspect.Parameter.empty))
    if with_self:
        del found[0]
    if args.vararg:
        found.append((args.vararg.arg, "several", inspect.Parameter.empty))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        found.append((arg.arg, "keyword", ast.literal_eval(default) if default else inspect.Parameter.empty))
    if args.kwarg:
        found.append((args.kwarg.arg, "keywords", inspect.Parameter.empty))
    return found


kinds = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "either",
    inspect.Parameter.VAR_POSITIONAL: "several",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "keywords",
}


def parameters_of(function, with_self):
    found = [(one.name, kinds[one.kind], one.default) for one in inspect.signature(function).parameters.values()]
    return found[1:] if with_self else found


def members_of_stub(node):
    """Return the public names in the body of a class or of the module, with their nodes."""
    members = {}
    for one in node.body:
        match one:
            case ast.FunctionDef() | ast.ClassDef():
                members[one.name] = one
            case ast.AnnAssign(target=ast.Name(id=name)):
                members[name] = one
    return {name: one for name, one in members.items() if is_public(name)}


def compare_docs(name, value, node, say):
    doc = inspect.getdoc(value)
    if not doc or not doc.strip():
        say(f"{name} has no docstring")
    elif (ast.get_docstring(node) or "").split() != doc.split():  # lines are cut elsewhere
        say(f"{name} has another docstring in the stub")


def compare_parameters(name, value, node, with_self, with_self_in_stub, say):
    there, here = parameters_of(value, with_self), parameters_of_stub(node, with_self_in_stub)
    if there != here:
        say(f"{name} has the parameters {there}, in the stub {here}")


def compare_class(name, value, node, say):
    members = members_of_stub(node)
    names = {one for one in vars(value) if is_public(one)} - inherited - {"__doc__", "__module__"}
    if issubclass(value, tuple):
        names -= inherited_by_tuples
    # Python's name for what a class does about attributes that it does not have.
    if "__getattribute__" in vars(value):
        names.add("__getattr__")
    if "__new__" in vars(value) and not issubclass(value, tuple):
        names.add("__new__")
    for one in sorted(names - set(members)):
        say(f"{name}.{one} is not in the stub")
    for one in sorted(set(members) - names):
        say(f"{name}.{one} is in the stub alone")
    bases = [base.__name__ for base in value.__bases__ if base is not object]
    in_stub = [ast.unparse(base).split("[")[0] for base in node.bases]
    if bases != [base for base in in_stub if base != "structseq"]:
        say(f"{name} has the bases {bases}, in the stub {in_stub}")
    is_final = any(ast.unparse(one) == "final" for one in node.decorator_list)
    can_be_base = bool(value.__flags__ & (1 << 10))  # Py_TPFLAGS_BASETYPE
    if is_final == can_be_base:
        say(f"{name} can{'' if can_be_base else 'not'} be a base class, unlike in the stub")
    for one in sorted(names & set(members)):
        there, here = vars(value).get(one), members[one]
        if type(there).__name__ == "method_descriptor":
            compare_parameters(f"{name}.{one}", there, here, True, True, say)
            compare_docs(f"{name}.{one}", there, here, say)
        elif one == "__new__":
            compare_parameters(name, value, here, False, True, say)
        elif inspect.isdatadescriptor(there):
            if not isinstance(here, ast.FunctionDef) or [ast.unparse(d) for d in here.decorator_list] != ["property"]:
                say(f"{name}.{one} is a property, unlike in the stub")
            else:
                compare_docs(f"{name}.{one}", there, here, say)


def differences(stub):
    """Return what differs, as texts."""
    found = []
    say = found.append
    tree = ast.parse(stub)
    members = members_of_stub(tree)
    names = {one for one in vars(interp_actors) if not one.startswith("_")}
    compare_docs("the module", interp_actors, tree, say)
    for one in sorted(names - set(members)):
        say(f"{one} is not in the stub")
    for one in sorted(set(members) - names):
        say(f"{one} is in the stub alone")
    for one in sorted(names & set(members)):
        there, here = getattr(interp_actors, one), members[one]
        if isinstance(there, type) != isinstance(here, ast.ClassDef):
            say(f"{one} is a {type(there).__name__}, unlike in the stub")
            continue
        compare_docs(one, there, here, say)
        if isinstance(there, type):
            compare_class(one, there, here, say)
        else:
            compare_parameters(one, there, here, False, False, say)
    return found


def compare(stub: memoryview) -> bytes:
    return "\n".join(differences(str(stub, "utf-8"))).encode()
