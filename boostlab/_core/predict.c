/* Predicting from raw values with many trees: by codes, as layout.h tells, or by walking
 * from node to node, which is the truth, and faster for few rows. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum {
    WALK_BLOCKS = 8,         /* blocks of BL_WALK_ROWS rows of one task */
    WALKED_ROWS = 3          /* as few rows are walked */
};

/* Memory of one thread that codes rows. */
typedef struct {
    uint8_t slots[2 * BL_EXITS * BL_LANES];
    uint8_t codes[];         /* (n_columns, BL_STRIP) */
} coder;

typedef struct {
    const bl_forest *forest;
    const bl_layout *layout;
    const bl_matrix *x;
    double *raw;             /* predictions, or NULL */
    int32_t *ids;            /* leaves, or NULL */
    char *scratch;
    int64_t stride;          /* scratch bytes of a thread */
} predict_job;

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- walking -------------------------------------------------------------------- */

/* Copy rows first .. first + n - 1 to `out`, row-major float64. */
static void copy_rows(const bl_matrix *x, int64_t first, int64_t n, double *out)
{
    for (int64_t j = 0; j < x->n_features; j++) {
        const char *at = x->data + first * x->row_stride + j * x->feature_stride;
        double *to = out + j;
        if (x->dtype == BL_FLOAT32)
            for (int64_t i = 0; i < n; i++, at += x->row_stride) {
                float value;
                memcpy(&value, at, sizeof value);
                to[i * x->n_features] = (double)value;
            }
        else
            for (int64_t i = 0; i < n; i++, at += x->row_stride)
                memcpy(to + i * x->n_features, at, sizeof *to);
    }
}

/* Add the values of the leaves `at` of one tree to n rows of raw. */
static void add_leaves(const bl_forest *forest, int64_t tree, const int32_t *at,
                       int64_t n, int64_t n_rows, double *raw)
{
    int64_t width = forest->widths[tree];
    const double *values = forest->values + forest->value_starts[tree];
    raw += forest->outputs[tree] * n_rows;
    for (int64_t k = 0; k < width; k++, values++, raw += n_rows)
        for (int64_t i = 0; i < n; i++)
            raw[i] += values[at[i] * width];
}

/* One row, down some trees side by side: their steps do not wait for each other. */
static void walk_row(const predict_job *job, int64_t row, const double *x)
{
    const bl_forest *forest = job->forest;
    int64_t n_rows = job->x->n_rows, n;
    int32_t at[BL_WALK_TREES];
    for (int64_t t = 0; t < forest->n_trees; t += n) {
        int32_t depth = 0;
        n = forest->n_trees - t < BL_WALK_TREES ? forest->n_trees - t : BL_WALK_TREES;
        for (int64_t i = 0; i < n; i++)
            depth = forest->depths[t + i] > depth ? forest->depths[t + i] : depth;
        bl_cpu()->walk_trees(forest->nodes, forest->starts + t,
                             forest->n_subsets ? forest->subsets : NULL, depth, x, n, at);
        for (int64_t i = 0; i < n; i++)
            if (job->raw)
                add_leaves(forest, t + i, at + i, 1, n_rows, job->raw + row);
            else
                job->ids[(t + i) * n_rows + row] = at[i];
    }
}

static void walk_rows(const predict_job *job, int64_t first, int64_t n, const double *x)
{
    const bl_forest *forest = job->forest;
    const bl_kernels *kernels = bl_cpu();
    int64_t n_rows = job->x->n_rows;
    int32_t at[BL_WALK_ROWS];
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t start = forest->starts[t];
        kernels->walk(forest->nodes + start, forest->n_subsets ? forest->subsets : NULL,
                      forest->depths[t], x, job->x->n_features, n, at);
        if (job->raw)
            add_leaves(forest, t, at, n, n_rows, job->raw + first);
        else
            memcpy(job->ids + t * n_rows + first, at, (size_t)n * sizeof *at);
    }
}

static void walk_task(void *context, int64_t task, int thread)
{
    predict_job *job = context;
    double *x = (double *)(job->scratch + thread * job->stride);
    int64_t n_rows = job->x->n_rows;
    for (int64_t block = 0; block < WALK_BLOCKS; block++) {
        int64_t first = (task * WALK_BLOCKS + block) * BL_WALK_ROWS;
        int64_t n = n_rows - first < BL_WALK_ROWS ? n_rows - first : BL_WALK_ROWS;
        if (n <= 0)
            break;
        copy_rows(job->x, first, n, x);
        if (n_rows > WALKED_ROWS)
            walk_rows(job, first, n, x);
        else
            for (int64_t i = 0; i < n; i++)
                walk_row(job, i, x + i * job->x->n_features);
    }
}

