/* Ordering a node's rows by its split: left before right, each side ascending. */
#include "grower.h"
#include "sides.h"

#include <string.h>

enum {
    PARALLEL_PARTITION = 16384,    /* rows worth waking threads for */
    FEWEST_ROWS = 8192,            /* of a chunk */
    MOST_CHUNKS = 512
};

typedef struct {
    bl_grower *s;
    const bl_node_state *node;
    int64_t chunk_rows;
    int64_t *counts;               /* left rows of each chunk, then offsets */
    int64_t n_left;
} partition_job;

static int64_t partition_range(bl_grower *s, const bl_node_state *node, int64_t begin,
                               int64_t n, int32_t *left)
{
    const bl_split *split = &node->split;
    bl_cut cut = {.feature = node->feature, .bin = split->bin,
                  .missing_left = split->missing_left,
                  .subset = split->is_subset ? split->subset : NULL};
    return bl_cut_rows(s->bins, &cut, s->order + begin, n, left, s->right + begin);
}

static void partition_task(void *context, int64_t chunk, int thread)
{
    partition_job *job = context;
    int64_t begin = job->node->begin + chunk * job->chunk_rows;
    int64_t n = job->node->end - begin;
    (void)thread;
    n = n < job->chunk_rows ? n : job->chunk_rows;
    job->counts[chunk] = partition_range(job->s, job->node, begin, n,
                                         job->s->left + begin);
}

static void gather_task(void *context, int64_t chunk, int thread)
{
    partition_job *job = context;
    bl_grower *s = job->s;
    int64_t begin = job->node->begin + chunk * job->chunk_rows;
    int64_t n = job->node->end - begin, before = job->counts[chunk];
    (void)thread;
    n = n < job->chunk_rows ? n : job->chunk_rows;
    int64_t n_left = job->counts[chunk + 1] - before;
    int64_t right_before = chunk * job->chunk_rows - before;
    memcpy(s->order + job->node->begin + before, s->left + begin,
           (size_t)n_left * sizeof *s->order);
    memcpy(s->order + job->node->begin + job->n_left + right_before, s->right + begin,
           (size_t)(n - n_left) * sizeof *s->order);
}

int64_t bl_partition_node(bl_grower *s, const bl_node_state *node)
{
    int64_t n = node->end - node->begin;
    int64_t chunk_rows = (n + MOST_CHUNKS - 1) / MOST_CHUNKS, counts[MOST_CHUNKS + 1];
    if (n < PARALLEL_PARTITION || s->n_threads == 1) {
        int64_t n_left = partition_range(s, node, node->begin, n,
                                         s->order + node->begin);
        memcpy(s->order + node->begin + n_left, s->right + node->begin,
               (size_t)(n - n_left) * sizeof *s->order);
        return n_left;
    }
    chunk_rows = chunk_rows < FEWEST_ROWS ? FEWEST_ROWS : chunk_rows;
    int64_t n_chunks = (n + chunk_rows - 1) / chunk_rows;
    partition_job job = {s, node, chunk_rows, counts, 0};
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
