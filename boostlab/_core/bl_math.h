/* exp and log for the kernels: the same bits on every CPU tier.
 *
 * Only IEEE + - * /, comparisons and integer shifts, no branch and no table, so that
 * compilers turn a loop over them into vector code, and no call of the system's
 * library, whose last bit differs between versions. Measured errors: at most 1.1 ulp
 * (bl_exp), 0.9 ulp (bl_log), 1.2 ulp (bl_log1p). Compile with -ffp-contract=off, and
 * with -fno-trapping-math for the vector code.
 *
 * The polynomials interpolate at Chebyshev nodes; relative errors of approximation are
 * 1.7e-17 (exp) and 4.8e-18 (log).
 */
#ifndef BOOSTLAB_MATH_H
#define BOOSTLAB_MATH_H

#include <stdint.h>
#include <string.h>

/* Adding 1.5 * 2^52 leaves the nearest integer in the low bits of the sum. */
#define BL_MATH_ROUNDER 0x1.8p52
#define BL_LOG2_E 0x1.71547652b82fep+0
#define BL_LN2_HIGH 0x1.62e42fefa3800p-1   /* times any exponent: exact */
#define BL_LN2_LOW 0x1.ef35793c76730p-45

static inline uint64_t bl_to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double bl_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x between low and high; NaN stays. */
static inline double bl_clip(double x, double low, double high)
{
    double raised = x < low ? low : x;
    return raised > high ? high : raised;
}

/* 2^exponent for a two's complement exponent in [-1022, 1023]. */
static inline double bl_power_of_two(uint64_t exponent)
{
    return bl_from_bits((exponent + 1023) << 52);
}

/* exp(x) = p * 2^n; returns p and puts n, two's complement, into exponent. */
static inline double bl_exp_parts(double x, uint64_t *exponent)
{
    double shifted = x * BL_LOG2_E + BL_MATH_ROUNDER;
    double n = shifted - BL_MATH_ROUNDER;
    double r = (x - n * BL_LN2_HIGH) - n * BL_LN2_LOW;
    double r2 = r * r, r4 = r2 * r2;
    /* (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2 */
    double q01 = 0x1.0000000000001p-1 + r * 0x1.5555555555556p-3;
    double q23 = 0x1.5555555553d5ep-5 + r * 0x1.11111111109b2p-7;
    double q45 = 0x1.6c16c1788dc33p-10 + r * 0x1.a01a01a7c54aep-13;
    double q67 = 0x1.a019b905bafb1p-16 + r * 0x1.71de0da9d06acp-19;
    double q89 = 0x1.28918e390a71ep-22 + r * 0x1.af38b4925be09p-26;
    double q = (q01 + r2 * q23) + r4 * ((q45 + r2 * q67) + r4 * q89);
    *exponent = bl_to_bits(shifted) - bl_to_bits(BL_MATH_ROUNDER);
    return 1.0 + (r + r2 * q);
}

/* exp(x): infinity above 709.78, subnormals and then 0 below -708.4, NaN for NaN. */
static inline double bl_exp(double x)
{
    uint64_t exponent;
    double p = bl_exp_parts(bl_clip(x, -746.0, 710.0), &exponent);
    /* Two factors: n reaches 1024 and -1076, beyond what one can hold. The shift is
     * logical, which every instruction set has, hence the offset. */
    uint64_t half = ((exponent + 2048) >> 1) - 1024;
    return p * bl_power_of_two(half) * bl_power_of_two(exponent - half);
}

/* exp(x) with x clipped to +-500, far from overflow; NaN for NaN. The same bits as
 * bl_exp there, faster. */
static inline double bl_exp_clipped(double x)
{
    uint64_t exponent;
    double p = bl_exp_parts(bl_clip(x, -500.0, 500.0), &exponent);
    return p * bl_power_of_two(exponent);
}

/* log(x): -infinity at 0, NaN below 0 and for NaN, infinity at infinity. */
static inline double bl_log(double x)
{
    double lifted = x * 0x1p54;
    double normal = x < 0x1p-1022 ? lifted : x;
    double bias = x < 0x1p-1022 ? 1023.0 + 54.0 : 1023.0;
    /* x = 2^k * m with m in [sqrt(1/2), sqrt(2)): move the cut of the exponent. */
    uint64_t bits = bl_to_bits(normal) + (0x3FF0000000000000u - 0x3FE6A09E667F3BCDu);
    uint64_t exponent = bits >> 52;
    double m = bl_from_bits((bits & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu);
    double k = bl_from_bits(0x4330000000000000u | exponent) - 0x1p52 - bias;
    /* log(1 + f) = f - f^2 / 2 + s * (f^2 / 2 + R(s^2)), s = f / (2 + f) */
    double f = m - 1.0;
    double s = f / (2.0 + f);
    double z = s * s, z2 = z * z;
    double r01 = 0x1.5555555555558p-1 + z * 0x1.9999999995273p-2;
    double r23 = 0x1.2492492dfd86cp-2 + z * 0x1.c71c62d5e53e0p-3;
    double r45 = 0x1.7462b91b8df65p-3 + z * 0x1.39fdcceb4bb45p-3;
    double r456 = r45 + z2 * 0x1.2b5f68a50d903p-3;
    double rest = z * ((r01 + z2 * r23) + (z2 * z2) * r456);
    double half = 0.5 * f * f;
    double small = s * (half + rest) + k * BL_LN2_LOW;
    double result = k * BL_LN2_HIGH - ((half - small) - f);
    double infinity = bl_from_bits(0x7FF0000000000000u);
    result = x == infinity ? infinity : result;
    result = x == 0.0 ? -infinity : result;
    return x >= 0.0 ? result : bl_from_bits(0x7FF8000000000000u);
}

/* log(1 + x) for finite x >= 0, with full relative precision for small x. */
static inline double bl_log1p(double x)
{
    double sum = 1.0 + x;
    double lost = x - (sum - 1.0);
    return bl_log(sum) + lost / sum;
}

#endif
