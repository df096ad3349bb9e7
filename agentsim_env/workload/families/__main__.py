"""Prints the parameters of all families, as they stand in docs/workloads.md."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agentsim_env.fields.meanings import meanings
from agentsim_env.prose import wrapped
from agentsim_env.workload.families import FAMILIES, Family
from agentsim_env.workload.families.parameters import ToolKind


def table(name: str, family: Family) -> str:
    """The parameters of one family, as Markdown."""
    words = f"{family.doc} {family.params.__doc__}".split()
    lines = [f"### {name}", "", " ".join(words), ""]
    lines += ["| parameter | default | meaning and source |", "|---|---|---|"]
    texts = {key: " ".join(text.split()) for key, text in meanings(family.params).items()}
    lines += [
        f"| {key} | {_default(field)} | {texts.get(key, '')} |" for key, field in family.params.model_fields.items()
    ]
    return wrapped("\n".join(lines))


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, tuple):
        return "<br>".join(_short(kind) for kind in value) or "none"
    return "none" if value is None else _short(value)


def _short(value: object) -> str:
    if isinstance(value, ToolKind):
        return f"{value.name} {value.share:g}: {_short(value.gap_s)}"
    if isinstance(value, BaseModel):
        given = value.model_dump()
        return (
            f"{given['value']:g}"
            if set(given) == {"value"}
            else ", ".join(f"{k} {_short(v)}" for k, v in given.items())
        )
    if isinstance(value, tuple | list):
        return "/".join(_short(item) for item in value)
    return value if isinstance(value, str) else f"{value:.12g}"


def tables() -> str:
    """The parameters of all families, as Markdown."""
    return "\n\n".join(table(name, family) for name, family in FAMILIES.items())


if __name__ == "__main__":
    print(tables())
