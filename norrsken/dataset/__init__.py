"""What annotators said, merged beside the frames → the clean data set and its splits (section 2.2).

`labels` and `selections` read what people made; `published` reads a published data set instead; `splits` divides the
clean frames; `agreement` compares the annotators; `drift` tells how far a frozen release has moved from its sources.
"""
