/* The best split of one feature where the plain score does not hold: children are valued
 * by rules.h. Slower than split_kernels.h, and used only for trees that ask for it. */
#include "rules.h"

enum { BL_RULED_BINS = 64 };    /* bins scored together: their terms stay in cache */

/* Of each of some consecutive bins: what splitting after it gives. */
typedef struct {
    int64_t left_g[BL_RULED_BINS];
    uint64_t left_hw[BL_RULED_BINS];
    double left_w[BL_RULED_BINS], right_w[BL_RULED_BINS];
    double score[BL_MAX_LANES][BL_RULED_BINS];
    double left_h[BL_MAX_LANES][BL_RULED_BINS], right_h[BL_MAX_LANES][BL_RULED_BINS];
    int64_t valid[BL_RULED_BINS];
} bl_ruled_block;

typedef struct {
    double g_unit, h_unit, w_unit;
    int w_bits;                    /* to shift the hessian out; 0 without one */
} bl_units;

static inline bl_units bl_units_of(const bl_format *format)
{
    bl_units units = {1.0 / format->g_scale, 1.0 / format->w_scale,
                      1.0 / format->w_scale, 0};
    if (format->has_hessian) {
        units.h_unit = 1.0 / format->h_scale;
        units.w_bits = format->w_bits;
    }
    return units;
}

/* Sums on the left after each of n bins of one lane; `left` goes on to the next bins. */
static inline void bl_ruled_sums(const int64_t *cells, int32_t n, int lanes,
                                 int64_t *left_g, int64_t *left_hw, bl_ruled_block *block)
{
    for (int32_t b = 0; b < n; b++, cells += 2 * lanes) {
        *left_g += cells[0];
        *left_hw = (int64_t)((uint64_t)*left_hw + (uint64_t)cells[lanes]);
        block->left_g[b] = *left_g;
        block->left_hw[b] = (uint64_t)*left_hw;
    }
}

static inline void bl_ruled_weights(const bl_format *format, const bl_params *params,
                                    uint64_t total_hw, int32_t n, bl_ruled_block *block)
{
    const double w_unit = 1.0 / format->w_scale, min_w = params->min_leaf_weight;
    const uint64_t all = bl_weight_lane(total_hw, format);
    for (int32_t b = 0; b < n; b++) {
        int64_t w = (int64_t)bl_weight_lane(block->left_hw[b], format);
        int64_t others = (int64_t)all - w;
        double wl = (double)w * w_unit, wr = (double)others * w_unit;
        block->left_w[b] = wl;
        block->right_w[b] = wr;
        block->valid[b] = (wl >= min_w) & (wr >= min_w) & (w > 0) & (others > 0);
    }
}

/* One lane's part of the scores. `unsigned_from`: from this bin on all values are on
 * the left, and the feature's sign says nothing. */
static inline void bl_ruled_lane(const bl_format *format, const bl_params *params,
                                 const bl_rule *rule, const bl_cell *total, int k,
                                 int single, int32_t n, int32_t unsigned_from,
                                 bl_ruled_block *block)
{
    const bl_units units = bl_units_of(format);
    const double l2 = params->l2, smoothing = params->path_smoothing;
    const double parent = rule->value[k], lower = rule->lower[k], upper = rule->upper[k];
    const double sign = k < rule->n_signs ? (double)rule->signs[k] : 0.0;
    for (int32_t b = 0; b < n; b++) {
        uint64_t hw = block->left_hw[b], others = total->hw - hw;
        double gl = (double)block->left_g[b] * units.g_unit;
        double gr = (double)(total->g - block->left_g[b]) * units.g_unit;
        double hl = (double)(int64_t)(hw >> units.w_bits) * units.h_unit;
        double hr = (double)(int64_t)(others >> units.w_bits) * units.h_unit;
        double dl = hl + l2, dr = hr + l2;
        double vl = bl_rule_value(gl, dl, block->left_w[b], params, smoothing, parent,
                                  lower, upper);
        double vr = bl_rule_value(gr, dr, block->right_w[b], params, smoothing, parent,
                                  lower, upper);
        int both = (dl > 0) & (dr > 0);
        double score = bl_rule_score(gl, dl, vl, params)
            + bl_rule_score(gr, dr, vr, params);
        block->score[k][b] = both ? score : 0.0;
        block->left_h[k][b] = hl;
        block->right_h[k][b] = hr;
        block->valid[b] &= (b >= unsigned_from) | (sign * (vr - vl) >= 0);
        block->valid[b] &= (single == 0) | both;
    }
}

static inline void bl_fold_rows(double (*terms)[BL_RULED_BINS], int lanes)
{
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            for (int b = 0; b < BL_RULED_BINS; b++)
                terms[k][b] += terms[k + half][b];
}

/* What the node itself scores, by the value it has. */
static inline double bl_ruled_parent(const bl_format *format, const bl_params *params,
                                     const bl_rule *rule, const int64_t *total)
{
    const bl_units units = bl_units_of(format);
    const int lanes = format->lanes;
    double terms[BL_MAX_LANES] = {0};
    for (int k = 0; k < lanes; k++) {
        uint64_t hw = (uint64_t)total[lanes + k];
        double g = (double)total[k] * units.g_unit;
        double d = (double)(int64_t)(hw >> units.w_bits) * units.h_unit + params->l2;
        terms[k] = d > 0 ? bl_rule_score(g, d, rule->value[k], params) : 0.0;
    }
    return bl_fold_lanes(terms, lanes);
}

/* Gains of splitting after each of n bins; -1 where that is not allowed. `start` is what
 * is on the left before the first bin: nothing, or the missing values. */