/* ---- codes ---------------------------------------------------------------------- */

/* Copy n values of a feature, and zeros up to a whole block, as they are stored. */
static void copy_column(const bl_matrix *x, int64_t feature, int64_t first, int64_t n,
                        void *out)
{
    const char *at = x->data + first * x->row_stride + feature * x->feature_stride;
    int64_t whole = ceiling(n, BL_LANES) * BL_LANES;
    if (x->dtype == BL_FLOAT32) {
        float *values = out;
        for (int64_t i = 0; i < n; i++, at += x->row_stride)
            memcpy(values + i, at, sizeof *values);
        memset(values + n, 0, (size_t)(whole - n) * sizeof *values);
    } else {
        double *values = out;
        for (int64_t i = 0; i < n; i++, at += x->row_stride)
            memcpy(values + i, at, sizeof *values);
        memset(values + n, 0, (size_t)(whole - n) * sizeof *values);
    }
}

/* Codes of one group in its one or two columns. */
static void encode_group(const bl_layout *layout, int32_t g, const bl_matrix *x,
                         const void *values, int64_t n, uint8_t *codes)
{
    const bl_group *group = layout->groups + g;
    int32_t column = group->right < 0 ? group->left : group->right;
    uint8_t *right = codes + (int64_t)column * BL_STRIP;
    uint8_t *left = codes + (int64_t)group->left * BL_STRIP;
    if (x->dtype == BL_FLOAT32)
        bl_cpu()->encode32(values, n, layout->heaps32 + (int64_t)g * BL_HEAP,
                           group->levels, right);
    else
        bl_cpu()->encode64(values, n, layout->heaps64 + (int64_t)g * BL_HEAP,
                           group->levels, right);
    if (group->left >= 0)
        for (int64_t i = 0; i < n; i++)
            left[i] = right[i] == BL_MISSING ? 0 : right[i];
}

/* The three columns of a feature that is split by sets. */
static void encode_set(const bl_matrix *x, const void *values, int64_t n, uint8_t *codes)
{
    uint8_t *bit = codes + BL_STRIP, *missing = bit + BL_STRIP;
    for (int64_t i = 0; i < n; i++) {
        double value = x->dtype == BL_FLOAT32 ? (double)((const float *)values)[i]
                                              : ((const double *)values)[i];
        unsigned code = value >= 0 && value < 256 ? (unsigned)value : 256;
        codes[i] = (uint8_t)(code / 8 % BL_SUBSET_BYTES);
        bit[i] = code < 256 ? (uint8_t)(1u << code % 8) : 0;
        missing[i] = value != value ? 255 : 0;
    }
}

/* Codes of n <= BL_STRIP rows, and of rows of zeros up to a whole block. */
static void encode_rows(const bl_layout *layout, const bl_matrix *x, int64_t first,
                        int64_t n, uint8_t *codes)
{
    double values[BL_STRIP];
    int64_t whole = ceiling(n, BL_LANES) * BL_LANES;
    for (int32_t g = 0; g < layout->n_groups; g++) {
        int64_t feature = layout->groups[g].feature;
        if (g == 0 || feature != layout->groups[g - 1].feature)
            copy_column(x, feature, first, n, values);
        encode_group(layout, g, x, values, whole, codes);
    }
    for (int32_t c = 0; c < layout->n_codes; c++) {
        copy_column(x, layout->codes[c].feature, first, n, values);
        encode_set(x, values, whole, codes + (int64_t)layout->codes[c].column * BL_STRIP);
    }
}

static int code_goes_left(const bl_code_node *node, const uint64_t *subsets,
                          const uint8_t *code)
{
    if (node->kind == BL_NUMERIC)
        return *code <= node->split;
    const uint64_t *set = subsets + 4 * (int64_t)node->split;
    uint8_t byte = (uint8_t)(set[*code / 8] >> 8 * (*code % 8));
    return (byte & code[BL_STRIP]) != 0
        || (node->kind == BL_SET_MISSING_LEFT && code[2 * BL_STRIP]);
}

