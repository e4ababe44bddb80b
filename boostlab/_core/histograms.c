/* Histograms of nodes: gathered by cache-sized pieces, over rows for big nodes. */
#include "grower.h"

#include <string.h>

enum { PREFETCH_ROWS = 32 };

typedef struct {
    bl_grower *s;
    int64_t begin, end, task_rows;
    int64_t *cells;                /* of the node; NULL: each thread has its own */
    uint8_t used[BL_MAX_THREADS];  /* threads that took part */
} histogram_job;

static int32_t tile_width(const bl_bins *bins, int32_t tile)
{
    int32_t rest = bins->n_features - tile * BL_TILE;
    return rest < BL_TILE ? rest : BL_TILE;
}

static int64_t feature_words(const bl_grower *s)
{
    return (int64_t)BL_STRIDE * s->cell_words;
}

static void clear_cells(const bl_grower *s, int64_t *cells)
{
    size_t size = (size_t)s->cell_words * sizeof *cells;
    for (int32_t f = 0; f < s->bins->n_features; f++, cells += feature_words(s)) {
        memset(cells, 0, (size_t)s->bins->n_bins[f] * size);
        memset(cells + (int64_t)BL_MISSING * s->cell_words, 0, size);
    }
}

static const int64_t *gather_words(const bl_grower *s, const int32_t *rows, int64_t n,
                                   int64_t *words)
{
    int width = s->row_words;
    if (rows[n - 1] - rows[0] == n - 1)
        return s->words + (int64_t)rows[0] * width;
    if (width == 1)
        for (int64_t i = 0; i < n; i++) {
            if (i + PREFETCH_ROWS < n)
                BL_PREFETCH(s->words + rows[i + PREFETCH_ROWS]);
            words[i] = s->words[rows[i]];
        }
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(words + i * width, s->words + (int64_t)rows[i] * width,
                   (size_t)width * sizeof *words);
    return words;
}

/* One gathered piece of a node: all tiles, while its words stay in cache. */
static void add_piece(bl_grower *s, int64_t begin, int64_t end, int thread,
                      int64_t *sums)
{
    const bl_bins *bins = s->bins;
    const int32_t *rows = s->order + begin;
    int64_t n = end - begin;
    const int64_t *words = gather_words(s, rows, n, bl_thread_words(s, thread));
    int consecutive = rows[n - 1] - rows[0] == n - 1;
    for (int32_t t = 0; t < bins->n_tiles; t++) {
        const uint8_t *tile = bins->tiles + (int64_t)t * bins->n_rows * BL_TILE;
        if (consecutive)
            tile += (int64_t)rows[0] * BL_TILE;
        s->kernels->histogram(tile, consecutive ? NULL : rows, n, words, s->row_words,
                              tile_width(bins, t),
                              sums + (int64_t)t * BL_TILE * BL_STRIDE * s->row_words);
    }
}

static void flush_sums(bl_grower *s, int64_t *sums, int add, int64_t *cells)
{
    int lanes = s->format.lanes;
    for (int32_t f = 0; f < s->bins->n_features; f++) {
        int64_t at = (int64_t)f * BL_STRIDE * lanes, missing = at + BL_MISSING * lanes;
        s->kernels->flush(sums + at, (int64_t)s->bins->n_bins[f] * lanes, &s->format,
                          add, cells + 2 * at);
        s->kernels->flush(sums + missing, lanes, &s->format, add, cells + 2 * missing);
    }
}

static void histogram_task(void *context, int64_t task, int thread)
{
    histogram_job *job = context;
    bl_grower *s = job->s;
    int64_t begin = job->begin + task * job->task_rows;
    int64_t end = begin + job->task_rows < job->end ? begin + job->task_rows : job->end;
    int64_t *cells = job->cells ? job->cells : bl_thread_cells(s, thread);
    int64_t *sums = s->format.wide ? cells : bl_thread_sums(s, thread);
    int add = job->used[thread];
    job->used[thread] = 1;
    if (s->format.wide && !add)
        clear_cells(s, cells);
    if (!s->format.wide && !s->cleared[thread]) {    /* flushing keeps them clear */
        memset(sums, 0, (size_t)(s->cells_per_node * s->format.lanes) * sizeof *sums);
        s->cleared[thread] = 1;
    }
    for (int64_t at = begin; at < end; at += BL_TASK_ROWS)
        add_piece(s, at, at + BL_TASK_ROWS < end ? at + BL_TASK_ROWS : end, thread, sums);
    if (!s->format.wide)
        flush_sums(s, sums, add, cells);
}

/* Words in use of a feature: its value bins, and the one of missing values. */
static inline void add_feature(const bl_grower *s, int32_t f, int64_t *restrict out,
                               const int64_t *restrict in, int64_t sign)
{
    int64_t n = (int64_t)s->bins->n_bins[f] * s->cell_words;
    int64_t missing = (int64_t)BL_MISSING * s->cell_words;
    for (int64_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)out[i] + (uint64_t)sign * (uint64_t)in[i]);
    for (int64_t i = missing; i < missing + s->cell_words; i++)
        out[i] = (int64_t)((uint64_t)out[i] + (uint64_t)sign * (uint64_t)in[i]);
}

static void merge_task(void *context, int64_t f, int thread)
{
    histogram_job *job = context;
    bl_grower *s = job->s;
    int64_t at = f * feature_words(s);
    int first = 1;
    (void)thread;
    for (int t = 0; t < s->n_threads; t++) {
        const int64_t *part = bl_thread_cells(s, t) + at;
        if (job->used[t] && first)
            memcpy(job->cells + at, part, (size_t)feature_words(s) * sizeof *part);
        else if (job->used[t])
            add_feature(s, (int32_t)f, job->cells + at, part, 1);
        first &= !job->used[t];
    }
}

static void build_part(bl_grower *s, const bl_node_state *node, int64_t *cells)
{
    int64_t n = node->end - node->begin, f = s->bins->n_features;
    histogram_job job = {.s = s, .begin = node->begin, .end = node->end, .cells = cells};
    int threads = n * f * s->format.lanes < BL_PARALLEL_UPDATES ? 1 : s->n_threads;
    if (n == 0) {                  /* its rows are in other parts, or it has none */
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
            histogram_task(&job, t, 0);
        return;
    }
    job.cells = NULL;
    bl_parallel_for(histogram_task, &job, (n + job.task_rows - 1) / job.task_rows,
                    threads);
    job.cells = cells;
    bl_parallel_for(merge_task, &job, f, threads);
}

void bl_build_histogram(bl_grower *s, const bl_node_state *node, int64_t *cells)
{
    build_part(s, node, cells);
    bl_reduce_cells(s, cells);
}

void bl_subtract(const bl_grower *s, int64_t *parent, const int64_t *child)
{
    for (int32_t f = 0; f < s->bins->n_features; f++)
        add_feature(s, f, parent + f * feature_words(s), child + f * feature_words(s),
                    -1);
}
