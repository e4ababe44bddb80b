/* From derivatives to integer words; boostlab_core.h has the rules. */
#include "grower.h"

#include <math.h>
#include <string.h>

enum {
    FINE_ROWS = 1 << 24,           /* more rows of 12-bit hessians could fill a cell */
    WIDE_ROWS = 16384,             /* up to here precision costs less than it brings */
    EXTENT_BLOCKS = 16,            /* blocks of one task */
    TAIL_BITS = 15,                /* of the gradients whose squares are summed */
    MOST_BITS = 40,                /* of a quantum: more would only copy float64 noise */
    FINE_BITS = 24                 /* quanta this fine are rounded, not dithered */
};

static const double *output_of(const double *values, const bl_grower *s, int64_t k)
{
    return values ? values + k * s->bins->n_rows : NULL;
}

static const double *from(const double *values, int64_t row)
{
    return values ? values + row : NULL;
}

static void extent_task(void *context, int64_t group, int thread)
{
    bl_grower *s = context;
    const bl_target *target = s->target;
    int64_t n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    int64_t last = (group + 1) * EXTENT_BLOCKS;
    (void)thread;
    last = last < n_blocks ? last : n_blocks;
    for (int64_t block = group * EXTENT_BLOCKS; block < last; block++) {
        int64_t first = block * BL_SUM_BLOCK;
        int64_t n = s->n - first < BL_SUM_BLOCK ? s->n - first : BL_SUM_BLOCK;
        int64_t offset = target->rows ? 0 : first;
        s->extents[block] = (bl_extent){0};
        for (int64_t k = 0; k < target->n_outputs; k++)
            s->kernels->extent(from(output_of(target->gradient, s, k), offset),
                               from(output_of(target->hessian, s, k), offset),
                               from(target->weight, offset),
                               target->rows ? target->rows + first : NULL, n,
                               s->extents + block);
    }
}

double bl_scale_for(double greatest, int bits)
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

static void squares_task(void *context, int64_t task, int thread)
{
    bl_grower *s = context;
    const int32_t *rows = s->target->rows;
    int64_t first = task * BL_TASK_ROWS, sum = 0;
    int64_t n = s->n - first < BL_TASK_ROWS ? s->n - first : BL_TASK_ROWS;
    double scale = bl_scale_for(s->extent.max_g, TAIL_BITS);
    (void)thread;
    for (int64_t k = 0; k < s->target->n_outputs; k++) {
        const double *gradient = output_of(s->target->gradient, s, k);
        for (int64_t i = first; i < first + n; i++) {
            double scaled = gradient[rows ? rows[i] : i] * scale;
            sum += (int64_t)(scaled * scaled + 0.5);
        }
    }
    s->task_totals[task * s->cell_words] = sum;
}

/* Far from the limits, the float64 sum of squares tells the same, and it is there. */
static int is_clear(const bl_grower *s, double tail)
{
    double max_g = s->extent.max_g;
    int coarse = tail > 0.98 * 64 * 64 && tail < 1.02 * 64 * 64;
    int finer = tail > 0.98 * 512 * 512 && tail < 1.02 * 512 * 512;
    return !s->target->parts && max_g > 1e-140 && max_g < 1e140 && !coarse && !finer;
}

/* The square of the greatest gradient over the mean square. */
static double tail_of(bl_grower *s)
{
    double n_values = (double)s->n_all * (double)s->target->n_outputs;
    double greatest = s->extent.max_g * bl_scale_for(s->extent.max_g, TAIL_BITS);
    double tail = s->extent.max_g * s->extent.max_g / (s->extent.sum_gg / n_values);
    int64_t n_tasks = (s->n + BL_TASK_ROWS - 1) / BL_TASK_ROWS, sum = 0;
    if (is_clear(s, tail))
        return tail;
    bl_parallel_for(squares_task, s, n_tasks, s->n_threads);
    for (int64_t t = 0; t < n_tasks; t++)
        sum += s->task_totals[t * s->cell_words];
    bl_reduce(s, &sum, 1, BL_REDUCE_SUM);
    return sum > 0 ? greatest * greatest / ((double)sum / n_values) : 0.0;
}

static bl_format choose_format(bl_grower *s)
{
    const bl_extent *extent = &s->extent;
    int has_hessian = s->target->hessian != NULL, weighted = s->target->weight != NULL;
    int64_t n = s->n_all;
    bl_format format = {.has_hessian = has_hessian, .lanes = s->format.lanes,
                        .w_bits = 64, .w_scale = 1.0, .h_scale = 1.0};
    int log2_n = 0, g_bits, h_bits = FINE_BITS, w_bits = 0;
    double tail = has_hessian && !weighted && n > WIDE_ROWS ? tail_of(s) : 0.0;
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
    format.g_scale = bl_scale_for(extent->max_g, g_bits);
    if (has_hessian)
        format.h_scale = bl_scale_for(extent->max_h, h_bits);
    if (weighted)
        format.w_scale = bl_scale_for(extent->max_w, w_bits);
    return format;
}

/* Add the words of a block of rows, which the lanes hold, to a cell. */
static void add_block(const bl_grower *s, const int32_t *rows, int64_t n, int64_t *total)
{
    int64_t sums[2 * BL_MAX_LANES] = {0};
    int lanes = s->format.lanes;
    int stretch = s->row_words == 1 && !s->target->rows;    /* the hot case */
    for (int64_t i = 0; stretch && i < n; i++)
        sums[0] += s->words[rows[0] + i];
    for (int64_t i = 0; !stretch && i < n; i++) {
        const int64_t *words = s->words + (int64_t)rows[i] * s->row_words;
        for (int j = 0; j < s->row_words; j++)
            sums[j] += words[j];
    }
    for (int k = 0; k < lanes; k++) {
        bl_cell cell = {sums[k], (uint64_t)sums[lanes + k]};
        if (!s->format.wide)
            cell = bl_widen(sums[k], &s->format);
        total[k] += cell.g;
        total[lanes + k] = (int64_t)((uint64_t)total[lanes + k] + cell.hw);
    }
}

