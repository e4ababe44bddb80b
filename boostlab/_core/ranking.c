/* Ranking: the documents of each query are sorted, and compared in pairs.
 *
 * Documents of equal score and gain are one cell, cells of equal score one block. The
 * places of a block's documents are not decided, so what depends on a place is the mean
 * over all orders of the block, which has closed forms: nothing depends on the order of
 * the rows. A pair weighs upper - head * lower: `upper` is what its better placed
 * document brings, as the mean over its places among the first `top` (0 elsewhere),
 * `head` the share of these places, `lower` the mean of what the other loses. One query
 * is the work of one thread.
 */
#include "kernels.h"

#include "bl_math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUERIES_A_TASK = 8, SORTED_RUN = 8 };

typedef struct {
    double score, gain;
    int32_t row, copies;
} document;

/* Documents of one score: `size` places from `place` on. */
typedef struct {
    int64_t place, size, last_cell;   /* last_cell: one past the block's cells */
    double hits;                      /* documents of positive gain */
    double upper[2], lower[2];        /* of a document without, and with, a gain */
    double head, within;              /* within: weight of a pair inside the block */
} block;

typedef struct {
    document *documents, *spare;
    double *score, *gain, *count, *lower, *gradient, *hessian;   /* one a cell */
    block *blocks;
    int64_t n_documents, n_cells, n_blocks;
} scratch;

typedef struct {
    const bl_queries *queries;
    const double *gain, *raw, *scale, *weight, *target;
    const bl_lambda_params *params;
    double *gradient, *hessian, *measure;
    const double *table;              /* what a place is worth, or sums of 1 / place */
    scratch *scratch;                 /* one a thread */
} job;

/* ---- one query in order ---------------------------------------------------------- */

static int comes_before(const document *a, const document *b)
{
    return a->score > b->score || (a->score == b->score && a->gain > b->gain);
}