static inline void bl_ruled_gains(const int64_t *cells, const int64_t *start, int32_t n,
                                  int32_t n_bins, const bl_format *format,
                                  const bl_params *params, const bl_rule *rule,
                                  const int64_t *total, double *gains)
{
    const int lanes = format->lanes;
    const double parent = bl_ruled_parent(format, params, rule, total);
    const double min_h = params->min_leaf_hessian;
    bl_ruled_block block;
    int64_t left[2 * BL_MAX_LANES];
    memset(&block, 0, sizeof block);
    for (int j = 0; j < 2 * lanes; j++)
        left[j] = start ? start[j] : 0;
    for (int32_t first = 0; first < n; first += BL_RULED_BINS) {
        int32_t count = n - first < BL_RULED_BINS ? n - first : BL_RULED_BINS;
        for (int k = 0; k < lanes; k++) {
            const bl_cell all = {total[k], (uint64_t)total[lanes + k]};
            bl_ruled_sums(cells + (int64_t)first * 2 * lanes + k, count, lanes, left + k,
                          left + lanes + k, &block);
            if (k == 0)
                bl_ruled_weights(format, params, all.hw, count, &block);
            bl_ruled_lane(format, params, rule, &all, k, lanes == 1, count,
                          n_bins - 1 - first, &block);
        }
        bl_fold_rows(block.score, lanes);
        bl_fold_rows(block.left_h, lanes);
        bl_fold_rows(block.right_h, lanes);
        for (int32_t b = 0; b < count; b++) {
            double score = block.score[0][b], gain = score - parent;
            double noise = BL_GAIN_FLOOR * (fabs(score) + fabs(parent));
            int valid = block.valid[b] & (block.left_h[0][b] >= min_h)
                & (block.right_h[0][b] >= min_h) & (gain > noise);
            gains[first + b] = valid ? bl_coarse(gain) : -1.0;
        }
    }
}

/* Leave one candidate of all, drawn by the rule's hash: a bin from the first that has
 * rows to the one before the last that has; or all values against the missing ones. */
static inline void bl_keep_random(const int64_t *cells, int32_t n_bins,
                                  const bl_format *format, const bl_rule *rule,
                                  int any_missing, double (*gains)[BL_MAX_BINS + 1])
{
    const int lanes = format->lanes;
    int32_t low = 0, high = n_bins - 1, pick = -1;
    while (low < high && cells[(int64_t)low * 2 * lanes + lanes] == 0)
        low++;
    while (high > low && cells[(int64_t)high * 2 * lanes + lanes] == 0)
        high--;
    uint64_t n_candidates = (uint64_t)(high - low) + (uint64_t)(any_missing != 0);
    if (n_candidates > 0) {
        pick = low + (int32_t)((rule->random >> 32) * n_candidates >> 32);
        pick = pick < high ? pick : n_bins - 1;
    }
    for (int32_t b = 0; b < n_bins; b++)
        if (b != pick)
            gains[0][b] = gains[1][b] = -1.0;
}

/* Gains of splitting after each bin, missing values right and left. */
static inline void bl_ruled_sides(const int64_t *cells, int32_t n_bins,
                                  const bl_format *format, const bl_params *params,
                                  const bl_rule *rule, const int64_t *total,
                                  double (*gains)[BL_MAX_BINS + 1])
{
    const int lanes = format->lanes;
    const int64_t *missing = cells + (int64_t)BL_MISSING * 2 * lanes;
    int any_missing = missing[lanes] != 0;
    gains[0][n_bins - 1] = gains[1][n_bins - 1] = -1.0;
    bl_ruled_gains(cells, NULL, any_missing ? n_bins : n_bins - 1, n_bins, format, params,
                   rule, total, gains[0]);
    if (any_missing)
        bl_ruled_gains(cells, missing, n_bins - 1, n_bins, format, params, rule, total,
                       gains[1]);
    else
        memcpy(gains[1], gains[0], (size_t)(n_bins - 1) * sizeof **gains);
    if (params->random_splits)
        bl_keep_random(cells, n_bins, format, rule, any_missing, gains);
}

static void bl_best_ruled(const int64_t *cells, int32_t n_bins, const bl_format *format,
                          const bl_params *params, const bl_rule *rule,
                          const int64_t *total, bl_split *best)
{
    double gains[2][BL_MAX_BINS + 1];
    const int lanes = format->lanes;
    *best = (bl_split){.bin = -1};
    if (n_bins < 1)
        return;
    bl_ruled_sides(cells, n_bins, format, params, rule, total, gains);
    bl_take_best(gains[0], n_bins, 0, best);
    if (cells[(int64_t)BL_MISSING * 2 * lanes + lanes] != 0) {
        bl_take_best(gains[1], n_bins - 1, 1, best);
    } else if (best->bin >= 0) {
        uint64_t left = 0;
        for (int32_t b = 0; b <= best->bin; b++)
            left += (uint64_t)cells[(int64_t)b * 2 * lanes + lanes];
        left = bl_weight_lane(left, format);
        best->missing_left =
            left >= bl_weight_lane((uint64_t)total[lanes], format) - left;
    }
}

/* Add the gains that a node allows to the sums of its level, missing values right, then
 * left. Without missing rows the two are the same. */
static void bl_add_ruled(const int64_t *cells, int32_t n_bins, const bl_format *format,
                         const bl_params *params, const bl_rule *rule,
                         const int64_t *total, double *sums)
{
    double gains[2][BL_MAX_BINS + 1];
    if (n_bins < 1)
        return;
    bl_ruled_sides(cells, n_bins, format, params, rule, total, gains);
    for (int side = 0; side < 2; side++, sums += BL_MAX_BINS + 1)
        for (int32_t b = 0; b < n_bins; b++)
            sums[b] += gains[side][b] > 0 ? gains[side][b] : 0.0;
}
