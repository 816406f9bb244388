"""What a loop costs on a core with vector units: from its source, or from what a compiler made of it."""
