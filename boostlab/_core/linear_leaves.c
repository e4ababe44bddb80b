/* Linear models in the leaves of a tree, evaluated on raw rows. */
#include "load.h"
#include "kernels.h"

enum { LINEAR_ROWS = 4096 };

typedef struct {
    const bl_leaf_models *models;
    const bl_matrix *x;
    const int32_t *ids;
    double *outputs;
} linear_job;

static double load(const bl_matrix *x, int64_t row, int32_t feature)
{
    const char *at = x->data + row * x->row_stride + feature * x->feature_stride;
    return x->dtype == BL_FLOAT32 ? bl_load_float32(at) : bl_load_float64(at);
}

/* Whether all features of a model have finite values in this row. */
static int is_known(const bl_matrix *x, int64_t row, const int32_t *features,
                    int32_t width)
{
    for (int32_t d = 0; d < width; d++) {
        double value = load(x, row, features[d]);
        if (!(value - value == 0.0))
            return 0;
    }
    return 1;
}

/* One output of one row; the terms are added in the order of the features. */
static double evaluate(const linear_job *job, int64_t row, int64_t model, int32_t k)
{
    const bl_leaf_models *m = job->models;
    int64_t first = model * m->width;
    double sum = m->intercept[model * m->n_outputs + k];
    for (int64_t d = first; d < first + m->width; d++) {
        double value = load(job->x, row, m->features[d]);
        value = value < m->low[d] ? m->low[d] : value;
        value = value > m->high[d] ? m->high[d] : value;
        sum += (value - m->center[d]) * m->coef[d * m->n_outputs + k];
    }
    return sum;
}

static void linear_task(void *context, int64_t task, int thread)
{
    const linear_job *job = context;
    const bl_leaf_models *m = job->models;
    int64_t n = job->x->n_rows, first = task * LINEAR_ROWS, last = first + LINEAR_ROWS;
    (void)thread;
    last = last < n ? last : n;
    for (int64_t i = first; i < last; i++) {
        int64_t model = m->model_of[job->ids[i]];
        if (model < 0 || !is_known(job->x, i, m->features + model * m->width, m->width))
            continue;
        for (int32_t k = 0; k < m->n_outputs; k++)
            job->outputs[k * n + i] = evaluate(job, i, model, k);
    }
}

void bl_linear_leaves(const bl_leaf_models *models, const bl_matrix *x,
                      const int32_t *ids, double *outputs, int n_threads)
{
    linear_job job = {models, x, ids, outputs};
    int64_t n_tasks = (x->n_rows + LINEAR_ROWS - 1) / LINEAR_ROWS;
    bl_parallel_for(linear_task, &job, n_tasks, n_threads);
}
