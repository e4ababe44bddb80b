/* boostlab core: histogram trees on integers.
 *
 * The numerics are part of the interface; everything below is tested against a
 * plain NumPy grower with the same rules.
 *
 * Bins.  A feature has at most 255 value bins, 0 .. 254; bin 255 is "missing". A value
 * x belongs to the first bin b with x <= border[b], NaN to bin 255.
 *
 * Two copies of the bins: `columns` (feature-major, for partition and application) and
 * `tiles` (row-major in tiles of BL_TILE bytes, for histograms). In tiles, features of
 * few bins may share a byte: see bl_join. The columns may be left out to save memory:
 * the trees are the same, and partition takes longer.
 *
 * Fixed point.  Per tree and output, gradient g, hessian h and sample weight w become
 * integers q = round(x * 2^e), with e the largest exponent for which the greatest |x|
 * stays within the lane. Sums of integers do not depend on their order, so a tree is
 * the same for any number of threads, any CPU tier, any split of the rows.
 *
 *   narrow words (8 bytes):  g << g_shift | h << h_shift | w
 *   wide words (16 bytes):   g, and h << w_bits | w
 *
 * with w_bits = 28 where cells are summed from narrow words, else log2(rows) + bits + 1.
 * Narrow words are summed in 8-byte bins over blocks of at most `block_rows` rows,
 * then widened into the 16-byte cells of a node's histogram:
 *
 *   no hessian (h is w: the squared loss and its kin)    65,536 rows, g and w 30 bits
 *   unweighted, more than 16,384 rows                    16,384 rows, g 11, h 9 bits
 *   the same, max|g| over 64 times its root mean square   4,096 rows, g 14, h 12 bits
 *   else (weights, few rows, max|g| over 512 times)      wide words, up to 40 bits
 *
 * Quanta of fewer than 24 bits are rounded up or down at random (by a hash of the row),
 * so that sums are unbiased; finer ones to the nearest. Limits: a block's lanes cannot
 * overflow because |q| <= 2^bits - 1 and block_rows * 2^bits fits the lane; the node's
 * lanes hold BL_MAX_ROWS = 2^27 - 1 rows. Without a hessian the second word of a cell is
 * w alone.
 *
 * The mean square of the gradients is that of the integers round((g * 2^e)^2), e as for
 * 15 bits, so that it, too, does not depend on the order of the rows.
 *
 * Rows may be spread over several machines, or parts: see bl_parts.
 *
 * Nothing here allocates in a kernel, calls Python, or keeps global state but the
 * thread pool and the kernel table.
 */
#ifndef BOOSTLAB_CORE_H
#define BOOSTLAB_CORE_H

#include <stddef.h>
#include <stdint.h>

enum {
    BL_MISSING = 255,        /* bin of missing values */
    BL_MAX_BINS = 255,       /* value bins of one feature */
    BL_TILE = 16,            /* features of one tile */
    BL_STRIDE = 264,         /* histogram cells a feature: 256 padded against 4K aliasing */
    BL_DISTINCT_FEATURES = 8, /* features that distinct values are looked for at once */
    BL_SUM_BLOCK = 1024,     /* rows of one block of a float64 sum */
    BL_MAX_OUTPUTS = 16,     /* outputs of one tree */
    BL_OK = 0,
    BL_NO_MEMORY = -1,
    BL_FULL = -2,            /* more nodes than the output arrays hold */
    BL_NOT_FINITE = -3,      /* a gradient, hessian or weight is NaN or infinite */
    BL_NEGATIVE = -4,        /* a hessian is negative, or a weight not positive */
    BL_NO_TIER = -5,         /* unknown tier, or one that this CPU does not run */
    BL_NOT_REDUCED = -6,     /* the hook of bl_parts failed */
    BL_TOO_MANY_ROWS = -7    /* the parts have more than BL_MAX_ROWS together */
};
#define BL_MAX_ROWS (((int64_t)1 << 27) - 1)
#define BL_MANY_ROWS ((int64_t)1 << 25)

/* ---- threads ------------------------------------------------------------------ */

typedef void (*bl_task)(void *context, int64_t index, int thread);

