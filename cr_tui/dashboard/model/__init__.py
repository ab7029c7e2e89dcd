"""What the screens show and share, as plain data; and how that is kept. No widgets."""
