"""The methods by name. A method is one file, one line here, and its presets (:mod:`engine.methods.preset_files`).

The line names the module and the class. A module is imported when its method is asked for.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.methods.base import AnyMethod

METHODS = {
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
}


def method_class(name: str) -> type[AnyMethod]:
    """The class of the method called ``name``.

    Raises:
        InputError: there is no such method.
    """
    if name not in METHODS:
        close = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise InputError(f"there is no method '{name}'{hint} (methods: {', '.join(METHODS)})")
    module, _, attribute = METHODS[name].partition(":")
    found: type[AnyMethod] = getattr(importlib.import_module(module), attribute)
    return found
