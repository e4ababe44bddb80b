/* The table of kernels that each CPU tier fills. Internal to the core. */
#ifndef BOOSTLAB_KERNELS_H
#define BOOSTLAB_KERNELS_H

#include "boostlab_core.h"

#if defined(__GNUC__)
#define BL_ALWAYS_INLINE static inline __attribute__((always_inline))
#define BL_PREFETCH(address) __builtin_prefetch(address)
#else
#define BL_ALWAYS_INLINE static inline
#define BL_PREFETCH(address) ((void)(address))
#endif

#include <string.h>
#include "layout.h"
#include "shap.h"

/* How sums are laid out for one tree; see boostlab_core.h. */
typedef struct {
    int wide;                  /* two words an output, not one */
    int has_hessian;
    int lanes;                 /* outputs, padded to 1, 2, 4, 8 or 16 */
    int g_shift, h_shift;      /* narrow words: lanes of g and h; w is at 0 */
    int w_bits;                /* cells: bits of the w lane, 64 without hessian */
    int64_t block_rows;
    double g_scale, h_scale, w_scale;   /* powers of two */
    int dither_g, dither_h;
} bl_format;

enum {
    BL_BIN_TABLE = 256,         /* borders of a feature, padded by infinities */
    BL_BIN_SLOTS = 1024,
    BL_BIN_STRIP = 128          /* most values that are binned in one call */
};
typedef enum { BL_SLOTS_NONE, BL_SLOTS_LINEAR, BL_SLOTS_FLOAT } bl_slots;

/* The search for the bins of one feature; see bin_search.h. */
typedef struct {
    double borders[BL_BIN_TABLE];
    uint8_t starts[BL_BIN_SLOTS];   /* by slot: a border that the search begins at */
    bl_slots form;
    int32_t steps;                  /* comparisons from there */
    double first, scale;            /* of linear slots */
    int64_t first_key, last_key;    /* of slots by leading bits */
    int32_t shift;
} bl_bin_search;

enum { BL_MAX_LANES = 16 };    /* outputs of one tree's histogram */

/* What the format of a tree depends on. */
typedef struct {
    double max_g, max_h, max_w, sum_gg;
    int not_finite, negative;
    int fractional;            /* a weight is not a whole number */
} bl_extent;

/* The sums of one output in a cell of a histogram. A cell of L lanes is 2 L words: g of
 * every lane, then h << w_bits | w of every lane. */
typedef struct {
    int64_t g;
    uint64_t hw;
} bl_cell;

/* The cell that a narrow word, or a sum of them, stands for. */
static inline bl_cell bl_widen(int64_t word, const bl_format *format)
{
    bl_cell cell;
    uint64_t low = (uint64_t)word & (((uint64_t)1 << format->g_shift) - 1);
    cell.g = word >> format->g_shift;
    if (format->has_hessian) {
        uint64_t h = low >> format->h_shift;
        uint64_t w = low & (((uint64_t)1 << format->h_shift) - 1);
        cell.hw = h << format->w_bits | w;
    } else {
        cell.hw = low;
    }
    return cell;
}

/* The lane of the weight in the second word of a cell, or of a sum of cells. */
static inline uint64_t bl_weight_lane(uint64_t hw, const bl_format *format)
{
    return format->has_hessian ? hw & (((uint64_t)1 << format->w_bits) - 1) : hw;
}

