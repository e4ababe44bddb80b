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

/* The first bin of the greatest gain, or -1 where none is above 0. */
static inline int32_t bl_first_best(const double *gains, int32_t n)
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
        return -1;
    int32_t b = 0;
    while (gains[b] != top)
        b++;
    return b;
}

/* Take the best of these gains if it beats `best`, or equals it in an earlier bin. */
static inline void bl_take_best(const double *gains, int32_t n, int missing_left,
                                bl_split *best)
{
    int32_t b = bl_first_best(gains, n);
    if (b < 0 || gains[b] < best->gain || (gains[b] == best->gain && b >= best->bin))
        return;
    best->gain = gains[b];
    best->bin = b;
    best->missing_left = (uint8_t)missing_left;
}

static inline void bl_best_split_single(const int64_t *cells, int32_t n_bins,
                                        const bl_format *format, const bl_params *params,
                                        const int64_t *total_words, bl_split *best)
{
    int64_t left_g[BL_MAX_BINS + 1];
    uint64_t left_hw[BL_MAX_BINS + 1];
    double gains[BL_MAX_BINS + 1];
    const bl_cell missing = {cells[2 * BL_MISSING], (uint64_t)cells[2 * BL_MISSING + 1]};
    const bl_cell total = {total_words[0], (uint64_t)total_words[1]};
    int64_t g = 0;
    uint64_t hw = 0;

    for (int32_t b = 0; b < n_bins; b++) {
        left_g[b] = g += cells[2 * b];
        left_hw[b] = hw += (uint64_t)cells[2 * b + 1];
    }
    int32_t n = missing.hw ? n_bins : n_bins - 1;
    if (format->has_hessian)
        bl_gains(left_g, left_hw, n, format, params, &total, 1, gains);
    else
        bl_gains(left_g, left_hw, n, format, params, &total, 0, gains);
    bl_take_best(gains, n, 0, best);
    if (!missing.hw) {
        if (best->bin >= 0) {
            uint64_t left_w = bl_weight_lane(left_hw[best->bin], format);
            best->missing_left = left_w >= bl_weight_lane(total.hw, format) - left_w;
        }
        return;
    }
    n = n_bins - 1;
    for (int32_t b = 0; b < n; b++) {
        left_g[b] += missing.g;
        left_hw[b] += missing.hw;
    }
    if (format->has_hessian)
        bl_gains(left_g, left_hw, n, format, params, &total, 1, gains);
    else
        bl_gains(left_g, left_hw, n, format, params, &total, 0, gains);
    bl_take_best(gains, n, 1, best);
}

/* ---- several outputs ---------------------------------------------------------- */

/* Sums over the lanes in a fixed order: halves are added to halves. */
static inline __attribute__((always_inline)) double bl_fold_lanes(double *terms,
                                                                  int lanes)
{
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            terms[k] += terms[k + half];
    return terms[0];
}

/* Scores sum_k G_k^2 / (H_k + l2) of what is left and right of each bin, less that of
 * the node. `start` is what is on the left before the first bin: nothing, or the
 * missing values. An output whose curvature is 0 on either side counts for nothing. */
