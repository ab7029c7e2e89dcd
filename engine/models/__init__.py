"""Networks and latent codes."""
