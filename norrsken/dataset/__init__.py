"""What annotators said, merged beside the frames → the clean data set and its splits (section 2.2).

`labels` and `selections` read what people made; `published` reads the data set of the paper instead, `pictures` a
folder of pictures with a table; `sample` reads how frames were drawn, and weighs them by it; `splits` divides the clean
frames; `agreement` compares the annotators; `drift` tells how far a frozen release has moved from its sources.
"""
