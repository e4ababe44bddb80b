/* Growing one tree. The order of work: format and words; then, from the best leaf on,
 * partition, histogram of the smaller child, subtraction for the larger, split scan;
 * at the end leaf values from the float64 inputs.
 */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_THREADS = 256,
    FINE_ROWS = 1 << 24,           /* more rows of 12-bit hessians could fill a cell */
    WIDE_ROWS = 16384,             /* up to here precision costs less than it brings */
    TASK_ROWS = 8192,              /* rows of one gathered, cache-sized piece */
    PARALLEL_UPDATES = 60000,      /* (row, feature) updates worth waking threads for */
    PARALLEL_SCAN = 96,            /* features to scan, likewise */
    PARALLEL_PARTITION = 65536,    /* rows to partition, likewise */
    PARTITION_ROWS = 32768,
    MOST_BITS = 40,                /* of a quantum: more would only copy float64 noise */
    FINE_BITS = 24                 /* quanta this fine are rounded, not dithered */
};
#define HISTOGRAM_BYTES ((int64_t)512 << 20)    /* kept for subtraction; then rebuilt */

typedef struct {
    int64_t begin, end;            /* rows in grower.order */
    bl_cell total;
    bl_split split;
    int32_t feature;               /* of the split; -1: none */
    int32_t depth;
    bl_cell *cells;                /* histogram kept for subtraction, or NULL */
} node_state;

typedef struct {
    double g, h;
} leaf_sum;

typedef struct {
    const bl_bins *bins;
    const double *gradient, *hessian, *weight;
    const int32_t *rows;
    int64_t n;                     /* sampled rows */
    const uint8_t *features;
    const bl_params *params;
    const bl_kernels *kernels;
    int n_threads;

    bl_format format;
    bl_extent *extents;            /* one a block */
    int64_t *words;                /* by table row */
    int32_t *order, *left, *right; /* rows by node, and partition buffers */
    node_state *nodes;
    int32_t *heap;
    int64_t n_heap, n_nodes;
    uint8_t *drawn;                /* features drawn for two nodes */
    uint64_t *keys;
    bl_split *splits;              /* best of each feature, for two nodes */
    bl_cell *totals;               /* sums of the words of each task */
    leaf_sum *sums;                /* of each leaf in each piece of the table */

    bl_workspace *workspace;
    int64_t cells_per_node;
    int64_t n_cells;               /* histograms that exist, spare ones included */
    int64_t max_cells;             /* beyond, nodes give theirs up after the search */
    uint8_t cleared[MAX_THREADS];  /* threads whose block sums are clear */
    char *scratch;                 /* per thread: words, block sums, cells */
    int64_t scratch_stride;
    int failed;
} grower;

/* ---- memory ------------------------------------------------------------------- */

struct bl_workspace {
    char *block;                   /* all arrays of a grower but the histograms */
    size_t size;
    bl_cell **spare;               /* free histograms, of `cells` cells each */
    int64_t n_spare, capacity, cells;
};

static void free_histograms(bl_workspace *workspace)
{
    while (workspace->n_spare)
        free(workspace->spare[--workspace->n_spare]);
}

bl_workspace *bl_workspace_new(void)
{
    return calloc(1, sizeof(bl_workspace));
}

void bl_workspace_free(bl_workspace *workspace)
{
    if (!workspace)
        return;
    free_histograms(workspace);
    free(workspace->spare);
    free(workspace->block);
    free(workspace);
}

/* Reserve `count` entries in the block; only measures while the block is NULL. */
static void *reserve(char *block, size_t *used, int64_t count, size_t size)
{
    void *place = block ? block + *used : NULL;
    *used += ((size_t)count * size + 63) & ~(size_t)63;
    return place;
}

static size_t lay_out(grower *s, int64_t capacity, char *block)
{
    int64_t f = s->bins->n_features, n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    int64_t n_tasks = (s->n + TASK_ROWS - 1) / TASK_ROWS;
    size_t used = 0;
    s->extents = reserve(block, &used, n_blocks, sizeof *s->extents);
    s->totals = reserve(block, &used, n_tasks, sizeof *s->totals);
    s->words = reserve(block, &used, 2 * s->bins->n_rows, sizeof *s->words);
    s->order = reserve(block, &used, s->n, sizeof *s->order);
    s->left = reserve(block, &used, s->n, sizeof *s->left);
    s->right = reserve(block, &used, s->n, sizeof *s->right);
    s->nodes = reserve(block, &used, capacity, sizeof *s->nodes);
    s->heap = reserve(block, &used, capacity, sizeof *s->heap);
    s->sums = reserve(block, &used, s->bins->n_rows / 32 + capacity + 256, sizeof *s->sums);
    s->drawn = reserve(block, &used, 2 * f, sizeof *s->drawn);
    s->keys = reserve(block, &used, f, sizeof *s->keys);
    s->splits = reserve(block, &used, 2 * f, sizeof *s->splits);
    s->scratch = reserve(block, &used, s->n_threads, (size_t)s->scratch_stride);
    return used;
}

