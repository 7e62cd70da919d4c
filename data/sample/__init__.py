"""Sample corpus, claims and relevance judgments bundled with claimhound."""
