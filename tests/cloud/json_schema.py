"""The part of JSON Schema (2020-12) that docs/ uses; an unknown keyword is an error."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_REMARKS = {"title", "description", "default", "$defs", "$schema"}


def faults(  # noqa: C901  the list of all words
    value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, where: str = "$"
) -> list[str]:
    """Return every violation of the schema; an empty list means that the value is valid."""
    root = root or schema
    found: list[str] = []
    for word, rule in schema.items():
        match word:
            case "$ref":
                target: Any = root
                for part in rule.removeprefix("#/").split("/"):
                    target = target[part]
                found += faults(value, target, root, where)
            case "anyOf":
                if all(faults(value, each, root, where) for each in rule):
                    found.append(f"{where}: {value!r} is none of {rule}")
            case "type":
                right = isinstance(value, _TYPES[rule]) and (isinstance(value, bool) <= (rule == "boolean"))
                if not right:
                    return [f"{where}: {value!r} is no {rule}"]
            case "enum":
                if value not in rule:
                    found.append(f"{where}: {value!r} is none of {rule}")
            case "properties":
                for name, each in rule.items():
                    if name in value:
                        found += faults(value[name], each, root, f"{where}.{name}")
            case "required":
                found += [f"{where}: {name} is missing" for name in rule if name not in value]
            case "additionalProperties":
                found += [f"{where}: {name} is unknown" for name in value if name not in schema["properties"]]
                assert rule is False
            case "prefixItems":
                for number, (item, each) in enumerate(zip(value, rule, strict=False)):
                    found += faults(item, each, root, f"{where}[{number}]")
            case "items":
                if rule is not False:
                    for number, item in enumerate(value):
                        found += faults(item, rule, root, f"{where}[{number}]")
            case "minItems" | "minLength":
                found += [f"{where}: too short"] if len(value) < rule else []
            case "maxItems" | "maxLength":
                found += [f"{where}: too long"] if len(value) > rule else []
            case "minimum":
                found += [f"{where}: {value} < {rule}"] if _is_number(value) and value < rule else []
            case "maximum":
                found += [f"{where}: {value} > {rule}"] if _is_number(value) and value > rule else []
            case "pattern":
                found += [] if re.search(rule, value) else [f"{where}: {value!r} does not match {rule}"]
            case _:
                assert word in _REMARKS, f"schema word {word}"
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