static void sort_run(document *items, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        document item = items[i];
        int64_t j = i;
        for (; j > 0 && comes_before(&item, &items[j - 1]); j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

static void merge(const document *a, int64_t n_a, const document *b, int64_t n_b,
                  document *out)
{
    const document *end_a = a + n_a, *end_b = b + n_b;
    while (a < end_a && b < end_b)
        *out++ = comes_before(b, a) ? *b++ : *a++;
    memcpy(out, a, (size_t)(end_a - a) * sizeof *a);
    memcpy(out + (end_a - a), b, (size_t)(end_b - b) * sizeof *b);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sort the documents by score, then by gain, both falling. */
static void sort_documents(scratch *at)
{
    int64_t n = at->n_documents;
    for (int64_t i = 0; i < n; i += SORTED_RUN)
        sort_run(at->documents + i, smaller(SORTED_RUN, n - i));
    for (int64_t width = SORTED_RUN; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t n_a = smaller(width, n - i), n_b = smaller(width, n - i - n_a);
            merge(at->documents + i, n_a, at->documents + i + n_a, n_b, at->spare + i);
        }
        document *sorted = at->spare;
        at->spare = at->documents;
        at->documents = sorted;
    }
}

static void gather(const job *job, int64_t query, scratch *at)
{
    const bl_queries *queries = job->queries;
    int64_t first = queries->starts[query];
    int by_precision = job->params->ranking == BL_RANK_MAP;
    at->n_documents = queries->starts[query + 1] - first;
    for (int64_t i = 0; i < at->n_documents; i++) {
        int32_t row = queries->rows[first + i];
        double gain = job->gain[row];
        at->documents[i] = (document){
            .score = job->raw[row], .row = row,
            .gain = by_precision ? (double)(gain > 0.0) : gain,
            .copies = queries->copies ? queries->copies[row] : 1,
        };
    }
    sort_documents(at);
}

/* Make cells and blocks of the sorted documents. */
static void make_cells(scratch *at)
{
    int64_t place = 0;
    at->n_cells = at->n_blocks = 0;
    for (int64_t i = 0; i < at->n_documents; i++) {
        const document *one = &at->documents[i];
        int same_score = i > 0 && one->score == one[-1].score;
        if (!same_score)
            at->blocks[at->n_blocks++] = (block){.place = place};
        block *block = &at->blocks[at->n_blocks - 1];
        if (!same_score || one->gain != one[-1].gain) {
            at->score[at->n_cells] = one->score;
            at->gain[at->n_cells] = one->gain;
            at->count[at->n_cells] = 0.0;
            block->last_cell = ++at->n_cells;
        }
        at->count[at->n_cells - 1] += one->copies;
        block->size += one->copies;
        block->hits += one->gain > 0.0 ? one->copies : 0.0;
        place += one->copies;
    }
}

/* ---- what places are worth --------------------------------------------------------- */

/* The mean over pairs of places in the block, given the sum over those that count. */
static double mean_pair(double sum, double size)
{
    return size > 1.0 ? 2.0 * sum / (size * (size - 1.0)) : 0.0;
}

static int64_t head_places(const block *block, int64_t top)
{
    int64_t places = smaller(block->place + block->size, top) - block->place;
    return places > 0 ? places : 0;
}

static void value_by_discount(const double *discount, int64_t top, block *block)
{
    int64_t end = block->place + block->size;
    double size = (double)block->size, all = 0.0, head = 0.0, pairs = 0.0;
    for (int64_t p = end - 1; p >= block->place; p--) {
        if (p < top) {
            pairs += discount[p] * (double)(end - 1 - p) - all;
            head += discount[p];
        }
        all += discount[p];
    }
    block->upper[0] = block->upper[1] = head / size;
    block->lower[0] = block->lower[1] = all / size;
    block->within = mean_pair(pairs, size);
}

static void value_alike(int64_t top, block *block)
{
    double size = (double)block->size, head = (double)head_places(block, top);
    double rest = size - head;
    block->upper[0] = block->upper[1] = block->head;
    block->lower[0] = block->lower[1] = 0.0;
    block->within = mean_pair(0.5 * (size * (size - 1.0) - rest * (rest - 1.0)), size);
}

/* What an exchange changes in the sum of precisions at the places of hits. With `hits`
 * documents of positive gain before the block, and a share rho of hits among the other
 * documents of the block, the expected number of hits down to place p is linear in p.
 * sums[p] is the sum of 1 / place over the first p places, and `before` the expected
 * sum of 1 / place over all hits before the block. */
static void value_by_precision(const double *sums, int64_t top, double hits,
                               double before, block *block)
{
    int64_t first = block->place, end = first + block->size;
    double size = (double)block->size, pairs = 0.0, later = 0.0;
    double after = before + block->hits / size * (sums[end] - sums[first]);
    for (int r = 0; r < 2; r++) {
        double rho = size > 1.0 ? (block->hits - r) / (size - 1.0) : 0.0;
        block->upper[r] = block->lower[r] = 0.0;
        for (int64_t p = first; p < end; p++) {
            double place = (double)(p + 1), others = rho * (double)(p - first);
            if (p < top)
                block->upper[r] += (hits + 1.0 + others) / place
                    + rho * (sums[end] - sums[p + 1]) - after;
            block->lower[r] += (hits + r + others) / place - before
                - rho * (sums[p] - sums[first]);
        }
        block->upper[r] /= size;
        block->lower[r] /= size;
    }
    double rho = size > 2.0 ? (block->hits - 1.0) / (size - 2.0) : 0.0;
    for (int64_t p = end - 1; p >= first; p--) {
        double place = (double)(p + 1), others = hits + 1.0 + rho * (double)(p - first);
        if (p < top)
            pairs += (others / place - rho * sums[p + 1]) * (double)(end - 1 - p) - later;
        later += (others - rho) / place - rho * sums[p];
    }
    block->within = mean_pair(pairs, size);
}

static void value_blocks(const job *job, scratch *at)
{
    int64_t top = job->params->top, cell = 0;
    double hits = 0.0, before = 0.0;
    for (int64_t b = 0; b < at->n_blocks; b++) {
        block *block = &at->blocks[b];
        block->head = (double)head_places(block, top) / (double)block->size;
        if (job->params->ranking == BL_RANK_NDCG)
            value_by_discount(job->table, top, block);
        else if (job->params->ranking == BL_RANK_PAIRS)
            value_alike(top, block);
        else {
            const double *from = job->table + block->place;
            value_by_precision(job->table, top, hits, before, block);
            before += block->hits / (double)block->size * (from[block->size] - *from);
            hits += block->hits;
        }
        for (; cell < block->last_cell; cell++)
            at->lower[cell] = block->lower[at->gain[cell] > 0.0];
    }
}

/* ---- lambdas ----------------------------------------------------------------------- */

static double total_of(const double *lanes)
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))
        + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* Compare a cell with those after it; returns the sum of absolute slopes. */
