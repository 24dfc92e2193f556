"""A stranger's images: from files to a prior, an answer and a report, and how useful each prior is."""
