/* Histograms of nodes: gathered by cache-sized pieces, over rows for big nodes. */
#include "grower.h"

#include <string.h>

enum { PREFETCH_ROWS = 32, GATHER_ROWS = 4096 };

typedef struct {
    bl_grower *s;
    int64_t begin, end, task_rows;
    int64_t *cells;                /* of the node; NULL: each thread has its own */
    uint8_t used[BL_MAX_THREADS];  /* threads that took part */
} histogram_job;

static int64_t bundle_words(const bl_grower *s)
{
    return (int64_t)BL_STRIDE * s->cell_words;
}

static void clear_bundles(const bl_grower *s, int64_t *cells, int32_t first, int32_t end)
{
    size_t size = (size_t)s->cell_words * sizeof *cells;
    for (int32_t b = first; b < end; b++) {
        int64_t *own = cells + b * bundle_words(s);
        memset(own, 0, (size_t)s->bins->n_codes[b] * size);
        memset(own + (int64_t)BL_MISSING * s->cell_words, 0, size);
    }
}

static int are_consecutive(const int32_t *rows, int64_t n)
{
    return rows[n - 1] - rows[0] == n - 1;
}

/* Copies of a size known at compile time are a few moves. */
BL_ALWAYS_INLINE void copy_words_of(const bl_grower *s, const int32_t *rows, int64_t n,
                                    int width, int64_t *words)
{
    for (int64_t i = 0; i < n; i++) {
        if (i + PREFETCH_ROWS < n)
            BL_PREFETCH(s->words + (int64_t)rows[i + PREFETCH_ROWS] * width);
        memcpy(words + i * width, s->words + (int64_t)rows[i] * width,
               (size_t)width * sizeof *words);
    }
}

static void copy_words(const bl_grower *s, const int32_t *rows, int64_t n, int64_t *words)
{
    switch (s->row_words) {
    case 1: copy_words_of(s, rows, n, 1, words); break;
    case 2: copy_words_of(s, rows, n, 2, words); break;
    case 4: copy_words_of(s, rows, n, 4, words); break;
    case 8: copy_words_of(s, rows, n, 8, words); break;
    case 16: copy_words_of(s, rows, n, 16, words); break;
    default: copy_words_of(s, rows, n, 32, words); break;
    }
}

/* One gathered piece of a node: all tiles, while its words stay in cache. */
static void add_piece(bl_grower *s, int64_t begin, int64_t end, int thread,
                      int64_t *sums)
{
    const bl_bins *bins = s->bins;
    const int32_t *rows = s->order + begin;
    int64_t n = end - begin;
    int64_t *words = bl_thread_words(s, thread);
    int consecutive = are_consecutive(rows, n);
    if (consecutive)
        words = s->words + (int64_t)rows[0] * s->row_words;
    else
        copy_words(s, rows, n, words);
    int32_t n_tiles = bl_n_tiles(bins->n_bundles), step = bl_tile_width(bins->n_bundles);
    for (int32_t t = 0; t < n_tiles; t++) {
        const uint8_t *tile = bins->tiles + (int64_t)t * bins->n_rows * BL_TILE;
        int32_t first = t * step, rest = bins->n_bundles - first;
        if (consecutive)
            tile += (int64_t)rows[0] * BL_TILE;
        s->kernels->histogram(tile, consecutive ? NULL : rows, n, words, s->row_words,
                              rest < step ? rest : step,
                              sums + (int64_t)first * BL_STRIDE * s->row_words);
    }
}

static void flush_bundles(const bl_grower *s, int64_t *sums, int32_t first, int32_t end,
                          int add, int64_t *cells)
{
    int lanes = s->format.lanes;
    for (int32_t b = first; b < end; b++) {
        int64_t at = (int64_t)b * BL_STRIDE * lanes, missing = at + BL_MISSING * lanes;
        s->kernels->flush(sums + at, (int64_t)s->bins->n_codes[b] * lanes, &s->format,
                          add, cells + 2 * at);
        s->kernels->flush(sums + missing, lanes, &s->format, add, cells + 2 * missing);
    }
}

