"""Content on disk, read into the model: packs, manifests, instructions, starters."""