/* Call task(context, i, thread) for every i in [0, n_tasks), on at most n_threads
 * threads, the caller among them; `thread` is in [0, n_threads). Tasks are handed out
 * by an atomic counter, in order, and must not depend on it. Calls from inside a task
 * and concurrent calls run on the calling thread alone. Safe after fork. */
void bl_parallel_for(bl_task task, void *context, int64_t n_tasks, int n_threads);

/* ---- bins --------------------------------------------------------------------- */

typedef enum { BL_FLOAT32, BL_FLOAT64 } bl_dtype;

/* A strided matrix of raw values; strides in bytes, NaN is missing. */
typedef struct {
    const char *data;
    int64_t n_rows, n_features;
    int64_t row_stride, feature_stride;
    bl_dtype dtype;
} bl_matrix;

typedef struct {
    const uint8_t *columns;  /* (n_features, n_rows), or NULL */
    const uint8_t *tiles;    /* (bl_n_tiles, n_rows, BL_TILE), of the bundles */
    const int32_t *n_bins;   /* value bins of each feature, 0 .. 255 */
    const uint8_t *categorical;    /* whether bins are categories; NULL: none are */
    int64_t n_rows;
    int32_t n_features;

    /* What a byte of a tile holds: the bin of a feature, or where `joint` the code of a
     * combination of bins; bin_of[f * 256 + code] is the feature's bin then. That of a
     * constant feature is bin_of[f * 256]. */
    int32_t n_bundles;
    const int32_t *bundle;   /* of each feature, -1 where it is constant; NULL: bundle f
                                is feature f, and joint and bin_of are not read */
    const int32_t *n_codes;  /* of each bundle: the feature's n_bins, or codes 0 .. 255 */
    const uint8_t *joint;    /* (n_bundles,) */
    const uint8_t *bin_of;   /* (n_features, 256) */
} bl_bins;

/* Collect the distinct non-missing values of at most BL_DISTINCT_FEATURES features,
 * ascending, at values[j * limit]; -0.0 counts as 0.0. counts[j] is their number, or -1
 * where there are more than `limit` (<= 255), and reading stops once all have more. */
void bl_distinct(const bl_matrix *x, int limit, double *values, int32_t *counts);

/* out[j * n + i] = x[rows[i], j] */
void bl_gather(const bl_matrix *x, const int64_t *rows, int64_t n, double *out);

/* The distinct non-missing values of one feature, ascending, and the summed mass of the
 * rows that have each (mass NULL: 1 a row). `values` and `sums` have room for a value a
 * row; `values` may be the column itself where that is contiguous. Returns their number,
 * or BL_NO_MEMORY. */
int64_t bl_summarize(const bl_matrix *column, const int64_t *mass, double *values,
                     int64_t *sums);

/* Fold the values of each row into its code, in the order of the features: equal rows
 * with equal codes keep equal codes. */
void bl_hash_rows(const bl_matrix *x, uint64_t *codes, int n_threads);

/* Assign bins: the borders of feature j are borders[offsets[j]] .. [offsets[j+1]-1],
 * strictly ascending and at most 254 of them. columns is (n_features, n_rows). */
void bl_bin(const bl_matrix *x, const double *borders, const int64_t *offsets,
            uint8_t *columns, int n_threads);

/* Bundles are laid out in as few tiles as hold them, each of (nearly) the same width. */
static inline int32_t bl_n_tiles(int32_t n_bundles)
{
    return (n_bundles + BL_TILE - 1) / BL_TILE;
}

static inline int32_t bl_tile_width(int32_t n_bundles)
{
    int32_t n_tiles = bl_n_tiles(n_bundles);
    return n_tiles ? (n_bundles + n_tiles - 1) / n_tiles : 0;
}

/* Number the pairs (codes[i], column[i]) that occur in n rows by their first rows, and
 * write each row's number. Number c stands for first[c] and second[c], which have room for
 * BL_MAX_BINS. Returns the count, or -1 where there are more than BL_MAX_BINS pairs. */
int32_t bl_join(const uint8_t *codes, const uint8_t *column, int64_t n, uint8_t *joined,
                uint8_t *first, uint8_t *second);

/* Fill tiles with bundles: bundle b is row sources[b] of `columns`, or where that is
 * negative row ~sources[b] of `joined`; both have n_rows a row. Unused bytes are 0. */