static double compare(const bl_pair_rule *rule, scratch *at, const block *block,
                      int64_t cell)
{
    bl_pair_sums sums = {{0}, {0}, {0}};
    bl_ranked one = {.score = at->score[cell], .gain = at->gain[cell],
                     .count = at->count[cell], .upper = block->within, .head = 0.0};
    int64_t next = cell + 1, end = block->last_cell;
    bl_cpu()->rank_against(&one, at->score + next, at->gain + next, at->lower + next,
                           at->count + next, end - next, rule, at->gradient + next,
                           at->hessian + next, &sums);
    one.upper = block->upper[one.gain > 0.0];
    one.head = block->head;
    bl_cpu()->rank_against(&one, at->score + end, at->gain + end, at->lower + end,
                           at->count + end, at->n_cells - end, rule, at->gradient + end,
                           at->hessian + end, &sums);
    at->gradient[cell] += total_of(sums.gradient);
    at->hessian[cell] += total_of(sums.hessian);
    return one.count * total_of(sums.size);
}

static void write_rows(const job *job, const scratch *at, double factor)
{
    int64_t cell = 0;
    for (int64_t i = 0; i < at->n_documents; i++) {
        const document *one = &at->documents[i];
        if (i > 0 && (one->score != one[-1].score || one->gain != one[-1].gain))
            cell++;
        double times = factor * one->copies;
        job->gradient[one->row] = times * at->gradient[cell];
        job->hessian[one->row] = times * at->hessian[cell];
    }
}

static void derive_query(const job *job, int64_t query, scratch *at)
{
    const bl_lambda_params *params = job->params;
    double scale = job->scale[query], size = 0.0;
    int64_t cell = 0;
    gather(job, query, at);
    make_cells(at);
    memset(at->gradient, 0, (size_t)at->n_cells * sizeof *at->gradient);
    memset(at->hessian, 0, (size_t)at->n_cells * sizeof *at->hessian);
    if (scale > 0.0) {
        value_blocks(job, at);
        bl_pair_rule rule = {
            .sigmoid = params->sigmoid, .by_gain = params->ranking == BL_RANK_NDCG,
            .by_distance = params->normalize && at->n_blocks > 1,
        };
        for (int64_t b = 0; b < at->n_blocks && at->blocks[b].place < params->top; b++)
            for (; cell < at->blocks[b].last_cell; cell++)
                size += compare(&rule, at, &at->blocks[b], cell);
        size *= 2.0 * scale;
        if (params->normalize && size > 0.0)
            scale *= bl_log1p(size) * BL_LOG2_E / size;
    }
    write_rows(job, at, scale * job->weight[query]);
}

/* ---- measures ---------------------------------------------------------------------- */

/* Mean over the orders of each block. */
static double discounted_gain(const job *job, const scratch *at)
{
    double sum = 0.0;
    int64_t cell = 0;
    for (int64_t b = 0; b < at->n_blocks; b++) {
        const block *block = &at->blocks[b];
        double gains = 0.0, places = 0.0;
        if (block->place >= job->params->top)
            break;
        for (; cell < block->last_cell; cell++)
            gains += at->count[cell] * at->gain[cell];
        for (int64_t i = 0; i < head_places(block, job->params->top); i++)
            places += job->table[block->place + i];
        sum += gains * places / (double)block->size;
    }
    return sum;
}