/* Random bits by counter: of the dither of a row and lane, of the features drawn. */
static inline uint64_t bl_hash(uint64_t seed, uint64_t row, uint64_t lane)
{
    uint64_t x = seed + 0x9E3779B97F4A7C15u * (2 * row + lane + 1);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Whether a code (a bin, or the floor of a raw value) is in a set of 256 bits. */
static inline int bl_in_subset(const uint64_t *subset, unsigned code)
{
    return (int)(subset[code >> 6] >> (code & 63) & 1);
}

/* The seed under which row i has the bits that row first + i has under `seed`. */
static inline uint64_t bl_hash_from(uint64_t seed, int64_t first)
{
    return seed + 0x9E3779B97F4A7C15u * 2 * (uint64_t)first;
}

/* The seed of one output's dither. */
static inline uint64_t bl_hash_output(uint64_t seed, int64_t output)
{
    return seed + 0xD1B54A32D192ED03u * (uint64_t)output;
}

typedef struct {
    double gain;
    int32_t bin;               /* last on the left; -1: no valid split */
    uint8_t missing_left;
    uint8_t is_subset;         /* of categories; then bin is 0 */
    uint64_t subset[4];        /* bit c: category c goes left */
} bl_split;

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

/* What the children of one node are valued by, beside bl_params; one number a lane. */
typedef struct {
    const double *value, *lower, *upper;    /* of the node */
    const int8_t *signs;       /* of the feature, for n_signs outputs */
    int n_signs;
    uint64_t random;           /* with random_splits: which threshold */
} bl_rule;

/* Sums of derivatives that do not depend on their order: x * 2^e is cut into its nearest
 * integer, of at most 35 bits, and 35 bits of what remains; both are summed exactly. */
typedef struct {
    int64_t high, low;
} bl_exact;

enum { BL_EXACT_BITS = 35 };

typedef void (*bl_derivatives_kernel)(const double *y, const double *raw,
                                      const double *weight, int64_t n, int64_t stride,
                                      int64_t n_outputs, double param,
                                      double *gradient, double *hessian);
typedef void (*bl_loss_terms_kernel)(const double *y, const double *raw, int64_t n,
                                     int64_t stride, int64_t n_outputs, double param,
                                     double *terms);

/* A score of a distribution: the unweighted terms, and the natural gradients, of `n`
 * consecutive rows, n <= BL_SUM_BLOCK; parameters are `stride` apart. */
typedef struct {
    void (*terms)(const double *y, const double *raw, int64_t stride, int64_t n,
                  double *terms);
    void (*natural)(const double *y, const double *raw, int64_t stride, int64_t n,
                    double *natural);
    int64_t n_parameters;
} bl_score_kernels;

/* A document, or several of equal score and gain, as bl_rank_against compares it. Its
 * pair with a document of value `lower` weighs upper - head * lower. */
typedef struct {
    double score, gain, count, upper, head;
} bl_ranked;

typedef struct {
    double sigmoid;
    int by_gain;               /* a pair weighs by its difference of gains, too */
    int by_distance;           /* a pair is divided by 0.01 + |difference of scores| */
} bl_pair_rule;

/* Sums over pairs by eight accumulators, to be added in order. */
typedef struct {
    double gradient[8], hessian[8], size[8];
} bl_pair_sums;

struct bl_kernels {
    const char *name;

    /* Derivatives and loss terms of `n` consecutive rows, n <= BL_SUM_BLOCK; `stride`
     * separates outputs. terms[i] receives row i's unweighted loss. */
    const bl_derivatives_kernel *derivatives;    /* one a bl_loss */
    const bl_loss_terms_kernel *loss_terms;

    /* Scores; before them raw parameters are placed between limits, size * step further
     * on unless step is NULL, and afterwards natural gradients are bounded and weighted. */
    const bl_score_kernels *scores;    /* one a bl_score */
    void (*place)(const double *raw, const double *step, double size, double low,
                  double high, int64_t n, double *out);
    void (*bound)(const double *values, double longest, const double *weight, int64_t n,
                  double *out);

    /* Bins of n <= BL_BIN_STRIP values: out[i] = number of borders below values[i],
     * NaN -> 255. */
    void (*bin_values)(const double *values, int64_t n, const bl_bin_search *search,
                       uint8_t *out);

    /* rows[i * BL_TILE + j] = columns[j * stride + i], and 0 for j >= n_features. */
    void (*interleave)(const uint8_t *columns, int64_t stride, int32_t n_features,
                       int64_t n, uint8_t *rows);

    /* Fold n rows (rows NULL: consecutive) into `extent`: maxima, sum of squares by
     * the blocked-sum rule, and whether a value is not allowed. n <= BL_SUM_BLOCK. */
    void (*extent)(const double *gradient, const double *hessian, const double *weight,
                   const int32_t *rows, int64_t n, bl_extent *extent);

    /* Write the words of n rows for one output: g, or a whole narrow word, to
     * words[row * stride], and where wide h and w to words[row * stride + lanes]. */
    void (*quantize)(const double *gradient, const double *hessian,
                     const double *weight, const int32_t *rows, int64_t first,
                     int64_t n, const bl_format *format, uint64_t seed, int64_t stride,
                     int64_t *words);

    /* sums[(f * BL_STRIDE + bin) * width + j] += words[i * width + j], for n rows of
     * features first .. first + n_features - 1 of one tile (row r at tile + r *
     * BL_TILE); rows NULL: consecutive rows from the tile pointer. The i-th words
     * belong to the i-th of these rows; sums begin at feature `first`; width is 1, 2,
     * 4, 8, 16 or 32. */
    void (*histogram)(const uint8_t *tile, const int32_t *rows, int64_t n,
                      const int64_t *words, int width, int32_t n_features,
                      int64_t *sums);

    /* Widen n block sums of one output each into cells, or add them, and clear them.
     * Cells have `lanes` outputs, and n is a multiple of that. */
    void (*flush)(int64_t *sums, int64_t n, const bl_format *format, int add,
                  int64_t *cells);

    /* Add to `sum` n values (rows NULL: consecutive) times `scale`, a power of two that
     * leaves them within BL_EXACT_BITS bits. */
    void (*exact_sum)(const double *values, const int32_t *rows, int64_t n,
                      double scale, bl_exact *sum);

    /* Stable partition: rows whose bin goes left to `left`, the others to `right`;
     * returns the number of left rows. `left` may be `rows` itself. */
    int64_t (*partition)(const uint8_t *column, const int32_t *rows, int64_t n,
                         uint8_t bin, int missing_left, int32_t *left, int32_t *right);

    /* The same by a table: whether a code goes left, that of row r being
     * codes[r * stride]. */
    int64_t (*partition_by)(const uint8_t *codes, int64_t stride, const int32_t *rows,
                            int64_t n, const uint8_t *goes_left, int32_t *left,
                            int32_t *right);

    /* Best split of one feature's histogram; total is a cell. */
    void (*best_split)(const int64_t *cells, int32_t n_bins, const bl_format *format,
                       const bl_params *params, const int64_t *total, bl_split *best);

    /* The same for trees that have rules. */
    void (*best_ruled)(const int64_t *cells, int32_t n_bins, const bl_format *format,
                       const bl_params *params, const bl_rule *rule,
                       const int64_t *total, bl_split *best);

    /* Add the pairs of one document with n others to the others' derivatives, and to
     * the sums what they give the document itself (size: the sum of absolute slopes). */
    void (*rank_against)(const bl_ranked *one, const double *score, const double *gain,
                         const double *lower, const double *count, int64_t n,
                         const bl_pair_rule *rule, double *gradient, double *hessian,
                         bl_pair_sums *sums);

    /* Add the logistic losses of these pairs, each of weight `upper`, to the sums. */
    void (*rank_losses)(const bl_ranked *one, const double *score, const double *gain,
                        const double *count, int64_t n, double sigmoid,
                        double sums[8]);

    /* The same for a feature of categories. */
    void (*best_subset)(const int64_t *cells, int32_t n_bins, const bl_format *format,
                        const bl_params *params, const int64_t *total, bl_split *best);

    /* Add the gains of all its splits: after each of 256 bins, missing values right,
     * then the same with them left; 0 where a split is not allowed. */
    void (*add_ruled)(const int64_t *cells, int32_t n_bins, const bl_format *format,
                      const bl_params *params, const bl_rule *rule,
                      const int64_t *total, double *sums);

    /* Leaf of n <= BL_WALK_ROWS rows of x, row-major, after `depth` steps from the
     * root; subsets NULL where no node splits categories. */
    void (*walk)(const bl_node *nodes, const uint64_t *subsets, int32_t depth,
                 const double *x, int64_t n_features, int64_t n, int32_t *at);

    /* Leaf of one row in n <= BL_WALK_TREES trees, after `depth` steps. */
    void (*walk_trees)(const bl_node *nodes, const int64_t *starts,
                       const uint64_t *subsets, int32_t depth, const double *x,
                       int64_t n, int32_t *at);

    /* Codes of n values, n a multiple of 16, by the search tree of one group. */
    void (*encode32)(const float *values, int64_t n, const float *heap, int32_t levels,
                     uint8_t *codes);
    void (*encode64)(const double *values, int64_t n, const double *heap,
                     int32_t levels, uint8_t *codes);

    /* Decide n nodes for BL_LANES rows, the last first; slot BL_EXITS receives the
     * exits. `codes` is the block's place in the first column. */
    void (*decide)(const bl_choice *choices, int32_t n, const uint64_t *subsets,
                   const uint8_t *codes, uint8_t *slots);

    /* raw[i] += values[exits[i]] for n <= BL_LANES rows; `values` is padded to 16. */
    void (*add_exits)(const uint8_t *exits, const double *values, int32_t n_exits,
                      int64_t n, double *raw);

    /* The two walks of contributions; see shap_kernels.h. */
    void (*shap_down)(const bl_shap_tree *tree, const uint8_t *go,
                      const bl_shap_memory *memory);
    void (*shap_up)(const bl_shap_tree *tree, const double *values, int64_t width,
                    const bl_shap_memory *memory, double *phi);
};

extern const bl_kernels bl_kernels_serial, bl_kernels_avx2, bl_kernels_avx512;

#endif