void bl_fill_tiles(const uint8_t *columns, const uint8_t *joined, const int32_t *sources,
                   int64_t n_rows, int32_t n_bundles, uint8_t *tiles, int n_threads);

/* ---- losses ------------------------------------------------------------------- */

/* Pointwise losses with fused kernels. `param` is the Huber delta, the quantile level
 * or the Tweedie power; labels of the multinomial are 0 .. K-1. */
typedef enum {
    BL_SQUARED, BL_ABSOLUTE, BL_HUBER, BL_QUANTILE, BL_POISSON, BL_GAMMA, BL_TWEEDIE,
    BL_BINOMIAL, BL_MULTINOMIAL, BL_EXPONENTIAL, BL_N_LOSSES
} bl_loss;

/* raw, gradient and hessian are output-major: element (i, k) is at [k * n + i].
 * weight may be NULL (ones); gradient and hessian come out weighted; hessian may be
 * NULL where the caller does not need it. */
void bl_derivatives(bl_loss loss, const double *y, const double *raw,
                    const double *weight, int64_t n, int64_t n_outputs, double param,
                    double *gradient, double *hessian, int n_threads);

/* The weighted loss of each row. */
void bl_loss_terms(bl_loss loss, const double *y, const double *raw,
                   const double *weight, int64_t n, int64_t n_outputs, double param,
                   double *terms, int n_threads);

/* ---- scores of distributions --------------------------------------------------- */

/* A family and a score, in the order of FusedScore in boostlab/distributions. */
typedef enum {
    BL_NORMAL_LOG, BL_NORMAL_CRPS, BL_LOG_NORMAL_LOG, BL_LAPLACE_LOG, BL_LAPLACE_CRPS,
    BL_EXPONENTIAL_LOG, BL_EXPONENTIAL_CRPS, BL_WEIBULL_LOG, BL_GAMMA_LOG,
    BL_POISSON_LOG, BL_N_SCORES
} bl_score;

enum { BL_MOST_PARAMETERS = 2 };

/* Targets, and the raw parameters of their distributions, parameter-major: parameter k
 * of row i is raw[k * n + i]. They are taken between low[k] and high[k]; low and high
 * may be infinite. weight may be NULL (ones). */
typedef struct {
    const double *y, *raw, *weight;
    const double *low, *high;
    int64_t n;
} bl_scored;

int64_t bl_score_parameters(bl_score score);

/* The natural gradient, parameter-major, between -longest[k] and longest[k], which may
 * be infinite, and then weighted. */
void bl_natural_gradient(bl_score score, const bl_scored *rows, const double *longest,
                         double *natural, int n_threads);

/* The weighted score of each row at raw + size * step; step may be NULL. */
void bl_score_terms(bl_score score, const bl_scored *rows, const double *step,
                    double size, double *terms, int n_threads);

/* ---- sums without order -------------------------------------------------------- */

/* The greatest |value|, 0 without values, NaN if one of them is that. */
double bl_greatest(const double *values, int64_t n, int n_threads);

/* Sums of values times `scale`, a power of two that leaves them within 35 bits: sum[0]
 * of their nearest integers, and sum[1] of what remains, times 2^35. Both are exact for
 * up to 2^28 values, so that sums of parts of the rows can be added. `sum` is added to;
 * with groups, value i to the pair at sums + 2 * groups[i]. */
void bl_exact_total(const double *values, int64_t n, double scale, int64_t *sum,
                    int n_threads);
void bl_exact_sums(const double *values, const int64_t *groups, int64_t n, double scale,
                   int64_t *sums);

/* The sum of these two, as a number; infinite or NaN as a sum with such values is. */
double bl_total(const double *values, int64_t n, int n_threads);

/* ---- ranking ------------------------------------------------------------------ */

/* The documents of queries: those of query q are rows[starts[q]] .. rows[starts[q+1]-1].
 * copies[i] >= 1 is how often row i's document is there; NULL for once. Documents of
 * equal score come in every order at once: every figure is the mean over these orders,
 * so nothing depends on the order of the rows, not even by a bit. */
typedef struct {
    const int64_t *starts;     /* (n_queries + 1) */
    const int32_t *rows;
    const int32_t *copies;
    int64_t n_queries;
} bl_queries;

