"""Collects the licence texts of everything in the frozen program, and lists it (SBOM, CycloneDX 1.5 as JSON)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
_OF_QT = {"pyside6-essentials", "shiboken6"}
"""Distributions whose wheels contain Qt but no licence text. They get the texts of LGPL 3, and of GPL 3, which it
refers to."""
_LEFT_OUT = {"pillow", "python-xlib"}
"""Distributions that pystray requires for parts that are not in the frozen program (netwatch-tray.spec)."""
_TEXT = re.compile(r"(?:^|/)(?:licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)


class Component(NamedTuple):
    """Something in the frozen program that others have made: a Python distribution or a library."""

    name: str
    version: str
    licence: str
    """Its licence, as its own metadata name it."""
    purl: str
    """Its package URL (purl), which identifies it in the list."""
    texts: tuple[Path, ...]


def python_components(project: str) -> list[Component]:
    """Return the interpreter, and all distributions that the requirements in `project` need on this system, directly or
    not."""
    version = sys.version.split()[0]
    standard_library = Path(sysconfig.get_path("stdlib"))
    text = next(file for file in (standard_library / "LICENSE.txt", *HERE.glob("licences/PSF*")) if file.exists())
    interpreter = Component("CPython", version, "PSF-2.0", f"pkg:generic/cpython@{version}", (text,))
    found: dict[str, Component] = {}
    waiting = _names(project.splitlines())
    while waiting:
        name = waiting.pop()
        if name not in found and name not in _LEFT_OUT:
            distribution = metadata.distribution(name)
            found[name] = _component(name, distribution)
            waiting |= _names(distribution.requires or ())
    return [interpreter, *(found[name] for name in sorted(found))]


def installed_components(place: Path) -> list[Component]:
    """Return the distributions that are installed in a directory, for any system."""
    found = {_normal(each.metadata["Name"]): each for each in metadata.distributions(path=[str(place)])}
    return [_component(name, found[name]) for name in sorted(found)]


def _names(requirements: Iterable[str]) -> set[str]:
    from packaging.requirements import Requirement  # noqa: PLC0415  the tests of this module have no build environment

    parsed = [Requirement(line) for line in requirements if line.strip()]
    wanted = [each for each in parsed if not each.marker or each.marker.evaluate({"extra": ""})]
    return {_normal(each.name) for each in wanted}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(name: str, distribution: metadata.Distribution) -> Component:
    about = distribution.metadata
    licence = next((about[field] for field in ("License-Expression", "License") if field in about), "")
    if not licence or "\n" in licence:  # some put the whole text there
        classifiers = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
        licence = "; ".join(line.rpartition(" :: ")[2] for line in classifiers)
    files = [file for file in distribution.files or () if ".dist-info/" in str(file) and _TEXT.search(str(file))]
    texts = tuple(Path(str(distribution.locate_file(file))) for file in files)
    if name in _OF_QT:
        texts = (HERE / "licences" / "LGPL-3.0.txt", HERE / "licences" / "GPL-3.0.txt")
    if name == "pyobjc-core":  # its wheel has no text; those of the same project have
        site_packages = Path(str(distribution.locate_file("")))
        texts = tuple(site_packages.glob("pyobjc_framework_cocoa-*.dist-info/licenses/*"))
    return Component(name, distribution.version, licence, f"pkg:pypi/{name}@{distribution.version}", texts)


def debian_components(libraries: Iterable[str]) -> list[Component]:
    """Return the Debian packages from which the shared libraries with these names were taken."""
    packages: dict[str, None] = {}
    for library in sorted(libraries):
        done = subprocess.run(
            ["dpkg", "-S", f"*/{library}"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        packages.update(dict.fromkeys(owners(done.stdout)[:1]))
    return [_debian_component(name) for name in packages]


def owners(found: str) -> list[str]:
    """Return the packages in the output of `dpkg -S` under LC_ALL=C, in its order, without their architecture.

    A line is `one:amd64, two: /path`. Lines about diversions (dpkg-divert(1)) name no package that has the file.
    """
    packages = []
    for line in found.splitlines():
        names, separator, path = line.partition(": ")
        if separator and path.startswith("/") and not names.startswith(("diversion by ", "local diversion ")):
            packages += [name.partition(":")[0] for name in names.split(", ")]
    return packages


def _debian_component(name: str) -> Component:
    form = "${Version}"
    version = subprocess.run(
        ["dpkg-query", "-W", f"-f={form}\n", name], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    text = Path("/usr/share/doc") / name / "copyright"
    return Component(name, version, "see its text", f"pkg:deb/debian/{name}@{version}", (text,))


def write(place: Path, version: str, components: Iterable[Component]) -> None:
    """Write a directory with licence texts for each component, and the list `sbom.cdx.json`, into `place`."""
    found = sorted(components)
    for component in found:
        own = place / f"{component.name}-{component.version.replace(':', '_')}"
        own.mkdir(parents=True, exist_ok=True)
        for text in component.texts:
            shutil.copyfile(text, own / text.name)
    (place / "sbom.cdx.json").write_text(json.dumps(_sbom(version, found), indent=1) + "\n", encoding="utf-8")


def _sbom(version: str, components: Iterable[Component]) -> dict[str, Any]:
    listed = [
        {
            "type": "library",
            "bom-ref": each.purl,
            "name": each.name,
            "version": each.version,
            "purl": each.purl,
            **({"licenses": [{"license": {"name": each.licence}}]} if each.licence else {}),
        }
        for each in components
    ]
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # the same parts, the same number: builds stay comparable
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'netwatch-tray {version} {digest}')}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "netwatch-tray", "version": version}},
        "components": listed,
    }
