"""The methods by name. A method is one file, one line here, and its presets (:mod:`engine.methods.preset_files`).

The line names the module and the class. A module is imported when its method is asked for. Other packages bring methods
by entry points of the group ``crtui.methods`` (:mod:`engine.plugins`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from engine.errors import InputError, did_you_mean
from engine.plugins import Plugin, Registry, leave_out

if TYPE_CHECKING:
    from engine.methods.base import AnyMethod

OWN_METHODS = {
    "infogan-cr": "engine.methods.infogan_cr:InfoGANCR",
    "infogan": "engine.methods.infogan:InfoGAN",
    "vae": "engine.methods.vae:VAE",
    "beta-vae": "engine.methods.beta_vae:BetaVAE",
    "annealed-vae": "engine.methods.annealed_vae:AnnealedVAE",
    "factor-vae": "engine.methods.factor_vae:FactorVAE",
    "beta-tcvae": "engine.methods.beta_tcvae:BetaTCVAE",
    "dip-vae-i": "engine.methods.dip_vae_i:DIPVAEI",
    "dip-vae-ii": "engine.methods.dip_vae_ii:DIPVAEII",
    "hf-vae": "engine.methods.hf_vae:HFVAE",
    "ib-gan": "engine.methods.ib_gan:IBGAN",
    "chy-vae": "engine.methods.chy_vae:CHyVAE",
    "qlae": "engine.methods.qlae:QLAE",
    "q-infogan": "engine.methods.q_infogan:QInfoGAN",
    "osr-gan": "engine.methods.osr_gan:OSRGAN",
}
METHODS = Registry("crtui.methods", OWN_METHODS, lambda plugin: plugin.target)
"""The place of each method's class: ours, and those of other packages."""


def method_class(name: str) -> type[AnyMethod]:
    """The class of the method called ``name``.

    Raises:
        InputError: there is no such method, or another package brings it and it cannot be used.
    """
    if name not in METHODS:
        raise InputError(f"there is no method '{name}'{did_you_mean(name, METHODS)} (methods: {', '.join(METHODS)})")
    plugin = METHODS.plugin(name)
    if plugin is not None:
        return _class_of(plugin)
    module, _, attribute = METHODS[name].partition(":")
    found: type[AnyMethod] = getattr(importlib.import_module(module), attribute)
    return found


def usable_methods() -> list[str]:
    """The names of all methods but those of other packages that cannot be used; a warning names each of these."""
    usable = []
    for name in METHODS:
        try:
            method_class(name)
        except InputError as error:
            leave_out(error)
        else:
            usable.append(name)
    return usable


def require_installed(name: str, whose: str, package: str | None = None) -> None:
    """Refuse what a method made that is not installed here.

    Args:
        name: of the method.
        whose: what it made, as the beginning of the sentence: ``"run 20260101-120000-abcdef"``.
        package: name and version of the package that brought it, if that is known.

    Raises:
        InputError: there is no such method here.
    """
    if name not in METHODS:
        wanted = f"the package {package}" if package else "the package that brings it"
        raise InputError(
            f"{whose} was made with the method '{name[:80]}', which is not installed here; install {wanted} in this "
            "environment"
        )


def package_of(name: str) -> str | None:
    """Name and version of the other package that brings a method; ``None`` for one of our own."""
    plugin = METHODS.plugin(name)
    return None if plugin is None else plugin.package


def _class_of(plugin: Plugin) -> type[AnyMethod]:
    """The class that another package brings.

    Raises:
        InputError: it cannot be used.
    """
    from engine.methods.base import Method

    found = plugin.load()
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise plugin.unusable(f"{plugin.target} is no subclass of engine.methods.base.Method")
    settings = getattr(found, "settings_type", None)
    named = settings.model_fields["name"].default if settings is not None else None
    if named != plugin.name or not isinstance(getattr(found, "summary", None), str):
        raise plugin.unusable(f"the class needs a summary, and settings_type.name must be '{plugin.name}' by default")
    return found