static int64_t *thread_words(grower *s, int thread)
{
    return (int64_t *)(s->scratch + thread * s->scratch_stride);
}

static int64_t *thread_sums(grower *s, int thread)
{
    return thread_words(s, thread) + 2 * TASK_ROWS;
}

static bl_cell *thread_cells(grower *s, int thread)
{
    return (bl_cell *)(thread_sums(s, thread) + s->cells_per_node);
}

static int allocate_all(grower *s, int64_t capacity)
{
    bl_workspace *workspace = s->workspace;
    s->cells_per_node = (int64_t)s->bins->n_features * BL_STRIDE;
    s->scratch_stride = 2 * TASK_ROWS * (int64_t)sizeof(int64_t)
        + s->cells_per_node * (int64_t)(sizeof(int64_t) + sizeof(bl_cell));
    s->max_cells = HISTOGRAM_BYTES / (s->cells_per_node * (int64_t)sizeof(bl_cell));
    s->max_cells = s->max_cells < 4 ? 4 : s->max_cells;
    if (workspace->cells != s->cells_per_node)
        free_histograms(workspace);
    workspace->cells = s->cells_per_node;
    s->n_cells = workspace->n_spare;
    size_t needed = lay_out(s, capacity, NULL);
    if (needed > workspace->size) {
        free(workspace->block);
        workspace->block = malloc(needed);
        workspace->size = workspace->block ? needed : 0;
        if (!workspace->block)
            return BL_NO_MEMORY;
    }
    lay_out(s, capacity, workspace->block);
    return BL_OK;
}

static void clear_cells(const grower *s, bl_cell *cells)
{
    for (int32_t f = 0; f < s->bins->n_features; f++, cells += BL_STRIDE) {
        memset(cells, 0, (size_t)s->bins->n_bins[f] * sizeof *cells);
        cells[BL_MISSING] = (bl_cell){0, 0};
    }
}

static bl_cell *take_cells(grower *s)
{
    bl_workspace *workspace = s->workspace;
    if (workspace->n_spare)
        return workspace->spare[--workspace->n_spare];
    if (s->n_cells >= workspace->capacity) {    /* room to give every one back */
        int64_t capacity = 2 * workspace->capacity + 64;
        bl_cell **spare = realloc(workspace->spare, (size_t)capacity * sizeof *spare);
        if (!spare) {
            s->failed = 1;
            return NULL;
        }
        workspace->spare = spare;
        workspace->capacity = capacity;
    }
    bl_cell *cells = malloc((size_t)s->cells_per_node * sizeof *cells);
    if (!cells)
        s->failed = 1;
    else
        s->n_cells++;
    return cells;
}

static void drop_cells(grower *s, node_state *node)
{
    if (node->cells)
        s->workspace->spare[s->workspace->n_spare++] = node->cells;
    node->cells = NULL;
}

/* ---- format and words --------------------------------------------------------- */

static void extent_task(void *context, int64_t group, int thread)
{
    grower *s = context;
    int64_t n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    int64_t last = (group + 1) * 16 < n_blocks ? (group + 1) * 16 : n_blocks;
    (void)thread;
    for (int64_t block = group * 16; block < last; block++) {
        int64_t first = block * BL_SUM_BLOCK;
        int64_t n = s->n - first < BL_SUM_BLOCK ? s->n - first : BL_SUM_BLOCK;
        int64_t offset = s->rows ? 0 : first;
        s->extents[block] = (bl_extent){0};
        s->kernels->extent(s->gradient + offset,
                           s->hessian ? s->hessian + offset : NULL,
                           s->weight ? s->weight + offset : NULL,
                           s->rows ? s->rows + first : NULL, n, s->extents + block);
    }
}