/* The seed of the dither of an output: by it, rows count from the first of all parts. */
static uint64_t seed_of(const bl_grower *s, int64_t k)
{
    const bl_parts *parts = s->target->parts;
    return bl_hash_from(bl_hash_output(s->params->seed, k), parts ? parts->first_row : 0);
}

/* Narrow words of several outputs: each output's in one stretch, which is fast, and then
 * side by side. */
static void quantize_lanes(bl_grower *s, int64_t first, int64_t n, int64_t *stretch)
{
    const bl_target *target = s->target;
    int64_t lanes = s->format.lanes;
    for (int64_t k = 0; k < lanes; k++) {
        int64_t *words = s->words + first * lanes + k;
        if (k < target->n_outputs)
            s->kernels->quantize(output_of(target->gradient, s, k) + first,
                                 from(output_of(target->hessian, s, k), first),
                                 from(target->weight, first), NULL, 0, n, &s->format,
                                 bl_hash_from(seed_of(s, k), first),
                                 1, stretch);
        else
            memset(stretch, 0, (size_t)n * sizeof *stretch);
        for (int64_t i = 0; i < n; i++)
            words[i * lanes] = stretch[i];
    }
}

static void quantize_task(void *context, int64_t task, int thread)
{
    bl_grower *s = context;
    const bl_target *target = s->target;
    int64_t first = task * BL_TASK_ROWS, lanes = s->format.lanes;
    int64_t n = s->n - first < BL_TASK_ROWS ? s->n - first : BL_TASK_ROWS;
    int64_t *total = s->task_totals + task * s->cell_words;
    int stretches = lanes > 1 && !s->format.wide && !target->rows;
    for (int64_t at = 0; stretches && at < n; at += BL_SUM_BLOCK)
        quantize_lanes(s, first + at, n - at < BL_SUM_BLOCK ? n - at : BL_SUM_BLOCK,
                       bl_thread_words(s, thread));
    for (int64_t k = 0; !stretches && k < lanes; k++)
        if (k < target->n_outputs)
            s->kernels->quantize(output_of(target->gradient, s, k),
                                 output_of(target->hessian, s, k), target->weight,
                                 target->rows, first, n, &s->format,
                                 seed_of(s, k), s->row_words,
                                 s->words + k);
        else
            for (int64_t i = first; i < first + n; i++) {    /* outputs that pad */
                int64_t row = target->rows ? target->rows[i] : i;
                s->words[row * s->row_words + k] = 0;
                s->words[row * s->row_words + s->row_words - lanes + k] = 0;
            }
    if (target->rows)
        memcpy(s->order + first, target->rows + first, (size_t)n * sizeof *s->order);
    else
        for (int64_t i = first; i < first + n; i++)
            s->order[i] = (int32_t)i;
    memset(total, 0, (size_t)s->cell_words * sizeof *total);
    for (int64_t at = 0; at < n; at += s->format.block_rows)
        add_block(s, s->order + first + at,
                  n - at < s->format.block_rows ? n - at : s->format.block_rows, total);
}

static void fold_extents(bl_grower *s, int64_t n_blocks)
{
    bl_extent *all = &s->extent;
    for (int64_t b = 0; b < n_blocks; b++) {
        const bl_extent *extent = s->extents + b;
        all->max_g = extent->max_g > all->max_g ? extent->max_g : all->max_g;
        all->max_h = extent->max_h > all->max_h ? extent->max_h : all->max_h;
        all->max_w = extent->max_w > all->max_w ? extent->max_w : all->max_w;
        all->sum_gg += extent->sum_gg;
        all->not_finite |= extent->not_finite;
        all->fractional |= extent->fractional;
        all->negative |= extent->negative;
    }
}

int bl_make_words(bl_grower *s)
{
    int64_t n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    int64_t n_tasks = (s->n + BL_TASK_ROWS - 1) / BL_TASK_ROWS;
    bl_parallel_for(extent_task, s, (n_blocks + EXTENT_BLOCKS - 1) / EXTENT_BLOCKS,
                    s->n_threads);
    fold_extents(s, n_blocks);
    int status = bl_reduce_extent(s);
    if (status != BL_OK)
        return status;
    if (s->extent.not_finite)
        return BL_NOT_FINITE;
    if (s->extent.negative)
        return BL_NEGATIVE;
    s->format = choose_format(s);
    s->row_words = s->format.wide ? 2 * s->format.lanes : s->format.lanes;
    memset(s->cleared, 0, sizeof s->cleared);
    bl_parallel_for(quantize_task, s, n_tasks, s->n_threads);
    memset(s->totals, 0, (size_t)s->cell_words * sizeof *s->totals);
    for (int64_t t = 0; t < n_tasks; t++)
        for (int j = 0; j < s->cell_words; j++)
            s->totals[j] = (int64_t)((uint64_t)s->totals[j]
                                     + (uint64_t)s->task_totals[t * s->cell_words + j]);
    bl_reduce(s, s->totals, s->cell_words, BL_REDUCE_SUM);
    return s->failed;
}
