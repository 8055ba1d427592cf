"""A model, a seed and a split → a trained model with its scores (section 2.3).

`features` are computed once for each release, `run` is one training, `tuning` compares settings on validation frames.
"""