/* The greatest power of two that keeps `greatest` within `bits` bits. */
static double scale_for(double greatest, int bits)
{
    int exponent;
    if (greatest <= 0)
        return 1.0;
    frexp(greatest, &exponent);
    int e = bits - exponent;
    if (e > 1000)
        e = 1000;
    if (ldexp(greatest, e) > ldexp(1.0, bits) - 1.0)
        e--;
    return ldexp(1.0, e);
}

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

/* Bits for weights: enough for whole numbers to be exact, else at most `most`. */
static int weight_bits(const bl_extent *extent, int most)
{
    int bits = 1;
    if (extent->fractional || extent->max_w >= 4194304.0)
        return most;
    while (extent->max_w > ldexp(1.0, bits) - 1.0)
        bits++;
    return bits < most ? bits : most;
}

static bl_format choose_format(const bl_extent *extent, int64_t n, int has_hessian,
                               int weighted)
{
    bl_format format = {.has_hessian = has_hessian, .w_bits = 64, .w_scale = 1.0,
                        .h_scale = 1.0};
    int log2_n = 0, g_bits, h_bits = FINE_BITS, w_bits = 0;
    double tail = extent->max_g * extent->max_g / (extent->sum_gg / (double)n);
    while (((int64_t)1 << log2_n) < n)
        log2_n++;
    if (!has_hessian) {
        int block = minimum(log2_n, 16), bits = 62 - 2 * block;
        if (weighted)
            w_bits = weight_bits(extent, minimum(20, bits / 2));
        g_bits = minimum(MOST_BITS, bits - w_bits);
        format.g_shift = block + w_bits + 1;
        format.block_rows = 65536;
    } else if (weighted || n <= WIDE_ROWS || tail > 512.0 * 512.0
               || (tail > 64.0 * 64.0 && n > FINE_ROWS)) {
        int bits = 62 - 2 * log2_n;
        if (weighted)
            w_bits = weight_bits(extent, minimum(20, bits / 3));
        h_bits = minimum(MOST_BITS, bits - w_bits);
        g_bits = minimum(MOST_BITS, 62 - log2_n);
        format.wide = 1;
        format.w_bits = log2_n + w_bits + 1;
        format.block_rows = BL_MAX_ROWS;
    } else {
        int fine = tail > 64.0 * 64.0;      /* shorter blocks leave more bits a row */
        format.w_bits = 28;
        format.block_rows = fine ? 4096 : 16384;
        h_bits = fine ? 12 : 9;
        g_bits = fine ? 14 : 11;
        format.h_shift = fine ? 13 : 15;
        format.g_shift = fine ? 37 : 38;
    }
    format.dither_g = g_bits < FINE_BITS;
    format.dither_h = h_bits < FINE_BITS;
    format.g_scale = scale_for(extent->max_g, g_bits);
    if (has_hessian)
        format.h_scale = scale_for(extent->max_h, h_bits);
    if (weighted)
        format.w_scale = scale_for(extent->max_w, w_bits);
    return format;
}

/* The sum of the words of some rows; narrow words by blocks, which their lanes hold. */
static bl_cell sum_words(const grower *s, const int32_t *rows, int64_t n)
{
    bl_cell total = {0, 0};
    if (s->format.wide) {
        for (int64_t i = 0; i < n; i++) {
            total.g += s->words[2 * (int64_t)rows[i]];
            total.hw += (uint64_t)s->words[2 * (int64_t)rows[i] + 1];
        }
        return total;
    }
    for (int64_t first = 0; first < n; first += s->format.block_rows) {
        int64_t end = n - first < s->format.block_rows ? n : first + s->format.block_rows;
        int64_t packed = 0;
        for (int64_t i = first; i < end; i++)
            packed += s->words[rows[i]];
        bl_cell block = bl_widen(packed, &s->format);
        total.g += block.g;
        total.hw += block.hw;
    }
    return total;
}

static void quantize_task(void *context, int64_t task, int thread)
{
    grower *s = context;
    int64_t first = task * TASK_ROWS;
    int64_t n = s->n - first < TASK_ROWS ? s->n - first : TASK_ROWS;
    (void)thread;
    s->kernels->quantize(s->gradient, s->hessian, s->weight, s->rows, first, n,
                         &s->format, s->params->seed, s->words);
    for (int64_t i = first; i < first + n; i++)
        s->order[i] = s->rows ? s->rows[i] : (int32_t)i;
    s->totals[task] = sum_words(s, s->order + first, n);
}

