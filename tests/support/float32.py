"""Error bounds of float32 arithmetic that tests of several methods rest on."""

from __future__ import annotations

# torch draws normal numbers as sqrt(-2 log u) cos(2 pi v) from uniform numbers of 24 bits, which are
# the same everywhere. Its vector code and its plain code round the angle (up to 6.3) and two pi
# itself differently: 4.2e-7 together, half an ulp each, plus an ulp of the cosine (1.2e-7). The radius
# is at most sqrt(-2 log 2^-24) = 5.8, so two machines differ by at most 3.2e-6; measured 2.2e-6 in a
# million draws.
NORMAL_DRAW = 3.2e-6

# Two operations on values in 0..1, each rounded to half an ulp (2^-24).
TWO_ROUNDINGS = 2**-23
