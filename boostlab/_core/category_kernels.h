/* The best split of one feature whose bins are categories, without an order.
 *
 * Of the partitions of the categories in two, the best one by sums of derivatives is a
 * cut of the categories sorted by G / H (Fisher, 1958; Breiman et al., 1984, theorem
 * 4.5); the ratio is G / (H + smoothing), which keeps small categories near the middle.
 * For several outputs they are sorted by the projection of these ratios on the direction
 * in which they differ most (Coppersmith, Hong & Hosking, 1999). Missing values are a
 * category of their own. A few categories are also tried one against the rest.
 *
 * Sorting looks at the gradients that the gain is made of, and so finds some gain in
 * noise: what is left and right are both weighed with `category_l2` added.
 */

#include <float.h>
#include <math.h>
#include <string.h>

enum { BL_ONE_AGAINST_REST = 4 };    /* most categories that are tried one by one */

typedef struct {
    double g[BL_MAX_LANES], h[BL_MAX_LANES], w;
} bl_category;

/* The categories with rows in a node, in the order in which they are to be cut. */
typedef struct {
    bl_category groups[BL_MAX_BINS + 1];
    double keys[BL_MAX_BINS + 1];
    int32_t codes[BL_MAX_BINS + 1];
    int32_t count;
} bl_categories;

static inline void bl_add_category(bl_category *sum, const bl_category *group, int lanes,
                                double sign)
{
    for (int k = 0; k < lanes; k++) {
        sum->g[k] += sign * group->g[k];
        sum->h[k] += sign * group->h[k];
    }
    sum->w += sign * group->w;
}

static inline bl_category bl_category_of(const int64_t *cell, const bl_format *format)
{
    bl_category group;
    for (int k = 0; k < format->lanes; k++) {
        bl_real real = bl_to_real(cell[k], (uint64_t)cell[format->lanes + k], format);
        group.g[k] = real.g;
        group.h[k] = real.h;
        if (k == 0)
            group.w = real.w;
    }
    return group;
}

static inline double bl_dot(const double *a, const double *b, int lanes)
{
    double terms[BL_MAX_LANES];
    for (int k = 0; k < lanes; k++)
        terms[k] = a[k] * b[k];
    return bl_fold_lanes(terms, lanes);
}

/* Keys of the categories: their ratio, or its projection on the direction found by two
 * steps of the power method from the category that lies furthest out. */
static inline void bl_category_keys(bl_categories *all, const bl_category *total,
                                    int lanes, double smoothing)
{
    double ratios[BL_MAX_BINS + 1][BL_MAX_LANES], direction[BL_MAX_LANES] = {1.0};
    double furthest = -1.0;
    for (int32_t i = 0; i < all->count; i++) {
        const bl_category *group = all->groups + i;
        double distance;
        for (int k = 0; k < lanes; k++) {
            double mean = total->h[k] > 0 ? total->g[k] / total->h[k] : 0.0;
            double divisor = group->h[k] + smoothing;
            double excess = group->g[k] - mean * group->h[k];
            ratios[i][k] = divisor > 0 ? excess / divisor : 0.0;
        }
        distance = bl_dot(ratios[i], ratios[i], lanes) * group->w;
        if (lanes > 1 && distance > furthest) {
            furthest = distance;
            memcpy(direction, ratios[i], sizeof direction);
        }
    }
    for (int step = 0; lanes > 1 && step < 2; step++) {
        double next[BL_MAX_LANES] = {0}, size;
        for (int32_t i = 0; i < all->count; i++) {
            double pull = bl_dot(ratios[i], direction, lanes) * all->groups[i].w;
            for (int k = 0; k < lanes; k++)
                next[k] += pull * ratios[i][k];
        }
        size = sqrt(bl_dot(next, next, lanes));
        for (int k = 0; size > 0 && size <= DBL_MAX && k < lanes; k++)
            direction[k] = next[k] / size;
    }
    for (int32_t i = 0; i < all->count; i++)
        all->keys[i] = bl_dot(ratios[i], direction, lanes);
}

/* Sort by key, equal keys by code; insertion from the last place, binary search. */
static inline void bl_sort_categories(const bl_categories *all, int32_t *order)
{
    for (int32_t i = 0; i < all->count; i++) {
        int32_t low = 0, high = i;
        while (low < high) {
            int32_t middle = (low + high) / 2;
            if (all->keys[order[middle]] <= all->keys[i])
                low = middle + 1;
            else
                high = middle;
        }
        memmove(order + low + 1, order + low, (size_t)(i - low) * sizeof *order);
        order[low] = i;
    }
}