static int make_words(grower *s)
{
    int64_t n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    bl_extent all = {0};
    bl_parallel_for(extent_task, s, (n_blocks + 15) / 16, s->n_threads);
    for (int64_t b = 0; b < n_blocks; b++) {
        const bl_extent *extent = s->extents + b;
        all.max_g = extent->max_g > all.max_g ? extent->max_g : all.max_g;
        all.max_h = extent->max_h > all.max_h ? extent->max_h : all.max_h;
        all.max_w = extent->max_w > all.max_w ? extent->max_w : all.max_w;
        all.sum_gg += extent->sum_gg;
        all.not_finite |= extent->not_finite;
        all.fractional |= extent->fractional;
        all.negative |= extent->negative;
    }
    if (all.not_finite)
        return BL_NOT_FINITE;
    if (all.negative)
        return BL_NEGATIVE;
    s->format = choose_format(&all, s->n, s->hessian != NULL, s->weight != NULL);
    memset(s->cleared, 0, sizeof s->cleared);
    bl_parallel_for(quantize_task, s, (s->n + TASK_ROWS - 1) / TASK_ROWS, s->n_threads);
    return BL_OK;
}

/* ---- histograms --------------------------------------------------------------- */

typedef struct {
    grower *s;
    int64_t begin, end, task_rows;
    bl_cell *cells;                /* of the node; NULL: each thread has its own */
    uint8_t used[MAX_THREADS];     /* threads that took part */
} hist_job;

static int32_t tile_width(const bl_bins *bins, int32_t tile)
{
    int32_t rest = bins->n_features - tile * BL_TILE;
    return rest < BL_TILE ? rest : BL_TILE;
}

/* One gathered piece of a node: all tiles, while its words stay in cache. */
static void hist_piece(grower *s, int64_t begin, int64_t end, int thread,
                       bl_cell *cells)
{
    const bl_bins *bins = s->bins;
    const int32_t *rows = s->order + begin;
    int64_t n = end - begin, *words = thread_words(s, thread);
    int consecutive = rows[n - 1] - rows[0] == n - 1;
    int wide = s->format.wide;
    if (consecutive)
        words = s->words + (wide ? 2 : 1) * (int64_t)rows[0];
    else if (wide)
        for (int64_t i = 0; i < n; i++) {
            words[2 * i] = s->words[2 * (int64_t)rows[i]];
            words[2 * i + 1] = s->words[2 * (int64_t)rows[i] + 1];
        }
    else
        for (int64_t i = 0; i < n; i++)
            words[i] = s->words[rows[i]];
    for (int32_t t = 0; t < bins->n_tiles; t++) {
        const uint8_t *tile = bins->tiles + (int64_t)t * bins->n_rows * BL_TILE;
        const int32_t *list = consecutive ? NULL : rows;
        int64_t first = (int64_t)t * BL_TILE * BL_STRIDE;
        if (consecutive)
            tile += (int64_t)rows[0] * BL_TILE;
        if (wide)
            s->kernels->hist_wide(tile, list, n, words, tile_width(bins, t),
                                  cells + first);
        else
            s->kernels->hist_narrow(tile, list, n, words, tile_width(bins, t),
                                    thread_sums(s, thread) + first);
    }
}

static void hist_task(void *context, int64_t task, int thread)
{
    hist_job *job = context;
    grower *s = job->s;
    int64_t begin = job->begin + task * job->task_rows;
    int64_t end = begin + job->task_rows < job->end ? begin + job->task_rows : job->end;
    bl_cell *cells = job->cells ? job->cells : thread_cells(s, thread);
    int add = job->used[thread];
    job->used[thread] = 1;
    if (s->format.wide && !add)
        clear_cells(s, cells);
    if (!s->format.wide && !s->cleared[thread]) {    /* flushing keeps them clear */
        memset(thread_sums(s, thread), 0,
               (size_t)s->cells_per_node * sizeof(int64_t));
        s->cleared[thread] = 1;
    }
    for (int64_t at = begin; at < end; at += TASK_ROWS)
        hist_piece(s, at, at + TASK_ROWS < end ? at + TASK_ROWS : end, thread, cells);
    if (!s->format.wide)
        for (int32_t f = 0; f < s->bins->n_features; f++)
            s->kernels->flush(thread_sums(s, thread) + (int64_t)f * BL_STRIDE,
                              s->bins->n_bins[f], &s->format, add,
                              cells + (int64_t)f * BL_STRIDE);
}