/* What is measured: the discounted gain, the average precision of documents with a gain
 * above 0, or pairs of different gain, which count alike. */
typedef enum { BL_RANK_NDCG, BL_RANK_MAP, BL_RANK_PAIRS, BL_N_RANKINGS } bl_ranking;

typedef struct {
    bl_ranking ranking;
    int64_t top;               /* pairs with a document in the first `top` places count */
    double sigmoid;
    int normalize;             /* LightGBM's lambdarank_norm */
} bl_lambda_params;

/* Gradient and hessian of the pairs' logistic losses, each pair weighted by what its
 * exchange would change in the measure, times scale[q]; those of a query, normalized or
 * not, times weight[q]. */
int bl_lambdas(const bl_queries *queries, const double *gain, const double *raw,
               const double *scale, const double *weight,
               const bl_lambda_params *params, double *gradient, double *hessian,
               int n_threads);

/* The measure of each query, for the first `top` places: the discounted gain, not
 * normalized; the average precision of all places; or the sum of the pairs' losses. */
int bl_rank_measure(const bl_queries *queries, const double *gain, const double *raw,
                    const bl_lambda_params *params, double *measure, int n_threads);

/* Cross-entropy of softmax(raw) and target / sum(target) within each query, times
 * weight[q]: derivatives (rho - target) and rho (1 - rho), and the loss of each query.
 * gradient and hessian, or losses, may be NULL. */
void bl_rank_entropy(const bl_queries *queries, const double *target,
                     const double *raw, const double *weight, double *gradient,
                     double *hessian, double *losses, int n_threads);

/* ---- trees -------------------------------------------------------------------- */

typedef struct {
    int32_t max_leaves;        /* >= 1 */
    int32_t max_depth;         /* >= 0; INT32_MAX for no limit */
    double min_leaf_weight;    /* least sum of sample weights in a leaf */
    double min_leaf_hessian;   /* least sum of hessians in a leaf */
    double l2;                 /* added to the hessian of every leaf */
    double category_smoothing; /* added to hessians before categories are sorted */
    double category_l2;        /* added to l2 in the gain of a set of categories */
    int32_t depth_wise;        /* grow level by level instead of best leaf first */
    int32_t n_node_features;   /* features drawn for each node; n_features for all */
    uint64_t seed;             /* of the dither and of the features drawn */
    double min_gain;           /* least gain of a split */
    int32_t fair_ties;         /* of equal splits draw the feature, and cut the middle */
    int32_t n_tree_features;   /* drawn for the tree; of these, n_level_features are */
    int32_t n_level_features;  /* drawn for each level, of these n_node_features */
    const uint64_t *interactions;   /* (n_features, interaction_words): bit s of feature
                                       j says that it is in set s; NULL: no sets. A path
                                       uses features of one set only */
    int64_t interaction_words;

    /* Rules: any but these defaults makes the search slower; see rules.h. */
    double l1;                 /* times |value|, added to the objective of a leaf; 0 */
    double max_delta_step;     /* greatest |value| of a leaf; INFINITY */
    double path_smoothing;     /* weight that a node's value lends its children's; 0 */
    const int8_t *monotone;    /* (n_features, n_outputs) signs; NULL for none */
    int32_t random_splits;     /* try one random threshold a feature and node; 0 */
    int32_t oblivious;         /* one split for all nodes of a level; 0. max_depth and
                                  max_leaves bound the levels, min_gain their sums */
} bl_params;

typedef enum { BL_REDUCE_SUM, BL_REDUCE_MAX } bl_reduction;

/* The part of a table whose rows are spread over several machines. Every part grows the
 * same tree from its own rows, at once and with the same parameters, bins of the same
 * borders, no bundles, capacity, and presence of hessian, weight and rows. Where they must know of
 * each other, all call `reduce`, equally often and with equal n: it replaces n numbers by
 * their sums (modulo 2^64) or by the greatest over all parts, and returns 0 on failure.
 * Exchanged are the greatest derivatives, the number of rows, the root's total, the
 * histograms and the sums of the leaves; all are integers, so that the tree is, bit for
 * bit, the one of all rows on one machine. A part must have a row, but none of it need be in the sample. */