static inline double bl_category_score(const bl_category *group, int lanes, double l2)
{
    double terms[BL_MAX_LANES];
    for (int k = 0; k < lanes; k++) {
        double divisor = group->h[k] + l2;
        terms[k] = divisor > 0 ? group->g[k] * group->g[k] / divisor : 0.0;
    }
    return bl_fold_lanes(terms, lanes);
}

static inline int bl_category_allowed(const bl_category *group, int lanes,
                                      const bl_params *params)
{
    double h[BL_MAX_LANES];
    memcpy(h, group->h, (size_t)lanes * sizeof *h);
    return group->w >= params->min_leaf_weight && group->w > 0
        && bl_fold_lanes(h, lanes) >= params->min_leaf_hessian
        && (lanes > 1 || group->h[0] + params->l2 > 0);
}

/* The gain of a split over a node that scores `parent`; -1 where it is not allowed. */
static inline double bl_category_gain(const bl_category *left, const bl_category *total,
                                      double parent, int lanes, const bl_params *params,
                                      double l2)
{
    bl_category right = *total;
    bl_add_category(&right, left, lanes, -1.0);
    if (!bl_category_allowed(left, lanes, params)
        || !bl_category_allowed(&right, lanes, params))
        return -1.0;
    double score = bl_category_score(left, lanes, l2)
        + bl_category_score(&right, lanes, l2);
    double gain = score - parent;
    return gain > BL_GAIN_FLOOR * score ? bl_coarse(gain) : -1.0;
}

static inline void bl_take_subset(const bl_categories *all, const int32_t *order,
                                  int32_t first, int32_t last, double gain,
                                  bl_split *best)
{
    *best = (bl_split){.gain = gain, .is_subset = 1};
    for (int32_t i = first; i <= last; i++) {
        int32_t code = all->codes[order[i]];
        if (code == BL_MISSING)
            best->missing_left = 1;
        else
            best->subset[code >> 6] |= (uint64_t)1 << (code & 63);
    }
}

/* Categories without rows here go where missing values go: to the heavier side, if there
 * are none. */
static inline void bl_place_absent(const bl_categories *all, const bl_category *total,
                                   int any_missing, bl_split *best)
{
    uint64_t present[4] = {0};
    double left = 0.0;
    for (int32_t i = 0; i < all->count; i++) {
        int32_t code = all->codes[i];
        if (code == BL_MISSING)
            continue;
        present[code >> 6] |= (uint64_t)1 << (code & 63);
        if (best->subset[code >> 6] >> (code & 63) & 1)
            left += all->groups[i].w;
    }
    if (!any_missing)
        best->missing_left = left >= total->w - left;
    for (int i = 0; best->missing_left && i < 4; i++)
        best->subset[i] |= ~present[i];
}

static void bl_best_subset(const int64_t *cells, int32_t n_bins, const bl_format *format,
                           const bl_params *params, const int64_t *total_cell,
                           bl_split *best)
{
    bl_categories all;
    int32_t order[BL_MAX_BINS + 1];
    const bl_category total = bl_category_of(total_cell, format);
    const int lanes = format->lanes, words = 2 * lanes;
    int any_missing = cells[(int64_t)BL_MISSING * words + lanes] != 0;
    *best = (bl_split){.bin = -1};
    all.count = 0;
    for (int32_t b = 0; b <= n_bins; b++) {
        int32_t code = b < n_bins ? b : BL_MISSING;
        if (cells[(int64_t)code * words + lanes] == 0)
            continue;
        all.codes[all.count] = code;
        all.groups[all.count++] = bl_category_of(cells + (int64_t)code * words, format);
    }
    if (all.count < 2)
        return;
    bl_category_keys(&all, &total, lanes, params->category_smoothing);
    bl_sort_categories(&all, order);
    const double parent = bl_category_score(&total, lanes, params->l2);
    bl_category left = {.w = 0.0};
    for (int32_t i = 0; i + 1 < all.count; i++) {
        bl_add_category(&left, all.groups + order[i], lanes, 1.0);
        double gain = bl_category_gain(&left, &total, parent, lanes, params,
                                       params->l2 + params->category_l2);
        if (gain > best->gain)
            bl_take_subset(&all, order, 0, i, gain, best);
    }
    for (int32_t i = 0; all.count <= BL_ONE_AGAINST_REST && i < all.count; i++) {
        double gain = bl_category_gain(all.groups + order[i], &total, parent, lanes,
                                       params, params->l2);
        if (gain > best->gain)
            bl_take_subset(&all, order, i, i, gain, best);
    }
    if (best->is_subset)
        bl_place_absent(&all, &total, any_missing, best);
}
