"""Files and folders on disk: atomic writes, checksums, job journals, and what some file systems cannot do."""
