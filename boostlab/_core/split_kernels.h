/* The best split of one feature. The expressions and their order are part of the
 * interface: every tier, and the oracle in the tests, must give the same bits. */
#include <math.h>
#include <string.h>

#define BL_GAIN_FLOOR 1e-12    /* of the children's score: below is rounding noise */

typedef struct {
    double g, h, w;
} bl_real;

static inline bl_real bl_to_real(int64_t g, uint64_t hw, const bl_format *format)
{
    bl_real real;
    real.g = (double)g * (1.0 / format->g_scale);
    if (format->has_hessian) {
        real.h = (double)(int64_t)(hw >> format->w_bits) * (1.0 / format->h_scale);
        real.w = (double)(int64_t)bl_weight_lane(hw, format) * (1.0 / format->w_scale);
    } else {
        real.h = real.w = (double)(int64_t)hw * (1.0 / format->w_scale);
    }
    return real;
}

/* A gain cut to 23 bits of mantissa. Gains that are equal but for rounding compare as
 * equal, and the tie rule decides, not the noise of fixed point. */
static inline double bl_coarse(double gain)
{
    int64_t bits;
    memcpy(&bits, &gain, 8);
    bits &= ~(((int64_t)1 << 29) - 1);
    memcpy(&gain, &bits, 8);
    return gain;
}

/* Gains of splitting after each of n bins, given the sums on the left; -1 where the
 * split is not allowed. */
static inline __attribute__((always_inline)) void bl_gains(
    const int64_t *restrict left_g, const uint64_t *restrict left_hw, int32_t n,
    const bl_format *format, const bl_params *params, const bl_cell *total,
    int has_hessian, double *restrict gains)
{
    const double g_unit = 1.0 / format->g_scale, w_unit = 1.0 / format->w_scale;
    const double h_unit = has_hessian ? 1.0 / format->h_scale : w_unit;
    const int w_bits = has_hessian ? format->w_bits : 0;
    const uint64_t w_mask = has_hessian ? ((uint64_t)1 << w_bits) - 1 : ~(uint64_t)0;
    const double l2 = params->l2, min_w = params->min_leaf_weight;
    const double min_h = params->min_leaf_hessian;
    const bl_real all = bl_to_real(total->g, total->hw, format);
    const double parent = all.g * all.g / (all.h + l2);
    for (int32_t b = 0; b < n; b++) {
        int64_t lg = left_g[b], rg = total->g - lg;
        uint64_t lhw = left_hw[b], rhw = total->hw - lhw;
        int64_t lw = (int64_t)(lhw & w_mask), rw = (int64_t)(rhw & w_mask);
        double gl = (double)lg * g_unit, gr = (double)rg * g_unit;
        double hl = (double)(int64_t)(lhw >> w_bits) * h_unit;
        double hr = (double)(int64_t)(rhw >> w_bits) * h_unit;
        double wl = (double)lw * w_unit, wr = (double)rw * w_unit;
        double dl = hl + l2, dr = hr + l2;
        double score = gl * gl / dl + gr * gr / dr;
        double gain = score - parent;
        int valid = (wl >= min_w) & (wr >= min_w) & (hl >= min_h) & (hr >= min_h)
            & (lw > 0) & (rw > 0) & (dl > 0) & (dr > 0)
            & (gain > BL_GAIN_FLOOR * score);
        gains[b] = valid ? bl_coarse(gain) : -1.0;
    }
}

static inline void bl_take_best(const double *gains, int32_t n, int64_t *left_g,
                                uint64_t *left_hw, int missing_left, bl_split *best)
{
    double lanes[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, top = -1.0;
    int32_t whole = n & ~7;
    for (int32_t b = 0; b < whole; b += 8)    /* eight maxima: no chain of compares */
        for (int j = 0; j < 8; j++)
            lanes[j] = gains[b + j] > lanes[j] ? gains[b + j] : lanes[j];
    for (int32_t b = whole; b < n; b++)
        lanes[b - whole] = gains[b] > lanes[b - whole] ? gains[b] : lanes[b - whole];
    for (int j = 0; j < 8; j++)
        top = lanes[j] > top ? lanes[j] : top;
    if (!(top > 0.0))
        return;
    int32_t b = 0;
    while (gains[b] != top)
        b++;
    if (top < best->gain || (top == best->gain && b >= best->bin))
        return;
    best->gain = top;
    best->bin = b;
    best->missing_left = (uint8_t)missing_left;
    best->left_g = left_g[b];
    best->left_hw = left_hw[b];
}

static void bl_best_split(const bl_cell *cells, int32_t n_bins, const bl_format *format,
                          const bl_params *params, const bl_cell *total, bl_split *best)
{
    int64_t left_g[BL_MAX_BINS + 1];
    uint64_t left_hw[BL_MAX_BINS + 1];
    double gains[BL_MAX_BINS + 1];
    const bl_cell missing = cells[BL_MISSING];
    int64_t g = 0;
    uint64_t hw = 0;

    best->gain = 0.0;
    best->bin = -1;
    best->missing_left = 0;
    for (int32_t b = 0; b < n_bins; b++) {
        left_g[b] = g += cells[b].g;
        left_hw[b] = hw += cells[b].hw;
    }
    int32_t n = missing.hw ? n_bins : n_bins - 1;
    if (n <= 0)
        return;
    if (format->has_hessian)
        bl_gains(left_g, left_hw, n, format, params, total, 1, gains);
    else
        bl_gains(left_g, left_hw, n, format, params, total, 0, gains);
    bl_take_best(gains, n, left_g, left_hw, 0, best);
    if (!missing.hw) {
        if (best->bin >= 0) {
            uint64_t left_w = bl_weight_lane(best->left_hw, format);
            best->missing_left = left_w >= bl_weight_lane(total->hw, format) - left_w;
        }
        return;
    }
    n = n_bins - 1;
    for (int32_t b = 0; b < n; b++) {
        left_g[b] += missing.g;
        left_hw[b] += missing.hw;
    }
    if (format->has_hessian)
        bl_gains(left_g, left_hw, n, format, params, total, 1, gains);
    else
        bl_gains(left_g, left_hw, n, format, params, total, 0, gains);
    bl_take_best(gains, n, left_g, left_hw, 1, best);
}
