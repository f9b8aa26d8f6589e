"""The ranker on a GPU: how many users a second, how late, and whether the scores are the CPU's."""
