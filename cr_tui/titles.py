"""What the face calls the engine's names."""

SCORE_TITLES = {
    "factor_vae": "FactorVAE",
    "mig": "MIG",
    "dci_disentanglement": "DCI-D",
    "sap": "SAP",
    "beta_vae": "BetaVAE",
    "modularity": "Modular.",
    "explicitness": "Explicit.",
    "dci_completeness": "DCI-C",
    "dci_informativeness": "DCI-I",
}
"""Headers of the scores, the most telling first. A score that is not named here is headed by its name."""