/* Cells in use of a feature: its value bins, and the one of missing values. */
static inline __attribute__((always_inline)) void add_cells(
    bl_cell *restrict out, const bl_cell *restrict in, int32_t n_bins, int64_t sign)
{
    for (int32_t b = 0; b < n_bins; b++) {
        out[b].g += sign * in[b].g;
        out[b].hw += (uint64_t)sign * in[b].hw;
    }
    out[BL_MISSING].g += sign * in[BL_MISSING].g;
    out[BL_MISSING].hw += (uint64_t)sign * in[BL_MISSING].hw;
}

static void merge_task(void *context, int64_t f, int thread)
{
    hist_job *job = context;
    grower *s = job->s;
    bl_cell *out = job->cells + f * BL_STRIDE;
    (void)thread;
    memset(out, 0, BL_STRIDE * sizeof *out);
    for (int t = 0; t < s->n_threads; t++)
        if (job->used[t])
            add_cells(out, thread_cells(s, t) + f * BL_STRIDE, s->bins->n_bins[f], 1);
}

static void build_histogram(grower *s, const node_state *node, bl_cell *cells)
{
    int64_t n = node->end - node->begin, f = s->bins->n_features;
    hist_job job = {.s = s, .begin = node->begin, .end = node->end, .cells = cells};
    int threads = n * f < PARALLEL_UPDATES ? 1 : s->n_threads;
    if (n == 0) {                  /* only where tiles and columns disagree */
        clear_cells(s, cells);
        return;
    }
    job.task_rows = s->format.block_rows;
    if (threads > 1) {
        int64_t share = (n + 4 * threads - 1) / (4 * threads);
        share = share < 2048 ? 2048 : share;
        job.task_rows = share < job.task_rows ? share : job.task_rows;
    }
    if (threads == 1) {
        for (int64_t t = 0; t * job.task_rows < n; t++)
            hist_task(&job, t, 0);
        return;
    }
    job.cells = NULL;
    bl_parallel_for(hist_task, &job, (n + job.task_rows - 1) / job.task_rows, threads);
    job.cells = cells;
    bl_parallel_for(merge_task, &job, f, threads);
}

static void subtract(const grower *s, bl_cell *parent, const bl_cell *child)
{
    for (int32_t f = 0; f < s->bins->n_features; f++)
        add_cells(parent + (int64_t)f * BL_STRIDE, child + (int64_t)f * BL_STRIDE,
                  s->bins->n_bins[f], -1);
}

/* ---- split scan --------------------------------------------------------------- */

typedef struct {
    grower *s;
    const int32_t *ids;            /* one or two nodes */
} scan_job;

/* Mark the features a node may use: all usable ones, or those with the smallest keys. */
static void draw_features(grower *s, int32_t id, uint8_t *drawn)
{
    int32_t f = s->bins->n_features, n_usable = 0, wanted = s->params->n_node_features;
    for (int32_t j = 0; j < f; j++) {
        drawn[j] = !s->features || s->features[j];
        n_usable += drawn[j];
    }
    if (wanted >= n_usable)
        return;
    for (int32_t j = 0; j < f; j++)
        s->keys[j] = bl_hash(s->params->seed ^ 0xA5A5A5A5A5A5A5A5u,
                             (uint64_t)id * (uint64_t)f + (uint64_t)j, 0);
    for (; n_usable > wanted; n_usable--) {    /* drop the greatest key, highest j */
        int32_t worst = -1;
        for (int32_t j = 0; j < f; j++)
            if (drawn[j] && (worst < 0 || s->keys[j] >= s->keys[worst]))
                worst = j;
        drawn[worst] = 0;
    }
}

static void scan_task(void *context, int64_t task, int thread)
{
    scan_job *job = context;
    grower *s = job->s;
    int64_t f = s->bins->n_features, j = task % f;
    const node_state *node = s->nodes + job->ids[task / f];
    (void)thread;
    s->splits[task].bin = -1;
    if (s->drawn[task])
        s->kernels->best_split(node->cells + j * BL_STRIDE, s->bins->n_bins[j],
                               &s->format, s->params, &node->total, s->splits + task);
}

static int precedes(const grower *s, int32_t a, int32_t b)
{
    const node_state *first = s->nodes + a, *second = s->nodes + b;
    if (s->params->depth_wise) {
        if (first->depth != second->depth)
            return first->depth < second->depth;
    } else if (first->split.gain != second->split.gain) {
        return first->split.gain > second->split.gain;
    }
    return a < b;
}