typedef struct {
    int (*reduce)(void *context, int64_t *numbers, int64_t n, bl_reduction reduction);
    void *context;
    int64_t first_row;         /* number of this part's row 0 among all rows */
} bl_parts;

/* What a tree must fit: derivatives of n_outputs outputs, output-major. */
typedef struct {
    const double *gradient;    /* (n_outputs, n_rows) */
    const double *hessian;     /* the same; NULL where it is the weight */
    const double *weight;      /* (n_rows,); NULL where all are 1 */
    const int32_t *rows;       /* ascending sample of n_sampled rows, or NULL */
    const uint8_t *features;   /* mask of usable features, or NULL */
    int64_t n_sampled, n_outputs;
    const bl_parts *parts;     /* NULL: all rows are here */

    /* Splits are tested on other rows, in two halves, each ascending, and cut where they
     * fail. The gain of a node's held-out rows by its value v is -sum_k (2 G_k v_k +
     * test_step H_k v_k^2), with sums over these rows, and v from the words of those that
     * grew the tree: twice what the step test_step * v gains to second order, over
     * test_step. A split stays if the leaves left below it gain more than a leaf in its
     * place, and the root's more than nothing. None stays if the two trees that are so
     * cut by one half alone together do not gain on the other; such a tree is worth 0. */
    const int32_t *held[2];
    int64_t n_held[2];         /* they may be 0; then nothing stays */
    double test_step;          /* >= 0 */
    int32_t tests;             /* whether there is a test; needs `rows` */
} bl_target;

/* A tree as arrays of `capacity` nodes; `value` has n_outputs numbers a node. The
 * children of node i are left[i] and left[i] + 1, both greater than i; a leaf has feature
 * -1 and left -1. x goes left if x <= threshold, or if x is missing and missing_left.
 *
 * A node with subset[i] >= 0 splits categories instead: x is a code c = floor(x) that
 * goes left if bit c of the 256 bits at subsets[4 * subset[i]] is set; codes outside
 * 0 .. 255 go right. The bin of a categorical feature is its code. `subset` is NULL
 * where no node does that. */
typedef struct {
    int32_t *feature, *left;
    double *threshold, *value, *gain, *weight;
    uint8_t *bin, *missing_left;
    int64_t capacity, n_nodes;
    int32_t *subset;
    uint64_t *subsets;         /* growing: room for one a split */
} bl_tree;

/* Memory that trees of one table can share, one tree at a time: it saves the system the
 * paging-in of fresh arrays every round. */
typedef struct bl_workspace bl_workspace;
bl_workspace *bl_workspace_new(void);
void bl_workspace_free(bl_workspace *workspace);

/* Grow one tree for all outputs of the target, at most BL_MAX_OUTPUTS, in `workspace`.
 * borders, offsets as for bl_bin, to write thresholds. ids (n_rows) receives the leaf of
 * every row, sampled or not.
 * A split gains sum_k G_k^2 / (H_k + l2) over the outputs k; leaf values are
 * -G_k / (H_k + l2), from sums of the unquantised inputs: each is cut into two integers
 * (bl_exact), whose sums depend on no order, no number of threads, no parts of the rows.
 *
 * With rules a side of a split has the value v of rules.h and scores
 * -(2 G v + (H + l2) v^2 + 2 l1 |v|); a split gains what its sides score above the node.
 * Where a feature has a monotone sign, a split whose values (of sums of words) are in the
 * wrong order is not allowed, and the middle between them bounds the values below: a
 * larger x never gets a value on the wrong side of a smaller one's. The sign says nothing
 * of missing values: they go where they gain most, or alone to the right. */
int bl_grow(const bl_bins *bins, const bl_target *target, const double *borders,
            const int64_t *offsets, const bl_params *params, bl_tree *tree, int32_t *ids,
            bl_workspace *workspace, int n_threads);

/* A tree to be grown, as bl_grow takes it, and how that ended. */
typedef struct {
    const bl_bins *bins;
    const bl_target *target;
    const double *borders;
    const int64_t *offsets;
    const bl_params *params;
    bl_tree *tree;
    int32_t *ids;
    int status;
} bl_growth;

/* How many of the trees should grow at once, each on one thread: all threads' worth, or 1
 * where there are fewer trees than threads, little to do, or more than BL_MANY_ROWS rows
 * to keep memory for (some 30 bytes a row and thread, for one output). */
