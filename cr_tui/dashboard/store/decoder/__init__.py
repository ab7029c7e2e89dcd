"""Images from latents, in a process of their own."""