static void push(grower *s, int32_t id)
{
    int64_t i = s->n_heap++;
    while (i > 0 && precedes(s, id, s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = id;
}

static int32_t pop(grower *s)
{
    int32_t top = s->heap[0], last = s->heap[--s->n_heap];
    int64_t i = 0;
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= s->n_heap)
            break;
        if (child + 1 < s->n_heap && precedes(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!precedes(s, s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/* Search nodes that have histograms, and queue those that can be split. */
static void search(grower *s, const int32_t *ids, int count)
{
    int64_t f = s->bins->n_features;
    scan_job job = {s, ids};
    for (int c = 0; c < count; c++)
        draw_features(s, ids[c], s->drawn + c * f);
    bl_parallel_for(scan_task, &job, count * f,
                    count * f < PARALLEL_SCAN ? 1 : s->n_threads);
    for (int c = 0; c < count; c++) {
        node_state *node = s->nodes + ids[c];
        node->feature = -1;
        node->split.gain = 0.0;
        for (int64_t j = 0; j < f; j++) {
            const bl_split *split = s->splits + c * f + j;
            if (split->bin >= 0 && split->gain > node->split.gain) {
                node->split = *split;
                node->feature = (int32_t)j;
            }
        }
        if (node->feature >= 0)
            push(s, ids[c]);
        if (node->feature < 0 || s->n_cells - s->workspace->n_spare > s->max_cells)
            drop_cells(s, node);    /* its children will be built, not subtracted */
    }
}

static double real_weight(const grower *s, const bl_cell *total)
{
    uint64_t w = bl_weight_lane(total->hw, &s->format);
    return (double)(int64_t)w * (1.0 / s->format.w_scale);
}

static int searchable(const grower *s, const node_state *node)
{
    return node->depth < s->params->max_depth && node->end - node->begin >= 2
        && real_weight(s, &node->total) >= 2 * s->params->min_leaf_weight;
}

/* ---- partition ---------------------------------------------------------------- */

typedef struct {
    grower *s;
    const node_state *node;
    int64_t *counts;               /* left rows of each chunk, then offsets */
    int64_t n_left;
} partition_job;

static int64_t partition_range(grower *s, const node_state *node, int64_t begin,
                               int64_t n, int32_t *left)
{
    const uint8_t *column = s->bins->columns + (int64_t)node->feature * s->bins->n_rows;
    return s->kernels->partition(column, s->order + begin, n, (uint8_t)node->split.bin,
                                 node->split.missing_left, left, s->right + begin);
}

static void partition_task(void *context, int64_t chunk, int thread)
{
    partition_job *job = context;
    int64_t begin = job->node->begin + chunk * PARTITION_ROWS;
    int64_t n = job->node->end - begin;
    (void)thread;
    n = n < PARTITION_ROWS ? n : PARTITION_ROWS;
    job->counts[chunk] = partition_range(job->s, job->node, begin, n,
                                         job->s->left + begin);
}

static void gather_task(void *context, int64_t chunk, int thread)
{
    partition_job *job = context;
    grower *s = job->s;
    int64_t begin = job->node->begin + chunk * PARTITION_ROWS;
    int64_t n = job->node->end - begin, before = job->counts[chunk];
    (void)thread;
    n = n < PARTITION_ROWS ? n : PARTITION_ROWS;
    int64_t n_left = job->counts[chunk + 1] - before;
    int64_t right_before = chunk * PARTITION_ROWS - before;
    memcpy(s->order + job->node->begin + before, s->left + begin,
           (size_t)n_left * sizeof *s->order);
    memcpy(s->order + job->node->begin + job->n_left + right_before, s->right + begin,
           (size_t)(n - n_left) * sizeof *s->order);
}

/* Order the node's rows, left before right; return the number on the left. */
static int64_t partition_node(grower *s, const node_state *node)
{
    int64_t n = node->end - node->begin;
    int64_t n_chunks = (n + PARTITION_ROWS - 1) / PARTITION_ROWS;
    int64_t counts[BL_MAX_ROWS / PARTITION_ROWS + 2];
    if (n < PARALLEL_PARTITION || s->n_threads == 1) {
        int64_t n_left = partition_range(s, node, node->begin, n,
                                         s->order + node->begin);
        memcpy(s->order + node->begin + n_left, s->right + node->begin,
               (size_t)(n - n_left) * sizeof *s->order);
        return n_left;
    }
    partition_job job = {s, node, counts, 0};
    bl_parallel_for(partition_task, &job, n_chunks, s->n_threads);
    for (int64_t c = 0; c < n_chunks; c++) {
        int64_t here = counts[c];
        counts[c] = job.n_left;
        job.n_left += here;
    }
    counts[n_chunks] = job.n_left;
    bl_parallel_for(gather_task, &job, n_chunks, s->n_threads);
    return job.n_left;
}

/* ---- growth ------------------------------------------------------------------- */

static void new_node(grower *s, bl_tree *tree, node_state node)
{
    int64_t id = s->n_nodes++;
    s->nodes[id] = node;
    tree->feature[id] = -1;
    tree->left[id] = -1;
    tree->threshold[id] = 0.0;
    tree->value[id] = 0.0;
    tree->gain[id] = 0.0;
    tree->weight[id] = real_weight(s, &node.total);
    tree->bin[id] = 0;
    tree->missing_left[id] = 0;
}

static void split_node(grower *s, bl_tree *tree, int32_t id, const double *borders,
                       const int64_t *offsets)
{
    node_state *node = s->nodes + id;
    int32_t f = node->feature, bin = node->split.bin;
    int last = bin == s->bins->n_bins[f] - 1;
    int64_t middle = node->begin + partition_node(s, node);
    node_state left = {.begin = node->begin, .end = middle, .depth = node->depth + 1,
                       .total = {node->split.left_g, node->split.left_hw}};
    node_state right = {.begin = middle, .end = node->end, .depth = node->depth + 1,
                        .total = {node->total.g - node->split.left_g,
                                  node->total.hw - node->split.left_hw}};
    tree->feature[id] = f;
    tree->left[id] = (int32_t)s->n_nodes;
    tree->threshold[id] = last ? INFINITY : borders[offsets[f] + bin];
    tree->gain[id] = node->split.gain;
    tree->bin[id] = (uint8_t)bin;
    tree->missing_left[id] = node->split.missing_left;
    new_node(s, tree, left);
    new_node(s, tree, right);
}

/* Histograms of the children: the smaller is built, the larger is what remains. */
static void search_children(grower *s, int32_t id, int32_t left_id)
{
    node_state *node = s->nodes + id;
    int32_t small = left_id, large = left_id + 1, ids[2];
    int count = 0;
    if (s->nodes[small].end - s->nodes[small].begin
        > s->nodes[large].end - s->nodes[large].begin) {
        small = left_id + 1;
        large = left_id;
    }
    int search_small = searchable(s, s->nodes + small);
    int search_large = searchable(s, s->nodes + large);
    if (search_small || (search_large && node->cells)) {
        s->nodes[small].cells = take_cells(s);
        if (s->failed)
            return;
        build_histogram(s, s->nodes + small, s->nodes[small].cells);
    }
    if (search_large) {
        s->nodes[large].cells = node->cells ? node->cells : take_cells(s);
        if (s->failed)
            return;
        if (node->cells)
            subtract(s, s->nodes[large].cells, s->nodes[small].cells);
        else
            build_histogram(s, s->nodes + large, s->nodes[large].cells);
        node->cells = NULL;
    }
    drop_cells(s, node);
    if (search_small)
        ids[count++] = small;
    else
        drop_cells(s, s->nodes + small);
    if (search_large)
        ids[count++] = large;
    if (count)
        search(s, ids, count);
}

static int grow_nodes(grower *s, bl_tree *tree, const double *borders,
                      const int64_t *offsets)
{
    node_state root = {.begin = 0, .end = s->n};
    int32_t root_id = 0, n_leaves = 1;
    for (int64_t t = 0; t * TASK_ROWS < s->n; t++) {
        root.total.g += s->totals[t].g;
        root.total.hw += s->totals[t].hw;
    }
    new_node(s, tree, root);
    if (s->params->max_leaves > 1 && searchable(s, s->nodes)) {
        s->nodes[0].cells = take_cells(s);
        if (s->failed)
            return BL_NO_MEMORY;
        build_histogram(s, s->nodes, s->nodes[0].cells);
        search(s, &root_id, 1);
    }
    while (s->n_heap && n_leaves < s->params->max_leaves) {
        int32_t id = pop(s), left = (int32_t)s->n_nodes;
        if (s->n_nodes + 2 > tree->capacity)
            return BL_FULL;
        split_node(s, tree, id, borders, offsets);
        if (++n_leaves < s->params->max_leaves)
            search_children(s, id, left);
        if (s->failed)
            return BL_NO_MEMORY;
    }
    tree->n_nodes = s->n_nodes;
    return BL_OK;
}

/* ---- leaves ------------------------------------------------------------------- */

typedef struct {
    grower *s;
    const int32_t *leaves;         /* node ids, ascending */
    int64_t n_leaves, piece_rows;
    int32_t *ids;
} leaf_job;

/* Rows of one piece of the table; enough of them that pieces outweigh leaves. */
static int64_t rows_of_piece(int64_t n_leaves)
{
    int64_t rows = 32 * n_leaves;
    rows = (rows + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK * BL_SUM_BLOCK;
    return rows < 8 * BL_SUM_BLOCK ? 8 * BL_SUM_BLOCK : rows;
}

/* The first position in [begin, end) of `order` whose row is at least `row`. */
static int64_t first_from(const int32_t *order, int64_t begin, int64_t end, int64_t row)
{
    while (begin < end) {
        int64_t middle = begin + (end - begin) / 2;
        if (order[middle] < row)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Sum what every leaf has in one piece of the table, while the piece is in cache. */
static void leaf_task(void *context, int64_t piece, int thread)
{
    leaf_job *job = context;
    grower *s = job->s;
    leaf_sum *sums = s->sums + piece * job->n_leaves;
    int64_t row = piece * job->piece_rows;
    (void)thread;
    for (int64_t l = 0; l < job->n_leaves; l++) {
        const node_state *leaf = s->nodes + job->leaves[l];
        int64_t at = first_from(s->order, leaf->begin, leaf->end, row);
        int64_t end = first_from(s->order, at, leaf->end, row + job->piece_rows);
        leaf_sum sum = {0.0, 0.0};
        for (int64_t i = at; i < end; i++)
            job->ids[s->order[i]] = job->leaves[l];
        for (; at < end; at += BL_SUM_BLOCK) {
            double g, h;
            int64_t n = end - at < BL_SUM_BLOCK ? end - at : BL_SUM_BLOCK;
            s->kernels->sum_block(s->gradient, s->hessian, s->weight, s->order + at, n,
                                  &g, &h);
            sum.g += g;
            sum.h += h;
        }
        sums[l] = sum;
    }
}

static void fit_leaves(grower *s, bl_tree *tree, int32_t *ids)
{
    int32_t *leaves = s->heap;     /* growth is over: the heap is free */
    int64_t n_leaves = 0;
    for (int32_t id = 0; id < tree->n_nodes; id++)
        if (tree->left[id] < 0)
            leaves[n_leaves++] = id;
    int64_t piece_rows = rows_of_piece(n_leaves);
    int64_t n_pieces = (s->bins->n_rows + piece_rows - 1) / piece_rows;
    leaf_job job = {s, leaves, n_leaves, piece_rows, ids};
    bl_parallel_for(leaf_task, &job, n_pieces, s->n_threads);
    for (int64_t l = 0; l < n_leaves; l++) {
        double g = 0.0, h = 0.0;
        for (int64_t piece = 0; piece < n_pieces; piece++) {
            g += s->sums[piece * n_leaves + l].g;
            h += s->sums[piece * n_leaves + l].h;
        }
        double denominator = h + s->params->l2;
        tree->value[leaves[l]] = denominator > 0 ? -g / denominator : 0.0;
    }
}

int bl_grow(const bl_bins *bins, const double *gradient, const double *hessian,
            const double *weight, const int32_t *rows, int64_t n_sampled,
            const uint8_t *features, const double *borders, const int64_t *offsets,
            const bl_params *params, bl_tree *tree, int32_t *ids,
            bl_workspace *workspace, int n_threads)
{
    grower s = {.bins = bins, .gradient = gradient, .hessian = hessian,
                .weight = weight, .rows = rows, .n = rows ? n_sampled : bins->n_rows,
                .features = features, .params = params, .kernels = bl_cpu(),
                .workspace = workspace,
                .n_threads = n_threads < 1 ? 1 : n_threads > MAX_THREADS ? MAX_THREADS : n_threads};
    int status = allocate_all(&s, tree->capacity);
    if (status == BL_OK)
        status = make_words(&s);
    if (status == BL_OK)
        status = grow_nodes(&s, tree, borders, offsets);
    for (int64_t i = 0; i < s.n_nodes; i++)
        drop_cells(&s, s.nodes + i);
    if (status == BL_OK)
        fit_leaves(&s, tree, ids);
    if (status == BL_OK && s.n < bins->n_rows)
        status = bl_apply_bins(tree, bins, ids, n_threads);
    return status;
}