int bl_many_at_once(const bl_growth *trees, int64_t n_trees, int n_threads);

/* Grow trees that do not depend on each other, `at_once` at a time; the others, which do
 * not occupy all threads, one by one. workspaces: as many as grow at once. */
void bl_grow_many(bl_growth *trees, int64_t n_trees, bl_workspace **workspaces,
                  int at_once, int n_threads);

/* Write the leaf of every binned row. */
int bl_apply_bins(const bl_tree *tree, const bl_bins *bins, int32_t *ids,
                  int n_threads);

/* Nodes of many trees for prediction from raw values. A leaf has left = itself and
 * threshold infinity, so that a step from it stays. */
typedef struct {
    union {
        double threshold;
        int64_t subset;        /* of a categorical split: which of the forest's sets */
    };
    int32_t left;
    uint32_t feature;          /* with BL_MISSING_LEFT and BL_SUBSET */
} bl_node;
#define BL_MISSING_LEFT ((uint32_t)1 << 31)
#define BL_SUBSET ((uint32_t)1 << 30)
#define BL_FEATURE (BL_SUBSET - 1)

typedef struct {
    const bl_node *nodes;      /* all trees, indices relative to the tree's start */
    const double *values;      /* `width` a node, tree by tree */
    const uint64_t *subsets;   /* (n_subsets, 4) */
    const int64_t *starts;     /* first node of each tree (n_trees + 1) */
    const int64_t *value_starts;   /* first value of each tree (n_trees + 1) */
    const int32_t *outputs;    /* first output column of each tree */
    const int32_t *widths;     /* outputs that a tree adds to, one after another */
    const int32_t *depths;     /* steps from the root to the deepest leaf */
    int64_t n_trees, n_subsets;
} bl_forest;

/* A forest laid out for many rows; see layout.h. */
typedef struct bl_layout bl_layout;

/* Add every tree's values to raw (output-major), in the order of the trees. Without a
 * layout the trees are walked; the result is the same. */
int bl_predict(const bl_forest *forest, const bl_layout *layout, const bl_matrix *x,
               double *raw, int n_threads);

/* Write the node ids (n_trees, n_rows) of the leaves that the rows of x fall in. */
int bl_apply(const bl_forest *forest, const bl_layout *layout, const bl_matrix *x,
             int32_t *ids, int n_threads);

/* raw[i] += values[ids[i]] */
void bl_add_cells(double *raw, const int32_t *ids, const double *values, int64_t n,
                  int n_threads);

/* The linear models of a tree's leaves: in a row whose leaf has model s, output k is
 * intercept[s, k] + sum_d (clip(x_d, low, high)[s, d] - center[s, d]) * coef[s, d, k]
 * over the features x_d = x[row, features[s, d]]. */
typedef struct {
    const int32_t *model_of;    /* (n_nodes,): the model of a leaf, -1 for none */
    const int32_t *features;    /* (n_models, width) */
    const double *center, *low, *high;    /* (n_models, width) */
    const double *coef;         /* (n_models, width, n_outputs) */
    const double *intercept;    /* (n_models, n_outputs) */
    int64_t n_nodes, n_models;
    int32_t width, n_outputs;
} bl_leaf_models;

/* Write outputs[k * n + i] where the leaf ids[i] of row i has a model and all features of
 * it are finite; other entries stay. Rows are independent of each other. */
void bl_linear_leaves(const bl_leaf_models *models, const bl_matrix *x,
                      const int32_t *ids, double *outputs, int n_threads);

/* ---- CPU tiers ---------------------------------------------------------------- */

/* What differs between tiers, and only in speed: every tier gives the same bits.
 * Bodies are static functions in *_kernels.h, compiled once per tier with that tier's
 * flags and -ffp-contract=off; tier_<isa>.c fills one table. */
typedef struct bl_kernels bl_kernels;

/* The table chosen on first use: the best this CPU runs, or the one named by the
 * environment variable BOOSTLAB_CPU (serial, avx2, avx512). */
const bl_kernels *bl_cpu(void);
const char *bl_cpu_name(void);

/* Force a tier; BL_NO_TIER where this CPU does not run it. Not while others compute. */
int bl_set_cpu(const char *name);

#endif
