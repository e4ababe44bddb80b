/* From float64 derivatives to integer words; see boostlab_core.h for the rules. */
#include <float.h>
#include <math.h>
#include <string.h>

/* 1.5 * 2^52: adding it leaves the nearest integer (half to even) in the low bits,
 * exactly, for |x| < 2^51. */
#define BL_ROUNDER 6755399441055744.0

static inline int64_t bl_bits(double x)
{
    int64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

static inline int64_t bl_nearest(double x)
{
    return bl_bits(x + BL_ROUNDER) - bl_bits(BL_ROUNDER);
}

static inline int64_t bl_floor(double x)
{
    double nearest = (x + BL_ROUNDER) - BL_ROUNDER;
    return bl_nearest(x) - (nearest > x);
}

/* `bits` are 32 random ones. */
static inline int64_t bl_quantum(double scaled, int dither, uint64_t bits)
{
    if (dither)
        return bl_floor(scaled + (double)(int64_t)bits * 0x1p-32);
    return bl_nearest(scaled);
}

/* The combinations are compile-time constants of the callers below. */
static inline __attribute__((always_inline)) void bl_quantize_of(
    const double *restrict gradient, const double *restrict hessian,
    const double *restrict weight, const int32_t *restrict rows, int64_t first,
    int64_t n, const bl_format *restrict format, uint64_t seed, int dither_g,
    int dither_h, int wide, int64_t stride, int64_t *restrict words)
{
    const double g_scale = format->g_scale, h_scale = format->h_scale;
    const double w_scale = format->w_scale;
    const int g_shift = format->g_shift, h_shift = format->h_shift;
    const int w_bits = format->w_bits;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = rows ? rows[first + i] : first + i;
        uint64_t hash = dither_g || dither_h ? bl_hash(seed, (uint64_t)row, 0) : 0;
        int64_t g = bl_quantum(gradient[row] * g_scale, dither_g, hash >> 32);
        int64_t h = 0, w = 1;
        if (hessian)
            h = bl_quantum(hessian[row] * h_scale, dither_h, hash & 0xFFFFFFFFu);
        if (weight) {
            w = bl_nearest(weight[row] * w_scale);
            w = w < 1 ? 1 : w;
        }
        if (wide) {
            words[row * stride] = g;
            words[row * stride + format->lanes] =
                (int64_t)((uint64_t)h << w_bits | (uint64_t)w);
        } else {
            uint64_t low = (uint64_t)h << h_shift | (uint64_t)w;
            words[row * stride] = (int64_t)(((uint64_t)g << g_shift) + low);
        }
    }
}

#define BL_QUANTIZE(h, w, r, dither_g, dither_h, wide, stride)                        \
    bl_quantize_of(gradient, h, w, r, first, n, format, seed, dither_g, dither_h,     \
                   wide, stride, words)

static void bl_quantize(const double *gradient, const double *hessian,
                        const double *weight, const int32_t *rows, int64_t first,
                        int64_t n, const bl_format *format, uint64_t seed,
                        int64_t stride, int64_t *words)
{
    int dither_g = format->dither_g, dither_h = format->dither_h;
    if (stride == 1 && hessian && !weight && !rows)    /* hot, without branches */
        BL_QUANTIZE(hessian, NULL, NULL, 1, 1, 0, 1);
    else if (stride == 1 && !hessian && !weight && !rows && !dither_g)
        BL_QUANTIZE(NULL, NULL, NULL, 0, 0, 0, 1);
    else if (!format->wide)
        BL_QUANTIZE(hessian, weight, rows, dither_g, dither_h, 0, stride);
    else
        BL_QUANTIZE(hessian, weight, rows, dither_g, dither_h, 1, stride);
}

/* ((0+4)+(2+6)) + ((1+5)+(3+7)): the fixed order of every float64 block sum. */
static inline double bl_fold(const double *acc)
{
    return ((acc[0] + acc[4]) + (acc[2] + acc[6]))
        + ((acc[1] + acc[5]) + (acc[3] + acc[7]));
}

static inline __attribute__((always_inline)) void bl_extent_of(
    const double *restrict gradient, const double *restrict hessian,
    const double *restrict weight, const int32_t *restrict rows, int64_t n,
    bl_extent *restrict extent)
{
    double squares[8] = {0}, max_g[8] = {0}, max_h[8] = {0}, max_w[8] = {0};
    int not_finite = 0, negative = 0, fractional = 0;
    for (int64_t start = 0; start < n; start += 8) {
        int64_t lanes = n - start < 8 ? n - start : 8;
        for (int64_t j = 0; j < lanes; j++) {
            int64_t row = rows ? rows[start + j] : start + j;
            double g = fabs(gradient[row]);
            not_finite |= !(g <= DBL_MAX);
            max_g[j] = g > max_g[j] ? g : max_g[j];
            squares[j] += g * g;
            if (hessian) {
                double h = hessian[row];
                not_finite |= !(fabs(h) <= DBL_MAX);
                negative |= h < 0;
                max_h[j] = h > max_h[j] ? h : max_h[j];
            }
            if (weight) {
                double w = weight[row];
                not_finite |= !(fabs(w) <= DBL_MAX);
                negative |= w <= 0;
                fractional |= (w + BL_ROUNDER) - BL_ROUNDER != w;
                max_w[j] = w > max_w[j] ? w : max_w[j];
            }
        }
    }
    for (int j = 0; j < 8; j++) {
        extent->max_g = max_g[j] > extent->max_g ? max_g[j] : extent->max_g;
        extent->max_h = max_h[j] > extent->max_h ? max_h[j] : extent->max_h;
        extent->max_w = max_w[j] > extent->max_w ? max_w[j] : extent->max_w;
    }
    extent->sum_gg += bl_fold(squares);
    extent->not_finite |= not_finite;
    extent->negative |= negative;
    extent->fractional |= fractional;
}

static void bl_extent_block(const double *gradient, const double *hessian,
                            const double *weight, const int32_t *rows, int64_t n,
                            bl_extent *extent)
{
    if (!rows && !weight && hessian)
        bl_extent_of(gradient, hessian, NULL, NULL, n, extent);
    else if (!rows && !weight)
        bl_extent_of(gradient, NULL, NULL, NULL, n, extent);
    else
        bl_extent_of(gradient, hessian, weight, rows, n, extent);
}

static inline __attribute__((always_inline)) void bl_exact_sum_of(
    const double *restrict values, const int32_t *restrict rows, int64_t n, double scale,
    bl_exact *sum)
{
    int64_t high = 0, low = 0;
    for (int64_t i = 0; i < n; i++) {
        double scaled = values[rows ? rows[i] : i] * scale;
        double nearest = (scaled + BL_ROUNDER) - BL_ROUNDER;
        high += bl_nearest(scaled);
        low += bl_nearest((scaled - nearest) * 0x1p35);
    }
    sum->high += high;
    sum->low += low;
}

static void bl_exact_sum(const double *values, const int32_t *rows, int64_t n,
                         double scale, bl_exact *sum)
{
    if (rows)
        bl_exact_sum_of(values, rows, n, scale, sum);
    else
        bl_exact_sum_of(values, NULL, n, scale, sum);
}
