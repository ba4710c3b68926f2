"""Raw bytes of one hostile mail in, bounded plain data out.

The structure is split by a scanner of our own and only single headers are given to the standard library, because
both ready parsers were tried on the sample mails: fast-mail-parser 0.10 takes every line that merely begins with a
boundary for that boundary, loses bytes of 8-bit bodies and fails as a whole beyond its depth, while the stdlib's
`compat32` feed parser recurses per level and costs depth x lines. Neither can stop at a number of parts or a depth
and hand over what it has, which is what a mail desk needs.
"""
