"""Images and traversals in terminal cells and by terminal graphics."""