/* The sums of blocks of a thread: clear when asked for, as flushing leaves them. */
static int64_t *block_sums(bl_grower *s, int thread)
{
    int64_t *sums = bl_thread_sums(s, thread);
    if (!s->cleared[thread])
        memset(sums, 0, (size_t)(s->cells_per_node * s->format.lanes) * sizeof *sums);
    s->cleared[thread] = 1;
    return sums;
}

static void histogram_task(void *context, int64_t task, int thread)
{
    histogram_job *job = context;
    bl_grower *s = job->s;
    int64_t begin = job->begin + task * job->task_rows;
    int64_t end = begin + job->task_rows < job->end ? begin + job->task_rows : job->end;
    int64_t *cells = job->cells ? job->cells : bl_thread_cells(s, thread);
    int64_t *sums = s->format.wide ? cells : block_sums(s, thread);
    int add = job->used[thread];
    job->used[thread] = 1;
    if (s->format.wide && !add)
        clear_bundles(s, cells, 0, s->bins->n_bundles);
    for (int64_t at = begin; at < end; at += BL_TASK_ROWS)
        add_piece(s, at, at + BL_TASK_ROWS < end ? at + BL_TASK_ROWS : end, thread, sums);
    if (!s->format.wide)
        flush_bundles(s, sums, 0, s->bins->n_bundles, add, cells);
}

/* Words in use of a bundle: its codes, and the cell of missing values. */
static inline void add_bundle(const bl_grower *s, int32_t b, int64_t *restrict out,
                               const int64_t *restrict in, int64_t sign)
{
    int64_t n = (int64_t)s->bins->n_codes[b] * s->cell_words;
    int64_t missing = (int64_t)BL_MISSING * s->cell_words;
    for (int64_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)out[i] + (uint64_t)sign * (uint64_t)in[i]);
    for (int64_t i = missing; i < missing + s->cell_words; i++)
        out[i] = (int64_t)((uint64_t)out[i] + (uint64_t)sign * (uint64_t)in[i]);
}

static void merge_task(void *context, int64_t b, int thread)
{
    histogram_job *job = context;
    bl_grower *s = job->s;
    int64_t at = b * bundle_words(s);
    int first = 1;
    (void)thread;
    for (int t = 0; t < s->n_threads; t++) {
        const int64_t *part = bl_thread_cells(s, t) + at;
        if (job->used[t] && first)
            memcpy(job->cells + at, part, (size_t)bundle_words(s) * sizeof *part);
        else if (job->used[t])
            add_bundle(s, (int32_t)b, job->cells + at, part, 1);
        first &= !job->used[t];
    }
}

static void build_part(bl_grower *s, const bl_node_state *node, int64_t *cells)
{
    int64_t n = node->end - node->begin, n_bundles = s->bins->n_bundles;
    histogram_job job = {.s = s, .begin = node->begin, .end = node->end, .cells = cells};
    int threads = n * n_bundles * s->format.lanes < BL_PARALLEL_UPDATES ? 1 : s->n_threads;
    if (n == 0) {                  /* its rows are in other parts, or it has none */
        clear_bundles(s, cells, 0, s->bins->n_bundles);
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
            histogram_task(&job, t, 0);
        return;
    }
    job.cells = NULL;
    bl_parallel_for(histogram_task, &job, (n + job.task_rows - 1) / job.task_rows,
                    threads);
    job.cells = cells;
    bl_parallel_for(merge_task, &job, n_bundles, threads);
}

void bl_build_histogram(bl_grower *s, const bl_node_state *node, int64_t *cells)
{
    build_part(s, node, cells);
    bl_reduce_cells(s, cells);
}

static void subtract_bundles(const bl_grower *s, int64_t *parent, const int64_t *child,
                             int32_t first, int32_t end)
{
    for (int32_t b = first; b < end; b++)
        add_bundle(s, b, parent + b * bundle_words(s), child + b * bundle_words(s), -1);
}