static double average_precision(const scratch *at)
{
    double sum = 0.0, hits = 0.0;
    for (int64_t b = 0; b < at->n_blocks; b++) {
        const block *block = &at->blocks[b];
        double size = (double)block->size, precisions = 0.0;
        double rho = size > 1.0 ? (block->hits - 1.0) / (size - 1.0) : 0.0;
        for (int64_t i = 0; block->hits > 0.0 && i < block->size; i++)
            precisions += (hits + 1.0 + rho * (double)i) / (double)(block->place + i + 1);
        sum += block->hits * precisions / size;
        hits += block->hits;
    }
    return hits > 0.0 ? sum / hits : 0.0;
}

static double pair_losses(const job *job, const scratch *at)
{
    double sums[8] = {0}, sigmoid = job->params->sigmoid;
    int64_t cell = 0, n = at->n_cells;
    for (int64_t b = 0; b < at->n_blocks && at->blocks[b].head > 0.0; b++)
        for (int64_t end = at->blocks[b].last_cell; cell < end; cell++) {
            bl_ranked one = {.score = at->score[cell], .gain = at->gain[cell],
                             .count = at->count[cell], .upper = at->blocks[b].within};
            const double *score = at->score + cell + 1, *gain = at->gain + cell + 1;
            bl_cpu()->rank_losses(&one, score, gain, at->count + cell + 1,
                                  end - cell - 1, sigmoid, sums);
            one.upper = at->blocks[b].head;
            bl_cpu()->rank_losses(&one, at->score + end, at->gain + end, at->count + end,
                                  n - end, sigmoid, sums);
        }
    return total_of(sums);
}

static void measure_query(const job *job, int64_t query, scratch *at)
{
    double *measure = &job->measure[query];
    gather(job, query, at);
    make_cells(at);
    if (job->params->ranking == BL_RANK_NDCG)
        *measure = discounted_gain(job, at);
    else if (job->params->ranking == BL_RANK_MAP)
        *measure = average_precision(at);
    else {
        value_blocks(job, at);
        *measure = pair_losses(job, at);
    }
}

/* ---- all queries ------------------------------------------------------------------- */

static void rank_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * QUERIES_A_TASK, job->queries->n_queries);
    for (int64_t query = task * QUERIES_A_TASK; query < last; query++)
        if (job->measure)
            measure_query(job, query, &job->scratch[thread]);
        else
            derive_query(job, query, &job->scratch[thread]);
}

static void free_scratch(scratch *at, int n_threads)
{
    for (int i = 0; at && i < n_threads; i++) {
        free(at[i].documents < at[i].spare ? at[i].documents : at[i].spare);
        free(at[i].score);
        free(at[i].blocks);
    }
    free(at);
}

static scratch *new_scratch(int64_t longest, int n_threads)
{
    size_t n = (size_t)longest;
    scratch *all = calloc((size_t)n_threads, sizeof *all);
    for (int i = 0; all && i < n_threads; i++) {
        scratch *at = &all[i];
        at->documents = malloc(2 * n * sizeof *at->documents);
        at->score = malloc(6 * n * sizeof *at->score);
        at->blocks = malloc(n * sizeof *at->blocks);
        at->spare = at->documents;
        if (!at->documents || !at->score || !at->blocks) {
            free_scratch(all, n_threads);
            return NULL;
        }
        at->spare += n;
        at->gain = at->score + n;
        at->count = at->gain + n;
        at->lower = at->count + n;
        at->gradient = at->lower + n;
        at->hessian = at->gradient + n;
    }
    return all;
}

/* The most rows, and the most documents (copies counted), of a query. */
static void extents(const bl_queries *queries, int64_t *rows, int64_t *documents)
{
    *rows = *documents = 1;
    for (int64_t q = 0; q < queries->n_queries; q++) {
        int64_t first = queries->starts[q], last = queries->starts[q + 1], sum = 0;
        for (int64_t i = first; i < last && queries->copies; i++)
            sum += queries->copies[queries->rows[i]];
        sum = queries->copies ? sum : last - first;
        *rows = last - first > *rows ? last - first : *rows;
        *documents = sum > *documents ? sum : *documents;
    }
}

