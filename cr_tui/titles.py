"""Titles of the scores, for tables and charts."""

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
    "factor_vae_revised": "FactorVAE r",
    "factor_vae_ica": "FactorVAE ICA",
    "irs": "IRS",
    "dhsic": "dHSIC",
    "gaussian_total_correlation": "Gauss TC",
    "gaussian_wasserstein_correlation": "Gauss W",
    "gaussian_wasserstein_correlation_norm": "Gauss W/var",
    "mutual_info_score": "Code MI",
    "infomec_modularity": "InfoM",
    "infomec_compactness": "InfoC",
    "infomec_explicitness": "InfoE",
    "jemmig": "JEMMIG",
    "dcimig": "DCIMIG",
    "dci_es_explicitness": "DCI-E",
    "dci_es_size": "DCI-S",
    "inception_score": "Inception",
    "mean_confidence": "Confid.",
    "mode_kl": "Mode KL",
}
"""Headers of the scores, the most telling first. A score that is missing here has its own name as header."""

_REGRESSORS = {
    "lasso": "lasso",
    "lasso_cv": "lasso-CV",
    "random_forest": "RF",
    "random_forest_ibgan": "RF-IB",
    "random_forest_cv": "RF-CV",
    "gradient_boosting": "GBT",
}
SCORE_TITLES |= {
    f"dci_{regressor}_{part}": f"DCI-{part[0].upper()} {short}"
    for regressor, short in _REGRESSORS.items()
    for part in ("disentanglement", "completeness", "informativeness")
}