void bl_subtract(const bl_grower *s, int64_t *parent, const int64_t *child)
{
    subtract_bundles(s, parent, child, 0, s->bins->n_bundles);
}

void bl_subtract_unit(const bl_grower *s, const bl_unit *unit, int64_t *parent,
                      const int64_t *child)
{
    subtract_bundles(s, parent, child, unit->first, unit->end);
}

int bl_is_small(const bl_grower *s, const bl_node_state *node)
{
    int64_t n = node->end - node->begin;
    int few = s->n_units >= s->n_threads || n <= BL_SMALL_NODE / 8;
    return !s->target->parts && n > 0 && n <= BL_SMALL_NODE && few;
}

typedef struct {
    bl_grower *s;
    const bl_node_state *node;
} gather_job;

static void gather_task(void *context, int64_t task, int thread)
{
    const gather_job *job = context;
    const bl_grower *s = job->s;
    int64_t at = task * GATHER_ROWS, n = job->node->end - job->node->begin - at;
    (void)thread;
    copy_words(s, s->order + job->node->begin + at, n < GATHER_ROWS ? n : GATHER_ROWS,
               s->gathered + at * s->row_words);
}

void bl_gather_node(bl_grower *s, const bl_node_state *node)
{
    gather_job job = {s, node};
    int64_t n = node->end - node->begin;
    if (!are_consecutive(s->order + node->begin, n))
        bl_parallel_for(gather_task, &job, (n + GATHER_ROWS - 1) / GATHER_ROWS,
                        s->n_threads);
}

void bl_build_unit(bl_grower *s, const bl_node_state *node, const bl_unit *unit,
                   int thread, int64_t *cells)
{
    const bl_bins *bins = s->bins;
    int64_t n = node->end - node->begin, width = s->row_words, most = s->format.block_rows;
    const int32_t *rows = s->order + node->begin;
    int consecutive = are_consecutive(rows, n);
    const int64_t *words = consecutive ? s->words + rows[0] * width : s->gathered;
    const uint8_t *tile = bins->tiles + (int64_t)unit->tile * bins->n_rows * BL_TILE
        + unit->first - unit->tile * bl_tile_width(bins->n_bundles);
    int64_t *sums = s->format.wide ? cells : block_sums(s, thread);
    if (s->format.wide)
        clear_bundles(s, cells, unit->first, unit->end);
    for (int64_t at = 0; at < n; at += most) {
        int64_t count = n - at < most ? n - at : most;
        s->kernels->histogram(consecutive ? tile + (rows[0] + at) * BL_TILE : tile,
                              consecutive ? NULL : rows + at, count, words + at * width,
                              s->row_words, unit->end - unit->first,
                              sums + (int64_t)unit->first * BL_STRIDE * width);
        if (!s->format.wide)
            flush_bundles(s, sums, unit->first, unit->end, at > 0, cells);
    }
}

const int64_t *bl_feature_cells(const bl_grower *s, const bl_node_state *node,
                                int64_t feature, int thread)
{
    const bl_bins *bins = s->bins;
    int64_t width = s->cell_words, b = bins->bundle ? bins->bundle[feature] : feature;
    int64_t *cells = bl_thread_feature(s, thread);
    if (b >= 0 && !(bins->bundle && bins->joint[b]))
        return node->cells + b * bundle_words(s);
    const uint8_t *bin_of = bins->bin_of + feature * 256;
    memset(cells, 0, (size_t)(bins->n_bins[feature] * width) * sizeof *cells);
    memset(cells + BL_MISSING * width, 0, (size_t)width * sizeof *cells);
    if (b < 0)                     /* constant: nothing can split it */
        return cells;
    const int64_t *in = node->cells + b * bundle_words(s);
    for (int32_t code = 0; code < bins->n_codes[b]; code++, in += width) {
        int64_t *out = cells + bin_of[code] * width;
        for (int64_t j = 0; j < width; j++)
            out[j] = (int64_t)((uint64_t)out[j] + (uint64_t)in[j]);
    }
    return cells;
}