/* From the numbers of the exits to nodes, and on to leaves where they are not such. */
static void leave(const predict_job *job, const bl_laid_tree *tree, const uint8_t *exits,
                  const uint8_t *codes, int64_t n, int32_t *at)
{
    const int32_t *nodes = job->layout->exits + tree->first_exit;
    for (int64_t i = 0; i < n; i++)
        at[i] = nodes[exits[i]];
    if (tree->first_node < 0)
        return;
    const bl_code_node *walked = job->layout->code_nodes + tree->first_node;
    for (int64_t i = 0; i < n; i++) {
        const bl_code_node *node = walked + at[i];
        while (node->left >= 0) {
            const uint8_t *code = codes + (int64_t)node->column * BL_STRIP + i;
            int left = code_goes_left(node, job->forest->subsets, code);
            at[i] = node->left + !left;
            node = walked + at[i];
        }
    }
}

/* What one tree says about one block of n rows. */
static void predict_block(const predict_job *job, int64_t t, coder *memory, int64_t first,
                          int64_t n, const uint8_t *codes)
{
    const bl_forest *forest = job->forest;
    const bl_laid_tree *tree = job->layout->trees + t;
    const bl_kernels *kernels = bl_cpu();
    int64_t n_rows = job->x->n_rows;
    const uint8_t *exits = memory->slots + (tree->n_choices ? BL_EXITS * BL_LANES : 0);
    int32_t at[BL_LANES];
    kernels->decide(job->layout->choices + tree->first_choice, tree->n_choices,
                    forest->subsets, codes, memory->slots);
    if (job->raw && tree->first_node < 0) {
        const double *values = job->layout->values + tree->first_value;
        double *raw = job->raw + forest->outputs[t] * n_rows + first;
        for (int32_t k = 0; k < forest->widths[t]; k++)
            kernels->add_exits(exits, values + (int64_t)k * tree->value_stride,
                               tree->n_exits, n, raw + k * n_rows);
        return;
    }
    leave(job, tree, exits, codes, n, job->raw ? at : job->ids + t * n_rows + first);
    if (job->raw)
        add_leaves(forest, t, at, n, n_rows, job->raw + first);
}

static void predict_task(void *context, int64_t task, int thread)
{
    predict_job *job = context;
    coder *memory = (coder *)(job->scratch + thread * job->stride);
    int64_t first = task * BL_STRIP, n = job->x->n_rows - first;
    n = n < BL_STRIP ? n : BL_STRIP;
    encode_rows(job->layout, job->x, first, n, memory->codes);
    for (int64_t t = 0; t < job->forest->n_trees; t++)
        for (int64_t i = 0; i < n; i += BL_LANES)
            predict_block(job, t, memory, first + i, n - i < BL_LANES ? n - i : BL_LANES,
                          memory->codes + i);
}

/* ---- both ----------------------------------------------------------------------- */

static int predict(predict_job *job, int n_threads)
{
    int64_t n_rows = job->x->n_rows;
    int walked = !job->layout || n_rows <= WALKED_ROWS;
    int64_t n_tasks = ceiling(n_rows, walked ? BL_WALK_ROWS * WALK_BLOCKS : BL_STRIP);
    int64_t x_rows = n_rows < BL_WALK_ROWS ? n_rows : BL_WALK_ROWS;
    n_threads = n_threads < 1 ? 1 : n_threads > 256 ? 256 : n_threads;
    n_threads = n_tasks < n_threads ? (int)n_tasks : n_threads;
    if (n_threads == 0)
        return BL_OK;
    if (walked)
        job->stride = x_rows * job->x->n_features * (int64_t)sizeof(double);
    else
        job->stride = (int64_t)sizeof(coder) + (int64_t)job->layout->n_columns * BL_STRIP;
    job->stride = ceiling(job->stride, 64) * 64;
    job->scratch = malloc((size_t)(job->stride * n_threads));
    if (!job->scratch)
        return BL_NO_MEMORY;
    for (int thread = 0; thread < n_threads && !walked; thread++) {
        uint8_t *slots = ((coder *)(job->scratch + thread * job->stride))->slots;
        for (int e = 0; e < BL_EXITS; e++)
            memset(slots + e * BL_LANES, e, BL_LANES);
    }
    bl_parallel_for(walked ? walk_task : predict_task, job, n_tasks, n_threads);
    free(job->scratch);
    return BL_OK;
}

int bl_predict(const bl_forest *forest, const bl_layout *layout, const bl_matrix *x,
               double *raw, int n_threads)
{
    predict_job job = {.forest = forest, .layout = layout, .x = x, .raw = raw};
    return predict(&job, n_threads);
}

int bl_apply(const bl_forest *forest, const bl_layout *layout, const bl_matrix *x,
             int32_t *ids, int n_threads)
{
    predict_job job = {.forest = forest, .layout = layout, .x = x, .ids = ids};
    return predict(&job, n_threads);
}
