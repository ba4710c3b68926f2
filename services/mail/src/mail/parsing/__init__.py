"""Raw bytes of one hostile mail in, bounded plain data out.

The structure is split by a linear scanner of our own and only single headers are given to the standard library: of the
ready parsers, tried on the sample mails, fast-mail-parser 0.10 takes a line that merely begins with a boundary for that
boundary, loses bytes of 8-bit bodies and refuses a mail beyond its depth, while `compat32`'s feed parser recurses per
level and costs depth x lines. Neither can stop at a number of parts or a depth and hand over what it has so far, which
is what a mail desk needs.
"""