/* Place p is worth 1 / log2(p + 2), counted from 0; or the sums of 1 / (p + 1). */
static double *new_table(bl_ranking ranking, int64_t n_places)
{
    double *table = malloc((size_t)(n_places + 1) * sizeof *table);
    if (!table)
        return NULL;
    for (int64_t p = 0; p <= n_places; p++)
        if (ranking == BL_RANK_MAP)
            table[p] = p > 0 ? table[p - 1] + 1.0 / (double)p : 0.0;
        else
            table[p] = 1.0 / (bl_log((double)(p + 2)) * BL_LOG2_E);
    return table;
}

static int run(job *job, int n_threads)
{
    int64_t longest, n_places;
    int64_t n_tasks = (job->queries->n_queries + QUERIES_A_TASK - 1) / QUERIES_A_TASK;
    extents(job->queries, &longest, &n_places);
    n_threads = (int)smaller(n_threads, n_tasks > 0 ? n_tasks : 1);
    double *table = new_table(job->params->ranking, n_places);
    job->table = table;
    job->scratch = table ? new_scratch(longest, n_threads) : NULL;
    if (job->scratch)
        bl_parallel_for(rank_task, job, n_tasks, n_threads);
    int done = job->scratch != NULL;
    free_scratch(job->scratch, n_threads);
    free(table);
    return done ? BL_OK : BL_NO_MEMORY;
}

int bl_lambdas(const bl_queries *queries, const double *gain, const double *raw,
               const double *scale, const double *weight,
               const bl_lambda_params *params, double *gradient, double *hessian,
               int n_threads)
{
    job job = {
        .queries = queries, .gain = gain, .raw = raw, .scale = scale, .weight = weight,
        .params = params, .gradient = gradient, .hessian = hessian,
    };
    return run(&job, n_threads);
}

int bl_rank_measure(const bl_queries *queries, const double *gain, const double *raw,
                    const bl_lambda_params *params, double *measure, int n_threads)
{
    job job = {.queries = queries, .gain = gain, .raw = raw, .params = params,
               .measure = measure};
    return run(&job, n_threads);
}

/* ---- cross-entropy ------------------------------------------------------------------ */

static void entropy_query(const job *job, int64_t query)
{
    const bl_queries *queries = job->queries;
    int64_t first = queries->starts[query], last = queries->starts[query + 1];
    double most = -INFINITY, sum = 0.0, targets = 0.0, loss = 0.0;
    for (int64_t i = first; i < last; i++) {
        double raw = job->raw[queries->rows[i]];
        most = raw > most ? raw : most;
    }
    for (int64_t i = first; i < last; i++) {
        int32_t row = queries->rows[i];
        double copies = queries->copies ? queries->copies[row] : 1.0;
        sum += copies * bl_exp_clipped(job->raw[row] - most);
        targets += copies * job->target[row];
    }
    for (int64_t i = first; i < last; i++) {
        int32_t row = queries->rows[i];
        double copies = queries->copies ? queries->copies[row] : 1.0;
        double times = targets > 0.0 ? copies * job->weight[query] : 0.0;
        double share = targets > 0.0 ? job->target[row] / targets : 0.0;
        double rho = bl_exp_clipped(job->raw[row] - most) / sum;
        if (job->gradient) {
            job->gradient[row] = times * (rho - share);
            job->hessian[row] = times * rho * (1.0 - rho);
        }
        loss += copies * share * (bl_log(sum) - (job->raw[row] - most));
    }
    if (job->measure)
        job->measure[query] = loss;
}

static void entropy_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * QUERIES_A_TASK, job->queries->n_queries);
    (void)thread;
    for (int64_t query = task * QUERIES_A_TASK; query < last; query++)
        entropy_query(job, query);
}

void bl_rank_entropy(const bl_queries *queries, const double *target,
                     const double *raw, const double *weight, double *gradient,
                     double *hessian, double *losses, int n_threads)
{
    job job = {
        .queries = queries, .target = target, .raw = raw, .weight = weight,
        .gradient = gradient, .hessian = hessian, .measure = losses,
    };
    int64_t n_tasks = (queries->n_queries + QUERIES_A_TASK - 1) / QUERIES_A_TASK;
    bl_parallel_for(entropy_task, &job, n_tasks, n_threads);
}
