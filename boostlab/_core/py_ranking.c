/* Ranking losses and measures, for Python. */
#include "py_core.h"

/* More copies of a document, or more documents of a query, than this are a mistake. */
#define MAX_COPIES ((int64_t)1 << 24)

static int check_queries(const bl_queries *queries, Py_ssize_t n_rows)
{
    const int64_t *starts = queries->starts;
    if (queries->n_queries < 0 || starts[0] != 0 || starts[queries->n_queries] != n_rows)
        return fail("starts must begin with 0 and end with the number of rows");
    for (int64_t q = 0; q < queries->n_queries; q++)
        if (starts[q + 1] <= starts[q])
            return fail("starts must ascend: every query has a row");
    for (Py_ssize_t i = 0; i < n_rows; i++)
        if (queries->rows[i] < 0 || queries->rows[i] >= n_rows)
            return fail("a row of a query is not in 0 .. n - 1");
    for (int64_t q = 0; q < queries->n_queries && queries->copies; q++) {
        int64_t sum = 0;
        for (int64_t i = starts[q]; i < starts[q + 1]; i++) {
            int32_t copies = queries->copies[queries->rows[i]];
            if (copies < 1 || (sum += copies) > MAX_COPIES)
                return fail("copies must be at least 1, and a query at most 2^24 "
                            "documents with all copies");
        }
    }
    return 1;
}

/* The queries and two vectors of their rows. */
static int queries_of(buffers *held, PyObject *starts, PyObject *rows, PyObject *copies,
                      PyObject *gain, PyObject *raw, bl_queries *queries,
                      const double **gain_out, const double **raw_out)
{
    queries->starts = vector(held, starts, "starts", I64, -1, READ);
    if (!queries->starts)
        return 0;
    queries->n_queries = length_of(held) - 1;
    queries->rows = vector(held, rows, "rows", I32, -1, READ);
    if (!queries->rows)
        return 0;
    Py_ssize_t n = length_of(held);
    *gain_out = vector(held, gain, "gain", F64, n, READ);
    *raw_out = *gain_out ? vector(held, raw, "raw", F64, n, READ) : NULL;
    return *raw_out
        && optional(held, copies, "copies", I32, n, READ, (void **)&queries->copies)
        && check_queries(queries, n);
}

static int check_params(const bl_lambda_params *params)
{
    if (params->ranking < 0 || params->ranking >= BL_N_RANKINGS)
        return fail("unknown ranking");
    if (params->top < 1)
        return fail("top must be at least 1");
    return params->sigmoid > 0.0 ? 1 : fail("sigmoid must be greater than 0");
}

static PyObject *core_lambdas(PyObject *self, PyObject *args)
{
    PyObject *starts, *rows, *copies, *gain, *raw, *scale, *weight, *g, *h;
    buffers held = {.count = 0};
    bl_queries queries = {.copies = NULL};
    bl_lambda_params params;
    const double *gains, *raws;
    int ranking, n_threads, status = BL_OK, done = 0;
    long long top;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOOOOOLdpOOi:lambdas", &ranking, &starts, &rows,
                          &copies, &gain, &raw, &scale, &weight, &top, &params.sigmoid,
                          &params.normalize, &g, &h, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    params.ranking = (bl_ranking)ranking;
    params.top = top;
    if (check_params(&params)
        && queries_of(&held, starts, rows, copies, gain, raw, &queries, &gains, &raws)) {
        Py_ssize_t n = queries.starts[queries.n_queries], q = queries.n_queries;
        double *scales = vector(&held, scale, "scale", F64, q, READ);
        double *weights = scales ? vector(&held, weight, "weight", F64, q, READ) : NULL;
        double *gradient = weights ? vector(&held, g, "gradient", F64, n, WRITE) : NULL;
        double *hessian = gradient ? vector(&held, h, "hessian", F64, n, WRITE) : NULL;
        if (hessian) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_lambdas(&queries, gains, raws, scales, weights, &params,
                                gradient, hessian, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    if (done && status != BL_OK)
        return status_error(status);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_rank_measure(PyObject *self, PyObject *args)
{
    PyObject *starts, *rows, *copies, *gain, *raw, *out;
    buffers held = {.count = 0};
    bl_queries queries = {.copies = NULL};
    bl_lambda_params params = {.normalize = 0};
    const double *gains, *raws;
    int ranking, n_threads, status = BL_OK, done = 0;
    long long top;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOOOLdOi:rank_measure", &ranking, &starts, &rows,
                          &copies, &gain, &raw, &top, &params.sigmoid, &out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    params.ranking = (bl_ranking)ranking;
    params.top = top;
    if (check_params(&params)
        && queries_of(&held, starts, rows, copies, gain, raw, &queries, &gains, &raws)) {
        double *measure =
            vector(&held, out, "measure", F64, (Py_ssize_t)queries.n_queries, WRITE);
        if (measure) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_rank_measure(&queries, gains, raws, &params, measure, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    if (done && status != BL_OK)
        return status_error(status);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_rank_entropy(PyObject *self, PyObject *args)
{
    PyObject *starts, *rows, *copies, *target, *raw, *weight, *g, *h, *out;
    buffers held = {.count = 0};
    bl_queries queries = {.copies = NULL};
    const double *targets, *raws;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOi:rank_entropy", &starts, &rows, &copies,
                          &target, &raw, &weight, &g, &h, &out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (queries_of(&held, starts, rows, copies, target, raw, &queries, &targets, &raws)) {
        Py_ssize_t n = queries.starts[queries.n_queries], q = queries.n_queries;
        void *gradient = NULL, *hessian = NULL, *losses = NULL;
        double *weights = vector(&held, weight, "weight", F64, q, READ);
        if (weights && optional(&held, g, "gradient", F64, n, WRITE, &gradient)
            && optional(&held, h, "hessian", F64, n, WRITE, &hessian)
            && optional(&held, out, "losses", F64, q, WRITE, &losses)
            && (!gradient == !hessian
                || fail("gradient and hessian must be given together"))) {
            Py_BEGIN_ALLOW_THREADS
            bl_rank_entropy(&queries, targets, raws, weights, gradient, hessian, losses,
                            n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef py_ranking_methods[] = {
    {"lambdas", core_lambdas, METH_VARARGS,
     "lambdas(ranking, starts, rows, copies, gain, raw, scale, weight, top, sigmoid, "
     "normalize, gradient, hessian, n_threads)"},
    {"rank_measure", core_rank_measure, METH_VARARGS,
     "rank_measure(ranking, starts, rows, copies, gain, raw, top, sigmoid, measure, "
     "n_threads)"},
    {"rank_entropy", core_rank_entropy, METH_VARARGS,
     "rank_entropy(starts, rows, copies, target, raw, weight, gradient, hessian, losses, "
     "n_threads)"},
    {NULL, NULL, 0, NULL},
};
