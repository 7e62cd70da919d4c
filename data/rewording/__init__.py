"""Other wordings of a sentence, by rule: what contradicts it, what follows from it, and what goes beyond it."""