static inline __attribute__((always_inline)) void bl_gains_of_lanes(
    const int64_t *restrict cells, const int64_t *restrict start, int32_t n,
    const bl_format *format, const bl_params *params, const int64_t *restrict total,
    int lanes, int has_hessian, double *restrict gains)
{
    const double g_unit = 1.0 / format->g_scale, w_unit = 1.0 / format->w_scale;
    const double h_unit = has_hessian ? 1.0 / format->h_scale : w_unit;
    const int w_bits = has_hessian ? format->w_bits : 0;
    const double l2 = params->l2, min_w = params->min_leaf_weight;
    const double min_h = params->min_leaf_hessian;
    double terms[BL_MAX_LANES], hessians[BL_MAX_LANES], right_hessians[BL_MAX_LANES];
    int64_t left[2 * BL_MAX_LANES];
    uint64_t w_all = bl_weight_lane((uint64_t)total[lanes], format);
    for (int k = 0; k < lanes; k++) {
        double g = (double)total[k] * g_unit;
        double d = (double)(int64_t)((uint64_t)total[lanes + k] >> w_bits) * h_unit + l2;
        terms[k] = d > 0 ? g * g / d : 0.0;
    }
    const double parent = bl_fold_lanes(terms, lanes);
    for (int j = 0; j < 2 * lanes; j++)
        left[j] = start ? start[j] : 0;
    for (int32_t b = 0; b < n; b++, cells += 2 * lanes) {
        for (int k = 0; k < lanes; k++) {
            int64_t g = left[k] += cells[k];
            uint64_t hw = (uint64_t)left[lanes + k] + (uint64_t)cells[lanes + k];
            left[lanes + k] = (int64_t)hw;
            uint64_t others = (uint64_t)total[lanes + k] - hw;
            double hl = (double)(int64_t)(hw >> w_bits) * h_unit;
            double hr = (double)(int64_t)(others >> w_bits) * h_unit;
            double gl = (double)g * g_unit, gr = (double)(total[k] - g) * g_unit;
            double dl = hl + l2, dr = hr + l2, both = dl * dr;
            double score = (gl * gl * dr + gr * gr * dl) / (both > 0 ? both : 1.0);
            terms[k] = both > 0 ? score : 0.0;
            hessians[k] = hl;
            right_hessians[k] = hr;
        }
        uint64_t w = bl_weight_lane((uint64_t)left[lanes], format);
        double wl = (double)(int64_t)w * w_unit;
        double wr = (double)(int64_t)(w_all - w) * w_unit;
        double score = bl_fold_lanes(terms, lanes), gain = score - parent;
        int valid = (wl >= min_w) & (wr >= min_w) & (w > 0) & (w_all > w)
            & (bl_fold_lanes(hessians, lanes) >= min_h)
            & (bl_fold_lanes(right_hessians, lanes) >= min_h)
            & (gain > BL_GAIN_FLOOR * score);
        gains[b] = valid ? bl_coarse(gain) : -1.0;
    }
}

static inline __attribute__((always_inline)) void bl_best_split_lanes(
    const int64_t *cells, int32_t n_bins, const bl_format *format,
    const bl_params *params, const int64_t *total, int lanes, int has_hessian,
    bl_split *best)
{
    double gains[BL_MAX_BINS + 1];
    const int64_t *missing = cells + (int64_t)BL_MISSING * 2 * lanes;
    int any_missing = missing[lanes] != 0;
    int32_t n = any_missing ? n_bins : n_bins - 1;
    bl_gains_of_lanes(cells, NULL, n, format, params, total, lanes, has_hessian, gains);
    bl_take_best(gains, n, 0, best);
    if (any_missing) {
        bl_gains_of_lanes(cells, missing, n_bins - 1, format, params, total, lanes,
                          has_hessian, gains);
        bl_take_best(gains, n_bins - 1, 1, best);
    } else if (best->bin >= 0) {
        uint64_t left = 0;
        for (int32_t b = 0; b <= best->bin; b++)
            left += (uint64_t)cells[b * 2 * lanes + lanes];
        left = bl_weight_lane(left, format);
        best->missing_left =
            left >= bl_weight_lane((uint64_t)total[lanes], format) - left;
    }
}

#define BL_BEST_OF_LANES(count)                                                        \
    case count:                                                                       \
        if (format->has_hessian)                                                      \
            bl_best_split_lanes(cells, n_bins, format, params, total, count, 1, best); \
        else                                                                          \
            bl_best_split_lanes(cells, n_bins, format, params, total, count, 0, best); \
        break;

static void bl_best_split(const int64_t *cells, int32_t n_bins, const bl_format *format,
                          const bl_params *params, const int64_t *total, bl_split *best)
{
    *best = (bl_split){.bin = -1};
    if (n_bins < 1)
        return;
    switch (format->lanes) {
        BL_BEST_OF_LANES(2)
        BL_BEST_OF_LANES(4)
        BL_BEST_OF_LANES(8)
        BL_BEST_OF_LANES(16)
    default: bl_best_split_single(cells, n_bins, format, params, total, best);
    }
}
